import { err, ok, type Result } from "../../shared/result.ts";
import type { Environment } from "../config.ts";
import { type PageServer, servePages } from "../serve.ts";
import type { Metrics } from "./metrics.ts";

export type MetricsConfig = { readonly address: string; readonly port: number };

/**
 * Reads PROBE_METRICS_PORT (no metrics unless it is set) and PROBE_METRICS_ADDRESS (loopback unless it is set).
 * @returns null when no metrics are wanted, or one sentence that names the variable at fault
 */
export function readMetricsConfig(env: Environment): Result<MetricsConfig | null, string> {
  if (!env.PROBE_METRICS_PORT) return ok(null);
  const port = Number(env.PROBE_METRICS_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return err("PROBE_METRICS_PORT must be a port number");
  return ok({ port, address: env.PROBE_METRICS_ADDRESS || "127.0.0.1" });
}

/** Serves `/metrics` for Prometheus and `/healthz` for supervisors: 200 while a hub has welcomed this probe, else 503. */
export function serveMetrics({ address, port }: MetricsConfig, metrics: Metrics): Promise<PageServer> {
  const plain = "text/plain; charset=utf-8";
  return servePages(address, port, async (path) => {
    if (path === "/metrics") {
      return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body: await metrics.render() };
    }
    if (path !== "/healthz") return null;
    return metrics.connected
      ? { status: 200, type: plain, body: "connected\n" }
      : { status: 503, type: plain, body: "no hub\n" };
  });
}
