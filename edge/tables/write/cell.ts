/** What a result's cell may hold; lists and objects become JSON where there is only text. */
export type Value = string | number | boolean | null | undefined | readonly Value[] | { readonly [key: string]: Value };

/** One row of a result, one value per column. */
export type ResultRow = readonly Value[];

/** A value as the text of a cell. */
export function cellText(value: Value): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A number as people write it: sign, groups, decimals, exponent. It begins no formula. */
const NUMBER = /^[+-]?(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)(?:[.,]\d+)?(?:[eE][+-]?\d{1,3})?%?$/;

/**
 * Text that a spreadsheet will not take for a formula: a leading apostrophe before = + - @, tab and carriage return
 * (OWASP, "CSV injection"), also in the full-width forms that East Asian input gives. Plain numbers stay.
 */
export function neutralised(text: string): string {
  switch (text.charCodeAt(0)) {
    case 0x3d: // =
    case 0x40: // @
    case 0x09:
    case 0x0d:
    case 0x0a:
    case 0xff1d:
    case 0xff0b:
    case 0xff0d:
    case 0xff20:
      return `'${text}`;
    case 0x2b: // +
    case 0x2d: // -
      return NUMBER.test(text) ? text : `'${text}`;
    default:
      return text;
  }
}
