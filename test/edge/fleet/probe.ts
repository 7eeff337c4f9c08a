import { once } from "node:events";
import { WebSocket } from "ws";
import { WIRE_VERSION } from "../../../shared/wire/frames.ts";

type Frame = { readonly t: string; readonly [field: string]: unknown };

/** A probe made of a socket: it says what the test says, and keeps what the hub sends. */
export type FakeProbe = {
  say(frame: Frame): void;
  /** The next frame of that type, also when it came before. */
  heard(type: string): Promise<Frame>;
  /** Close code of the hub's. */
  readonly closed: Promise<number>;
  leave(): Promise<void>;
};

/** Connects; rejects with the HTTP status as message when the door refuses. */
export async function connectProbe(url: string, token: string, region = "eu"): Promise<FakeProbe> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/probes/connect?region=${region}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const frames: Frame[] = [];
  const waiting: { readonly type: string; readonly resolve: (frame: Frame) => void }[] = [];
  socket.on("message", (data) => {
    const frame: Frame = JSON.parse(String(data));
    const at = waiting.findIndex(({ type }) => type === frame.t);
    if (at < 0) frames.push(frame);
    else waiting.splice(at, 1)[0]?.resolve(frame);
  });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  const refused = once(socket, "unexpected-response").then(([request, response]) => {
    request.destroy();
    throw new Error(String(response.statusCode));
  });
  // Destroying the request of a refused upgrade raises an error that says nothing more.
  socket.on("error", () => undefined);
  await Promise.race([once(socket, "open"), refused]);
  refused.catch(() => undefined);
  return {
    say: (frame) => socket.send(JSON.stringify(frame)),
    heard(type) {
      const at = frames.findIndex((frame) => frame.t === type);
      const frame = at < 0 ? undefined : frames.splice(at, 1)[0];
      return frame === undefined ? new Promise((resolve) => waiting.push({ type, resolve })) : Promise.resolve(frame);
    },
    closed,
    async leave() {
      socket.close();
      await closed;
    },
  };
}

/** Connects and introduces itself; resolves when the hub says welcome. */
export async function onlineProbe(url: string, token: string, more: object = {}): Promise<FakeProbe> {
  const probe = await connectProbe(url, token);
  probe.say({
    t: "hello",
    v: WIRE_VERSION,
    probe: token.split("_")[1] ?? "",
    build: "test",
    region: "eu",
    sources: [{ address: "192.0.2.1", helo: "probe-1.example.net" }],
    slots: 2,
    window: 100,
    capabilities: ["detach", "parts", "quarantine"],
    leases: [],
    ...more,
  });
  await probe.heard("welcome");
  return probe;
}
