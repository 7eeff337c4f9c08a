import { toASCII, toUnicode } from "tr46";
import { err, ok, type Result } from "../result.ts";
import { type AddressError, addressError, nameCharacter } from "./errors.ts";
import { ADDRESS_LIMITS } from "./limits.ts";

const DOT = 0x2e;
const HYPHEN = 0x2d;

/** 1 for letters, digits and the hyphen (RFC 5321 4.1.2 Let-dig, Ldh-str). */
const LDH = new Uint8Array(128);
for (const c of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") LDH[c.charCodeAt(0)] = 1;

/** A domain in both its forms. */
export type DomainForms = { ascii: string; unicode: string };

/**
 * Reads the domain in `text` from `start` to `end`. ASCII domains without A-labels never touch the IDNA
 * tables; the others go through UTS-46, non-transitional, with the Bidi and joiner rules.
 */
export function readDomain(text: string, start: number, end: number): Result<DomainForms, AddressError> {
  const stop = skipLabels(text, start, end);
  const unit = stop < end ? text.charCodeAt(stop) : 0;
  if (unit >= 0x80) return readInternational(text, start, end);
  const fault = labelsFault(text, start, stop, end);
  if (fault !== null) return err(fault);
  const domain = text.slice(start, end).toLowerCase();
  if (domain.includes("xn--")) return readInternational(text, start, end);
  return ok({ ascii: domain, unicode: domain });
}

/** Runs over letter-digit-hyphen labels and stops at the first break of their rules, or at `end`. */
function skipLabels(text: string, start: number, end: number): number {
  let labelStart = start;
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit === DOT) {
      if (i === labelStart || text.charCodeAt(i - 1) === HYPHEN || i - labelStart > ADDRESS_LIMITS.LABEL_OCTETS)
        return i;
      labelStart = i + 1;
    } else if (unit >= 0x80 || LDH[unit] === 0 || (unit === HYPHEN && i === labelStart)) return i;
  }
  return end;
}

/** Says which label rule broke at `stop`; null when `text` from `start` to `end` is a domain with a dot. */
function labelsFault(text: string, start: number, stop: number, end: number): AddressError | null {
  if (start >= end) return addressError("domain-empty", start, "There is nothing after the @.");
  const unit = stop < end ? text.charCodeAt(stop) : DOT;
  const labelStart = stop === start ? start : Math.max(start, text.lastIndexOf(".", stop - 1) + 1);
  if (unit !== DOT && !(unit === HYPHEN && stop === labelStart)) return domainCharacterFault(text, stop);
  if (unit === HYPHEN) {
    return addressError("domain-leading-hyphen", stop, "No part of a domain can begin with a hyphen.");
  }
  if (stop === labelStart) {
    if (stop >= end) return addressError("domain-trailing-dot", end - 1, "The domain cannot end with a dot.");
    return stop === start
      ? addressError("domain-leading-dot", stop, "The domain cannot begin with a dot.")
      : addressError("domain-double-dot", stop, "Two dots cannot follow each other in the domain.");
  }
  if (text.charCodeAt(stop - 1) === HYPHEN) {
    return addressError("domain-trailing-hyphen", stop - 1, "No part of a domain can end with a hyphen.");
  }
  if (stop - labelStart > ADDRESS_LIMITS.LABEL_OCTETS) {
    const message = `A part of the domain is longer than ${ADDRESS_LIMITS.LABEL_OCTETS} octets (RFC 1035 2.3.4).`;
    return addressError("domain-label-too-long", labelStart + ADDRESS_LIMITS.LABEL_OCTETS, message);
  }
  if (labelStart === start) {
    return addressError("domain-no-dot", end, "The domain has no dot: mail for it cannot be routed on the Internet.");
  }
  return null;
}

function domainCharacterFault(text: string, position: number): AddressError {
  const unit = text.charCodeAt(position);
  const name = nameCharacter(text, position);
  if (unit === 0x40) return addressError("second-at", position, "There is a second @.");
  if (unit === 0x20) return addressError("domain-space", position, "A space cannot stand in the domain.");
  if (unit < 0x20 || unit === 0x7f) {
    return addressError("domain-control", position, `The control character ${name} cannot stand in an address.`);
  }
  if (unit === 0x28 || unit === 0x29) {
    return addressError("domain-comment", position, "Comments belong to message headers, not to a mailbox.");
  }
  if (unit === 0x2c || unit === 0x3b) {
    return addressError(
      "domain-separator",
      position,
      `${name} cannot stand in the domain; is this a list of addresses?`,
    );
  }
  if (unit === 0x5f) {
    return addressError(
      "domain-underscore",
      position,
      "The underscore cannot stand in a mail domain (RFC 5321 4.1.2).",
    );
  }
  return addressError("domain-character", position, `${name} cannot stand in the domain.`);
}

// checkHyphens is off because registered ASCII names hold "--" in third place; U-labels are checked below.
const UTS46 = { checkBidi: true, checkHyphens: false, checkJoiners: true, useSTD3ASCIIRules: false } as const;

function readInternational(text: string, start: number, end: number): Result<DomainForms, AddressError> {
  const raw = text.slice(start, end);
  const ascii = toASCII(raw, UTS46);
  if (ascii === null) {
    const message = "The domain is not a valid internationalised name (UTS 46).";
    return err(addressError("domain-idna", start + badLabelOffset(raw), message));
  }
  const stop = skipLabels(ascii, 0, ascii.length);
  const fault = labelsFault(ascii, 0, stop, ascii.length);
  // Mapping moves characters: the place in the mapped form is only a hint, kept inside the domain.
  if (fault !== null) return err({ ...fault, position: Math.min(start + fault.position, end) });
  const unicode = toUnicode(ascii, UTS46).domain;
  if (!unicode.split(".").every(hasGoodHyphens)) {
    const message = "Hyphens stand where an internationalised name cannot have them (RFC 5891 4.2.3.1).";
    return err(addressError("domain-idna", start, message));
  }
  return ok({ ascii, unicode });
}

/** ASCII labels were checked before; a U-label cannot begin or end with a hyphen, nor have two in third place. */
const hasGoodHyphens = (label: string): boolean =>
  /^[ -~]*$/.test(label) || !(label.startsWith("-") || label.endsWith("-") || label.startsWith("--", 2));

/** Offset of the first label that fails alone; 0 when only the whole breaks a rule (Bidi). */
function badLabelOffset(raw: string): number {
  let offset = 0;
  for (const label of raw.split(".")) {
    if (label !== "" && toASCII(label, UTS46) === null) return offset;
    offset += label.length + 1;
  }
  return 0;
}
