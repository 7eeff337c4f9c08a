import { err, ok, type Result } from "../../shared/result.ts";
import type { Environment, ProbeConfig } from "../config.ts";
import { type PageServer, servePages } from "../serve.ts";
import { identityPage, type Operator } from "./page.ts";

/** Both families. */
const EVERY_ADDRESS = "::";

export type IdentityConfig = { readonly port: number; readonly operator: Operator };

/**
 * Reads PROBE_HTTP_PORT (no page unless it is set), PROBE_OPERATOR_NAME and PROBE_ABUSE_CONTACT.
 * @returns null when no page is wanted, or one sentence that names the variable at fault
 */
export function readIdentityConfig(env: Environment, config: ProbeConfig): Result<IdentityConfig | null, string> {
  if (!env.PROBE_HTTP_PORT) return ok(null);
  const port = Number(env.PROBE_HTTP_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return err("PROBE_HTTP_PORT must be a port number");
  const name = env.PROBE_OPERATOR_NAME?.trim();
  const abuseContact = env.PROBE_ABUSE_CONTACT?.trim();
  if (!name) return err("PROBE_OPERATOR_NAME is missing: the page tells who runs this probe");
  if (!abuseContact) return err("PROBE_ABUSE_CONTACT is missing: the page tells whom to complain to");
  const names = [...new Set(config.sources.map(({ helo }) => helo))];
  return ok({ port, operator: { name, abuseContact, names } });
}

/** Serves the identity page on every address of the host: people look at the address that connected to them. */
export function serveIdentity({ port, operator }: IdentityConfig): Promise<PageServer> {
  const page = identityPage(operator);
  return servePages(EVERY_ADDRESS, port, (path) => (path === "/" ? page : null));
}
