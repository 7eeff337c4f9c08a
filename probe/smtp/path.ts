import type { Address } from "../../shared/address/parse.ts";
import { PATH_MAX_CHARS } from "../limits.ts";

declare const PATH: unique symbol;
/** What may stand between the angle brackets of MAIL and RCPT. Made by this file alone, so no command can be smuggled in. */
export type Path = string & { readonly [PATH]: true };

const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const PLAIN = /^[\x20-\x7e]*$/;

/** The path of a parsed address; null when it holds what a command line must never hold. */
export const pathOf = (address: Address): Path | null => encode(address.normalised);

/** The path of a plain address from the configuration or made by ourselves (control, postmaster, sender). */
export const plainPath = (address: string): Path | null =>
  address === "" || /^[\x21-\x3b\x3d\x3f-\x7e]+$/.test(address) ? encode(address) : null;

// The one place where a string becomes a path.
const encode = (text: string): Path | null =>
  text.length > PATH_MAX_CHARS || (!PLAIN.test(text) && CONTROL.test(text)) ? null : (text as Path);
