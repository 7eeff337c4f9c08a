/** Why a text is not an address. */
export type AddressError = {
  /** Machine name of the broken rule, kebab case. */
  rule: string;
  /** UTF-16 offset into the trimmed input. */
  position: number;
  /** One sentence for people. */
  message: string;
};

/** Builds an AddressError. */
export const addressError = (rule: string, position: number, message: string): AddressError => ({
  rule,
  position,
  message,
});

/** Names a character so that a person finds it: `"ü"`, or `U+0007` when it cannot be shown. */
export function nameCharacter(text: string, position: number): string {
  const code = text.codePointAt(position) ?? 0;
  const shown = code > 0x20 && code !== 0x7f && !isUnsafe(code);
  return shown ? `"${String.fromCodePoint(code)}"` : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Ranges of code points that no mailbox may hold beyond ASCII, first and last. */
const UNSAFE: readonly (readonly [number, number])[] = [
  [0x80, 0xa0], // C1 controls (RFC 5198 2) and no-break space
  [0xad, 0xad], // soft hyphen: invisible
  [0x1680, 0x1680], // white space
  [0x2000, 0x200b], // white space, zero-width space
  [0x200e, 0x200f], // direction marks
  [0x2028, 0x202f], // line and paragraph ends, direction overrides, narrow space
  [0x205f, 0x206f], // white space, word joiner, direction isolates
  [0x3000, 0x3000], // ideographic space
  [0xd800, 0xdfff], // a lone surrogate has no UTF-8 form
  [0xfdd0, 0xfdef], // noncharacters
  [0xfeff, 0xfeff], // byte order mark
  [0xfff0, 0xffff], // specials and noncharacters
];

/**
 * Whether a code point above ASCII cannot stand in a local part: no UTF-8 form, a control (RFC 5198 2),
 * white space, or invisible. RFC 6531 3.3 allows any UTF-8; what cannot be seen or typed is a fault of the list.
 */
export function isUnsafe(code: number): boolean {
  if (code < 0x80) return false;
  if (code >= 0x10000) return (code & 0xfffe) === 0xfffe || (code >= 0xe0000 && code <= 0xe007f);
  return UNSAFE.some(([first, last]) => code >= first && code <= last);
}

/** Octets of UTF-8 in a well-formed text. */
export function utf8Length(text: string): number {
  let octets = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four octets: each half counts two.
    octets += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return octets;
}
