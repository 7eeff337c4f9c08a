import { Agent, request } from "undici";
import { isPublicAddress } from "../../shared/net/public-address.ts";
import { ANY_SOURCE, type ProbeConfig } from "../config.ts";
import { EDGE_TIMEOUT_MS } from "./limits.ts";
import type { EdgeAnswer, Source } from "./types.ts";

/**
 * Asks the edge who we are: tells whether it can be reached, takes our token, has our time, and which address it sees.
 * Never rejects.
 * @param local address to ask from, or null
 */
async function askEdge(config: ProbeConfig, local: string | null, signal: AbortSignal): Promise<EdgeAnswer> {
  const agent = new Agent({
    connect: { ...(local === null ? {} : { localAddress: local }), timeout: EDGE_TIMEOUT_MS },
  });
  const startedMs = Date.now();
  try {
    const response = await request(new URL("/v1/probes/self", config.edgeUrl ?? ""), {
      dispatcher: agent,
      headers: config.token === null ? {} : { authorization: `Bearer ${config.token}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(EDGE_TIMEOUT_MS)]),
      headersTimeout: EDGE_TIMEOUT_MS,
      bodyTimeout: EDGE_TIMEOUT_MS,
    });
    const middleMs = (startedMs + Date.now()) / 2;
    const body: unknown = await response.body.json().catch(() => null);
    const { date } = response.headers;
    const skewMs = typeof date === "string" ? Date.parse(date) + 500 - middleMs : Number.NaN;
    return {
      kind: "answered",
      status: response.statusCode,
      detail: textOf(body, "detail") ?? "",
      skewMs: Number.isNaN(skewMs) ? null : Math.round(skewMs),
      observed: textOf(body, "address"),
    };
  } catch (error) {
    return { kind: "unreachable", detail: describe(error) };
  } finally {
    await agent.destroy();
  }
}

/** The source addresses with what the internet takes them for, and what the edge said to the first of them. */
export async function findSources(
  config: ProbeConfig,
  signal: AbortSignal,
): Promise<{ readonly sources: readonly Source[]; readonly edge: EdgeAnswer | null }> {
  const asked = await Promise.all(
    config.sources.map(async ({ address, helo }) => {
      const local = address === ANY_SOURCE ? null : address;
      const answer = config.edgeUrl === null ? null : await askEdge(config, local, signal);
      return { source: { local, helo, seen: seenAs(config, local, answer) }, answer };
    }),
  );
  const answers = asked.map(({ answer }) => answer);
  return {
    sources: asked.map(({ source }) => source),
    // One address without a route (IPv6 to an IPv4 edge) does not make the edge unreachable.
    edge: answers.find((answer) => answer?.kind === "answered") ?? answers[0] ?? null,
  };
}

/** A private address behind one-to-one NAT is seen as another one: the edge tells which. */
function seenAs(config: ProbeConfig, local: string | null, answer: EdgeAnswer | null): string | null {
  if (local !== null && (isPublicAddress(local) || config.allowPrivateNetworks)) return local;
  const observed = answer?.kind === "answered" ? answer.observed : null;
  return observed !== null && isPublicAddress(observed) ? observed : null;
}

function textOf(body: unknown, field: string): string | null {
  if (typeof body !== "object" || body === null || !(field in body)) return null;
  const value: unknown = Reflect.get(body, field);
  return typeof value === "string" ? value : null;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = "code" in error ? String(error.code) : error.name;
  return error.message ? `${cause}: ${error.message}` : cause;
}
