import { XML_TOKEN_MAX_CHARS } from "../../limits.ts";
import { ListRefused } from "../../table.ts";

/** What a scanner reports. Names come without their prefix; an element without content is opened and closed. */
export type XmlHandler = {
  open(name: string, tag: string): void;
  close(name: string): void;
  text(text: string): void;
};

const broken = (what: string): ListRefused => new ListRefused("unreadable", `The workbook cannot be read: ${what}.`);

/**
 * Scans XML that comes in pieces: elements and text, which is all that a workbook's parts consist of. Document types,
 * and with them entities of any kind but the five of XML itself, are refused.
 */
export function createXmlScanner(handler: XmlHandler): { push(text: string): void; finish(): void } {
  let held = "";

  const markup = (all: string, start: number, end: number): void => {
    const second = all[start + 1];
    if (second === "?") return;
    if (second === "!") {
      if (all.startsWith("<![CDATA[", start)) handler.text(all.slice(start + 9, end - 2).replaceAll("&", "&amp;"));
      return;
    }
    if (second === "/") {
      handler.close(localName(all, start + 2, end));
      return;
    }
    const name = localName(all, start + 1, end);
    handler.open(name, all.slice(start, end + 1));
    if (all[end - 1] === "/") handler.close(name);
  };

  return {
    push(text) {
      const all = held + text;
      let at = 0;
      for (;;) {
        const start = all.indexOf("<", at);
        if (start < 0) break;
        const end = markupEnd(all, start);
        if (end < 0) break;
        if (start > at) handler.text(all.slice(at, start));
        markup(all, start, end);
        at = end + 1;
      }
      held = all.slice(at);
      if (held.length > XML_TOKEN_MAX_CHARS) throw broken("a piece of it is too long");
    },
    finish() {
      if (held.trim() !== "") throw broken("it is cut off");
    },
  };
}

/** Index of the last character of the markup that begins at `start`; -1 when it is not all there. */
function markupEnd(all: string, start: number): number {
  const second = all[start + 1];
  if (second === "!") {
    if (all.startsWith("<!--", start)) return after(all, "-->", start + 4);
    if (all.startsWith("<![CDATA[", start)) return after(all, "]]>", start + 9);
    if (all.length - start < 9) return -1;
    throw broken("it declares a document type");
  }
  if (second === "?") return after(all, "?>", start + 2);
  for (let at = start + 1; at < all.length; at++) {
    const code = all.charCodeAt(at);
    if (code === 62) return at;
    if (code !== 34 && code !== 39) continue;
    // A quoted value may hold what would end the tag.
    at = all.indexOf(code === 34 ? '"' : "'", at + 1);
    if (at < 0) return -1;
  }
  return -1;
}

function after(all: string, what: string, from: number): number {
  const at = all.indexOf(what, from);
  return at < 0 ? -1 : at + what.length - 1;
}

/** The name that begins at `from`, without its namespace's prefix. */
function localName(all: string, from: number, end: number): string {
  let at = from;
  let start = from;
  for (; at < end; at++) {
    const code = all.charCodeAt(at);
    if (code === 58) start = at + 1;
    else if (code <= 32 || code === 47) break;
  }
  return all.slice(start, at);
}

const ATTRIBUTES = new Map<string, RegExp>();

/** The value of a tag's attribute, with or without a prefix; null when it has none. `name` is one of a few constants. */
export function attribute(tag: string, name: string): string | null {
  let pattern = ATTRIBUTES.get(name);
  if (pattern === undefined) {
    pattern = new RegExp(`\\s(?:\\w+:)?${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`);
    ATTRIBUTES.set(name, pattern);
  }
  const match = pattern.exec(tag);
  return match === null ? null : unescapeXml(match[1] ?? match[2] ?? "");
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Text without character references: those of XML itself and numbers (XML 1.0, 4.1 and 4.6). Others stay as they are. */
export function unescapeXml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** A workbook's own escapes, `_x000D_` (ECMA-376 part 1, 22.9.2.19), undone. */
export const unescapeCell = (text: string): string =>
  text.includes("_x")
    ? text.replace(/_x([0-9a-fA-F]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
