import { err, ok, type Result } from "../result.ts";
import { readDomain } from "./domain.ts";
import { type AddressError, addressError, utf8Length } from "./errors.ts";
import { ADDRESS_LIMITS } from "./limits.ts";
import { readLiteral } from "./literal.ts";
import { dotAtomFault, localLengthFault, quotedFault, skipDotAtom, skipQuoted } from "./local.ts";
import { specialUseName } from "./special-use.ts";
import { unwrapDisplayName, unwrapMailto } from "./wrappers.ts";

export type { AddressError } from "./errors.ts";

/** A mailbox as SMTP carries it (RFC 5321 4.1.2, RFC 6531 3.3). */
export type Address = {
  /** The input without surrounding white space. */
  input: string;
  /** The local part as given, in NFC; a quoted one keeps its quotes. */
  local: string;
  /** A-labels in lower case, or an address literal in brackets. */
  domain: string;
  /** U-labels. */
  unicodeDomain: string;
  /** `local@domain`. Reading it again gives the same address. */
  normalised: string;
  quoted: boolean;
  /** The domain is an address literal. */
  literal: boolean;
  /** The local part is not ASCII: the server must offer SMTPUTF8. */
  needsSmtpUtf8: boolean;
  /** The special-use name the domain belongs to (special-use.ts): no mail can arrive there. */
  specialUse: string | null;
};

/** What may surround the mailbox. Both are off by default. */
export type ParseOptions = {
  /** Accept `Name <mailbox>`. */
  displayName?: boolean;
  /** Accept `mailto:mailbox?header=...` (RFC 6068), one recipient. */
  mailto?: boolean;
};

/** A domain as it was read before. */
type ReadDomain = { readonly ascii: string; readonly unicode: string; readonly specialUse: string | null };

/** Domains read before, by their spelling, for a caller who reads many addresses; it lives and ends with the caller. */
export type ReadDomains = Map<string, ReadDomain>;

/**
 * Reads one address. Linear in the input, never throws. Surrounding white space is dropped; comments and folding
 * white space are refused; the domain needs a dot or is an address literal. The policy is in docs/ADDRESSES.md.
 * @param read the caller's memory of domains, where many addresses share a few
 */
export function parseAddress(input: string, options?: ParseOptions, read?: ReadDomains): Result<Address, AddressError> {
  const text = input.trim();
  if (text === "") return err(addressError("empty", 0, "The address is empty."));
  if (options === undefined) return readMailbox(text, text, 0, text.length, read);
  if (text.length > ADDRESS_LIMITS.INPUT_UNITS) return err(tooLong(ADDRESS_LIMITS.ADDRESS_OCTETS));
  if (options.mailto === true && /^mailto:/i.test(text)) {
    const inner = unwrapMailto(text);
    return inner.ok ? readMailbox(text, inner.value, 0, inner.value.length) : inner;
  }
  if (options.displayName === true && text.endsWith(">")) {
    const span = unwrapDisplayName(text);
    return span.ok ? readMailbox(text, text, span.value.start, span.value.end) : span;
  }
  return readMailbox(text, text, 0, text.length);
}

function readMailbox(
  input: string,
  text: string,
  start: number,
  end: number,
  read?: ReadDomains,
): Result<Address, AddressError> {
  if (start >= end) return err(addressError("empty", start, "The address is empty."));
  if (end - start > ADDRESS_LIMITS.MAILBOX_UNITS) return err(tooLong(start + ADDRESS_LIMITS.ADDRESS_OCTETS));
  const quoted = text.charCodeAt(start) === 0x22;
  const found = quoted ? findQuotedEnd(text, start, end) : findAtomEnd(text, start, end);
  if (typeof found !== "number") return err(found);
  const local = normaliseLocal(text.slice(start, found), start);
  if (!local.ok) return local;
  return readAfterAt(input, text, local.value, { quoted, at: found, end }, read);
}

/** Position of the `@` behind a dot-atom. */
function findAtomEnd(text: string, start: number, end: number): number | AddressError {
  const stop = skipDotAtom(text, start, end);
  return dotAtomFault(text, start, stop, end) ?? stop;
}

/** Position of the `@` behind a quoted local part. */
function findQuotedEnd(text: string, start: number, end: number): number | AddressError {
  const { stop, closed } = skipQuoted(text, start, end);
  return quotedFault(text, stop, closed, end) ?? stop;
}

/** NFC (RFC 6532 3.1) and the length. NFC can turn a letter into a separator (U+037E into ";"): look again. */
function normaliseLocal(raw: string, start: number): Result<string, AddressError> {
  // ASCII is composed already; asking costs more than reading the whole address.
  const local = isAscii(raw) ? raw : raw.normalize("NFC");
  if (local !== raw) {
    const whole = `${local}@`;
    const again = local.startsWith('"') ? findQuotedEnd(whole, 0, whole.length) : findAtomEnd(whole, 0, whole.length);
    if (typeof again !== "number")
      return err({ ...again, position: Math.min(start + again.position, start + raw.length) });
  }
  const fault = localLengthFault(local, start);
  return fault === null ? ok(local) : err(fault);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}

/** Where the parts of a mailbox stand in the text. */
type Span = { readonly quoted: boolean; readonly at: number; readonly end: number };

function readAfterAt(
  input: string,
  text: string,
  local: string,
  span: Span,
  read: ReadDomains | undefined,
): Result<Address, AddressError> {
  const { quoted, at, end } = span;
  const literal = text.charCodeAt(at + 1) === 0x5b;
  const found = literal ? readLiteralDomain(text, at + 1, end) : readNamedDomain(text, at + 1, end, read);
  if (!found.ok) return found;
  const { ascii: domain, unicode: unicodeDomain, specialUse } = found.value;
  const localOctets = utf8Length(local);
  if (localOctets + 1 + domain.length > ADDRESS_LIMITS.ADDRESS_OCTETS) {
    return err(tooLong(Math.min(end, at + 1 + Math.max(0, ADDRESS_LIMITS.ADDRESS_OCTETS - localOctets - 1))));
  }
  // Most addresses are written as they are normalised: the text itself serves, and nothing is copied.
  const asWritten = local.length + 1 + domain.length === text.length && text.endsWith(domain) && text.startsWith(local);
  return ok({
    input,
    local,
    domain,
    unicodeDomain,
    normalised: asWritten ? text : `${local}@${domain}`,
    quoted,
    literal,
    needsSmtpUtf8: localOctets !== local.length,
    specialUse,
  });
}

function readLiteralDomain(text: string, start: number, end: number): Result<ReadDomain, AddressError> {
  const read = readLiteral(text, start, end);
  return read.ok ? ok({ ascii: read.value, unicode: read.value, specialUse: null }) : read;
}

function readNamedDomain(
  text: string,
  start: number,
  end: number,
  known: ReadDomains | undefined,
): Result<ReadDomain, AddressError> {
  const spelling = known === undefined ? "" : text.slice(start, end);
  const remembered = known?.get(spelling);
  if (remembered !== undefined) return ok(remembered);
  const read = readDomain(text, start, end);
  if (!read.ok) return read;
  const found = { ...read.value, specialUse: specialUseName(read.value.ascii) };
  known?.set(spelling, found);
  return ok(found);
}

function tooLong(position: number): AddressError {
  const most = ADDRESS_LIMITS.ADDRESS_OCTETS;
  return addressError("too-long", position, `The address is longer than ${most} octets (RFC 5321 4.5.3.1.3).`);
}
