/** What the expression below finds, in one pass instead of one try per character. */
const ADDRESS = /[^\s<>()[\]{}"',;:=]{1,128}@[^\s<>()[\]{}"',;:=]{1,255}/gu;
const ADDRESS_LOCAL_MAX = 128;

/** 1 for ASCII that ends an address inside a reply: white space, brackets, quotes and list punctuation. */
const ENDS = new Uint8Array(128);
for (const c of "\t\n\v\f\r <>()[]{}\"',;:=") ENDS[c.charCodeAt(0)] = 1;

const isEnd = (unit: number): boolean => (unit < 128 ? ENDS[unit] === 1 : /\s/.test(String.fromCharCode(unit)));

/**
 * Puts `mark` in the place of each mail address in a server's words. Linear in the length of the text: a token between
 * delimiters that holds an at sign with something on both sides is an address as a whole.
 */
export function replaceAddresses(text: string, mark: string): string {
  let at = text.indexOf("@");
  if (at < 0) return text;
  let out = "";
  let done = 0;
  for (; at >= 0; at = text.indexOf("@", done)) {
    let start = at;
    while (start > done && !isEnd(text.charCodeAt(start - 1))) start -= 1;
    let end = at + 1;
    while (end < text.length && !isEnd(text.charCodeAt(end))) end += 1;
    out += text.slice(done, start) + replaced(text.slice(start, end), mark);
    done = end;
  }
  return done === text.length ? out : out + text.slice(done);
}

function replaced(token: string, mark: string): string {
  if (token.length > ADDRESS_LOCAL_MAX) return token.replace(ADDRESS, mark);
  const inside = token.indexOf("@", 1);
  return inside > 0 && inside < token.length - 1 ? mark : token;
}
