import { FLEET_SECRET_BYTES, formatFleetToken, parseFleetToken } from "../../shared/fleet/token.ts";

/** A new probe's id, for a place that is offered. */
export const newProbeId = (): string => `probe-${hex(crypto.getRandomValues(new Uint8Array(4)))}`;

/** A join token for the probe of that id, and what is stored of it. */
export async function newJoinToken(id: string): Promise<{ readonly token: string; readonly hash: string }> {
  const secret = crypto.getRandomValues(new Uint8Array(FLEET_SECRET_BYTES));
  const token = formatFleetToken("pj", id, base64url(secret));
  return { token, hash: await sha256(token) };
}

/** The join token that a request carries, and its hash; null when it carries none. */
export async function joinTokenOf(request: Request): Promise<{ readonly id: string; readonly hash: string } | null> {
  const text = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const parsed = parseFleetToken(text);
  return parsed?.kind === "pj" ? { id: parsed.id, hash: await sha256(text) } : null;
}

async function sha256(text: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
