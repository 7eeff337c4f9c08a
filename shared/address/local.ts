import { type AddressError, addressError, isUnsafe, nameCharacter, utf8Length } from "./errors.ts";
import { ADDRESS_LIMITS } from "./limits.ts";

const AT = 0x40;
const DOT = 0x2e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** 1 for atext (RFC 5322 3.2.3), 2 for the dot, 0 for all else. */
const ATOM = new Uint8Array(128);
for (const c of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~") {
  ATOM[c.charCodeAt(0)] = 1;
}
ATOM[DOT] = 2;

/**
 * Runs over a dot-atom and stops where it ends or breaks: at the `@`, at the first unit that cannot
 * stand there, at a misplaced dot, or at `end`.
 */
export function skipDotAtom(text: string, start: number, end: number): number {
  let afterDot = true;
  let i = start;
  for (; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) {
      const code = text.codePointAt(i) ?? 0;
      if (isUnsafe(code)) return i;
      if (code > 0xffff) i++;
      afterDot = false;
      continue;
    }
    const kind = ATOM[unit];
    if (kind === 1) afterDot = false;
    else if (kind === 2 && !afterDot) afterDot = true;
    else return i;
  }
  return i;
}

/**
 * Runs over a Quoted-string (RFC 5321 4.1.2, extended by RFC 6531 3.3) that opens at `start`, and stops
 * behind its closing quote, or at the first unit that cannot stand there, or at `end`.
 */
export function skipQuoted(text: string, start: number, end: number): { stop: number; closed: boolean } {
  for (let i = start + 1; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) return { stop: i + 1, closed: true };
    if (unit === BACKSLASH) {
      // A quoted pair stays ASCII even under SMTPUTF8: RFC 6531 3.3 extends qtext only.
      const next = i + 1 < end ? text.charCodeAt(i + 1) : 0;
      if (next < 0x20 || next > 0x7e) return { stop: Math.min(i + 1, end), closed: false };
      i++;
    } else if (unit >= 0x80) {
      const code = text.codePointAt(i) ?? 0;
      if (isUnsafe(code)) return { stop: i, closed: false };
      if (code > 0xffff) i++;
    } else if (unit < 0x20 || unit === 0x7f) return { stop: i, closed: false };
  }
  return { stop: end, closed: false };
}

/** Says why a dot-atom that stopped at `stop` is no local part. Null when it is one: an `@` after at least one atom. */
export function dotAtomFault(text: string, start: number, stop: number, end: number): AddressError | null {
  if (stop >= end) return addressError("no-at", stop, "There is no @ between a local part and a domain.");
  const unit = text.charCodeAt(stop);
  const afterDot = stop > start && text.charCodeAt(stop - 1) === DOT;
  if (unit === AT) {
    if (stop === start) return addressError("local-empty", stop, "There is nothing before the @.");
    if (afterDot) return addressError("local-trailing-dot", stop - 1, "The local part cannot end with a dot.");
    return null;
  }
  if (unit === DOT) {
    return afterDot
      ? addressError("local-double-dot", stop, "Two dots cannot follow each other in the local part.")
      : addressError("local-leading-dot", stop, "The local part cannot begin with a dot.");
  }
  return characterFault(text, stop);
}

function characterFault(text: string, position: number): AddressError {
  const unit = text.charCodeAt(position);
  const name = nameCharacter(text, position);
  if (unit === 0x20) return addressError("local-space", position, "A space cannot stand in the local part.");
  if (unit < 0x20 || unit === 0x7f) {
    return addressError("local-control", position, `The control character ${name} cannot stand in an address.`);
  }
  if (unit === 0x28 || unit === 0x29) {
    return addressError("local-comment", position, "Comments belong to message headers, not to a mailbox.");
  }
  if (unit === QUOTE) {
    return addressError("local-quote", position, "A quote can only open and close the whole local part.");
  }
  if (unit >= 0x80) {
    return addressError(
      "local-invisible",
      position,
      `${name} is invisible or not text, and cannot stand in an address.`,
    );
  }
  return addressError("local-character", position, `${name} cannot stand unquoted in the local part.`);
}

/** Says why a quoted local part that stopped at `stop` is none. Null when it is closed and followed by `@`. */
export function quotedFault(text: string, stop: number, closed: boolean, end: number): AddressError | null {
  if (closed) {
    if (stop >= end) return addressError("no-at", stop, "There is no @ between a local part and a domain.");
    if (text.charCodeAt(stop) === AT) return null;
    return addressError("local-after-quote", stop, "Only the @ can follow a quoted local part.");
  }
  if (stop >= end) return addressError("local-quote-open", stop, "The quoted local part is never closed.");
  const name = nameCharacter(text, stop);
  return addressError("local-quoted-character", stop, `${name} cannot stand there in a quoted local part.`);
}

/** Checks the length of a local part in octets and returns its fault, or null. */
export function localLengthFault(local: string, start: number): AddressError | null {
  // No UTF-16 unit is shorter than one octet, so most need no counting.
  const most = ADDRESS_LIMITS.LOCAL_OCTETS;
  const octets = local.length > most ? local.length : local.length * 3 > most ? utf8Length(local) : 0;
  if (octets <= most) return null;
  return addressError(
    "local-too-long",
    start + Math.min(local.length, most),
    `The local part is longer than ${most} octets (RFC 5321 4.5.3.1.1).`,
  );
}
