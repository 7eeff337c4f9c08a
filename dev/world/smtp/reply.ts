/** What a reply template may mention. */
export type ReplyFacts = {
  readonly addr: string;
  readonly local: string;
  readonly domain: string;
  readonly host: string;
  readonly ip: string;
  readonly helo: string;
  readonly sender: string;
};

/** A reply ready to be said; a plain string when it mentions nothing. */
export type Reply = {
  readonly code: number;
  readonly fixed: string | null;
  readonly render: (facts: ReplyFacts) => string;
};

const FIELD = /\{(addr|local|domain|host|ip|helo|sender)\}/;

/**
 * Compiles a template. It starts with the code; `{addr} {local} {domain} {host} {ip} {helo} {sender}` are filled in; each
 * further line (after "\n") continues the reply and gets the code itself (RFC 5321 4.2.1).
 */
export function compileReply(template: string): Reply {
  const code = template.slice(0, 3);
  const lines = template.slice(4).split("\n");
  const text = lines.map((line, i) => `${code}${i < lines.length - 1 ? "-" : " "}${line}\r\n`).join("");
  const pieces = text.split(FIELD);
  const fixed = pieces.length === 1 ? text : null;
  const render = (facts: ReplyFacts): string => {
    let out = "";
    for (let i = 0; i < pieces.length; i += 1) {
      const piece = pieces[i] ?? "";
      out += i % 2 === 0 ? piece : facts[piece as keyof ReplyFacts];
    }
    return out;
  };
  return { code: Number(code), fixed, render };
}
