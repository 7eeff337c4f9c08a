/**
 * What a key may be used for. `platform` is the operators' scope: it looks at and commands the fleet that serves every
 * tenant, so it is never implied.
 */
export const SCOPES = ["verify", "jobs", "webhooks", "rules", "platform"] as const;
export type Scope = (typeof SCOPES)[number];

/** Every scope of the tenant's own. */
export const ALL_OF_TENANT = "*";

/** Whether a key's scopes allow a call. None listed, or `*`, allow all that concerns the tenant itself. */
export function allows(scopes: readonly string[], scope: Scope): boolean {
  if (scopes.includes(scope)) return true;
  return scope !== "platform" && (scopes.length === 0 || scopes.includes(ALL_OF_TENANT));
}
