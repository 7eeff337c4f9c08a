import type { OpenAPIHono, RouteConfig } from "@hono/zod-openapi";
import type { Context, ExecutionContext } from "hono";
import type { Scope } from "../../shared/keys/scopes.ts";
import type { KnownKey } from "../access.ts";
import { isUnavailable } from "../data/database.ts";
import { uuidv7 } from "../ids.ts";
import { log } from "../log.ts";
import { type Services, servicesOf } from "../services.ts";
import { announcedBytes, discard } from "./body.ts";
import { withIdempotencyKey } from "./contract.ts";
import { admit, rateHeaders } from "./middleware/auth.ts";
import { idempotently } from "./middleware/idempotency.ts";
import { type Trace, traceOf } from "./middleware/trace.ts";
import { type Problem, problemResponse } from "./problems.ts";

export type EdgeApp = OpenAPIHono<{ Bindings: Cloudflare.Env }>;
type EdgeContext = Context<{ Bindings: Cloudflare.Env }>;

/** One call: the request, what serves it and where it stands in its trace. */
export type Call = {
  readonly request: Request;
  readonly services: Services;
  readonly trace: Trace;
  readonly startedMs: number;
  /** Id of what the call makes, UUIDv7: the same when a call with an Idempotency-Key has to be run again. */
  readonly id: string;
  /** It has to be run again: whatever it makes may be there already. */
  readonly again: boolean;
  readonly execution: ExecutionContext;
  /** A parameter of the path. */
  param(name: string): string;
};

/** A call of an admitted key. */
export type KeyedCall = Call & { readonly caller: KnownKey };

/** A handler answers, or says what is wrong. */
type Handled = Response | Problem | Promise<Response | Problem>;

/** One route: its contract (the OpenAPI operation, with the schemas that the handler checks by) and its handler. */
export type Endpoint =
  | { readonly contract: RouteConfig; readonly scope: null; handle(call: Call): Handled }
  | {
      readonly contract: RouteConfig;
      readonly scope: Scope;
      /** The route takes an Idempotency-Key; its body has at most so many bytes. */
      readonly idempotentMaxBytes?: number;
      handle(call: KeyedCall): Handled;
    };

type Pattern = { readonly method: string; readonly path: RegExp };

/** Puts a route into the app and its contract into the API's description. */
export function mount(app: EdgeApp, endpoint: Endpoint, patterns: Pattern[]): void {
  const takesKey = endpoint.scope !== null && endpoint.idempotentMaxBytes !== undefined;
  const contract = takesKey ? withIdempotencyKey(endpoint.contract) : endpoint.contract;
  app.openAPIRegistry.registerPath(contract);
  const method = contract.method.toUpperCase();
  patterns.push({ method, path: new RegExp(`^${contract.path.replaceAll(/\{[a-z_]+\}/g, "[^/]+")}$`) });
  app.on(method, contract.path.replaceAll(/\{([a-z_]+)\}/g, ":$1"), (c) => serve(c, endpoint));
}

/** Methods that the app has at a path; none when the path is unknown. */
export const methodsAt = (patterns: readonly Pattern[], path: string): string[] =>
  patterns.filter((pattern) => pattern.path.test(path)).map((pattern) => pattern.method);

async function serve(c: EdgeContext, endpoint: Endpoint): Promise<Response> {
  const startedMs = Date.now();
  const trace = traceOf(c.req.header("traceparent"));
  let tenant: string | undefined;
  let response: Response;
  try {
    const services = servicesOf(c.env);
    const request = c.req.raw;
    const call: Call = {
      request,
      services,
      trace,
      startedMs,
      id: uuidv7(startedMs),
      again: false,
      execution: c.executionCtx,
      param: (name) => c.req.param(name) ?? "",
    };
    if (endpoint.scope === null) response = answered(await endpoint.handle(call), trace);
    else {
      const admitted = await admit(request, services, endpoint.scope, startedMs);
      if (admitted.ok) {
        const { caller, rate } = admitted.value;
        tenant = caller.key.tenant_id;
        response = answered(await run({ ...call, caller }, endpoint), trace);
        // A batch has counted more than its own call and says so itself.
        if (rate !== null && response.status !== 101 && !response.headers.has("ratelimit"))
          rateHeaders(response.headers, rate, startedMs);
      } else response = problemResponse(admitted.error, trace.traceId);
    }
  } catch (error) {
    response = failed(error, trace, endpoint.contract.path);
  }
  const { raw } = c.req;
  if (response.status >= 400 && !raw.bodyUsed) await discard(raw.body?.getReader(), announcedBytes(raw));
  if (response.status !== 101) response.headers.set("traceparent", trace.traceparent);
  account(response, endpoint, trace, tenant, startedMs);
  return response;
}

function run(call: KeyedCall, endpoint: Extract<Endpoint, { scope: Scope }>): Handled {
  const maxBytes = endpoint.idempotentMaxBytes;
  const key = maxBytes === undefined ? null : call.request.headers.get("idempotency-key");
  if (maxBytes === undefined || key === null) return endpoint.handle(call);
  const { method, path } = endpoint.contract;
  return idempotently(call, key, `${method} ${path}`, maxBytes, (again) => endpoint.handle(again));
}

const answered = (handled: Response | Problem, trace: Trace): Response =>
  handled instanceof Response ? handled : problemResponse(handled, trace.traceId);

/** Only bugs and absent dependencies get here; neither shows its inside to the caller. */
function failed(error: unknown, trace: Trace, route: string): Response {
  const away = isUnavailable(error);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.error({ trace_id: trace.traceId, route, err: detail.slice(0, 4_000) }, away ? "database away" : "call failed");
  const problem: Problem = away ? { slug: "unavailable", headers: { "retry-after": "5" } } : { slug: "internal" };
  return problemResponse(problem, trace.traceId);
}

/** Ordinary real-time answers are recorded with their audit entry; the log has everything else. */
function account(
  response: Response,
  endpoint: Endpoint,
  trace: Trace,
  tenant: string | undefined,
  startedMs: number,
): void {
  if (response.status === 200 && endpoint.contract.path === "/v1/verify") return;
  const fields = {
    trace_id: trace.traceId,
    tenant,
    method: endpoint.contract.method,
    route: endpoint.contract.path,
    status: response.status,
    latency_ms: Date.now() - startedMs,
  };
  if (response.status >= 500) log.error(fields, "answered");
  else log.info(fields, "answered");
}
