/**
 * Tokens of the fleet: `pj_<id>_<secret>` lets one host join as the probe of that id, once; `pt_<id>_<secret>` is that
 * probe's own credential. Stored is only the SHA-256 of the whole text.
 */
export type FleetTokenKind = "pj" | "pt";
export type FleetToken = { readonly kind: FleetTokenKind; readonly id: string };

/** 32 random bytes in base64url. */
export const FLEET_SECRET_BYTES = 32;

const SHAPE = /^(pj|pt)_([A-Za-z0-9-]{1,48})_[A-Za-z0-9_-]{20,128}$/;

/** Takes a token apart; null when the text is none. */
export function parseFleetToken(text: string): FleetToken | null {
  const [, kind, id] = SHAPE.exec(text) ?? [];
  return id === undefined || (kind !== "pj" && kind !== "pt") ? null : { kind, id };
}

/** Puts a token together; `secret` is base64url. */
export const formatFleetToken = (kind: FleetTokenKind, id: string, secret: string): string => `${kind}_${id}_${secret}`;

/** Seconds for which a join token is good unless its maker says otherwise, and at most. */
export const JOIN_TTL_S = 86_400;
export const JOIN_TTL_MAX_S = 30 * 86_400;

/** Names of regions: part of hub names and host names. */
export const REGION = /^[a-z0-9-]{1,32}$/;
