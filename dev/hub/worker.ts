import { readEnv } from "../../edge/env.ts";
import { admitProbe } from "../../edge/hub/door.ts";
import { type HubRpc, hubFor } from "../../edge/hub/rpc.ts";

export { ProbeHub } from "../../edge/hub/object.ts";

type RawEnv = Parameters<typeof readEnv>[0];

const announced: unknown[] = [];

/** A Worker with nothing but hubs: their door, and their calls as `POST /rpc?hub=…&method=…` with a JSON array. */
const worker = {
  async fetch(request: Request, raw: RawEnv): Promise<Response> {
    const env = readEnv(raw);
    const url = new URL(request.url);
    if (url.pathname === "/v1/probes/connect") return admitProbe(env, request);
    if (url.pathname === "/empty") return new Response("ok");
    if (url.pathname === "/announced") return Response.json(announced);
    if (url.pathname !== "/rpc") return new Response("not found", { status: 404 });
    const hub = hubFor(env, url.searchParams.get("hub") ?? "");
    const method = url.searchParams.get("method") as keyof HubRpc;
    const args = (await request.json()) as unknown[];
    const call = hub[method] as (...args: unknown[]) => Promise<unknown>;
    return Response.json((await call(...args)) ?? null);
  },
  async queue(batch: { messages: readonly { body: unknown }[] }): Promise<void> {
    for (const message of batch.messages) announced.push(message.body);
  },
};

// biome-ignore lint/style/noDefaultExport: a Worker's handlers are its default export
export default worker;
