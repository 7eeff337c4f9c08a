import { EVENT_MAX_CHARS } from "./limits.ts";

export type StreamEvent = { readonly name: string; readonly id: string | null; readonly data: string };

/**
 * Reads server-sent events (HTML standard, 9.2.6) from text pieces cut anywhere. Comments yield an event without data,
 * so that a reader sees that the stream lives.
 * @throws Error when an event exceeds its bound
 */
export async function* readEvents(pieces: AsyncIterable<string>): AsyncGenerator<StreamEvent> {
  let held = "";
  let event = { name: "message", id: null as string | null, data: [] as string[] };
  let chars = 0;
  for await (const piece of pieces) {
    held += piece;
    // A carriage return at the end may be half of a line break.
    const complete = held.endsWith("\r") ? held.length - 1 : held.length;
    const lines = held.slice(0, complete).split(/\r\n|\n|\r/);
    held = (lines.pop() ?? "") + held.slice(complete);
    chars += piece.length;
    if (chars > EVENT_MAX_CHARS) throw new Error("an event of the stream is too long");
    for (const line of lines) {
      if (line === "") {
        if (event.data.length > 0) yield { name: event.name, id: event.id, data: event.data.join("\n") };
        event = { name: "message", id: event.id, data: [] };
        chars = held.length;
      } else if (line.startsWith(":")) yield { name: "comment", id: event.id, data: "" };
      else takeField(line, event);
    }
  }
}

function takeField(line: string, event: { name: string; id: string | null; data: string[] }): void {
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "event") event.name = value;
  else if (field === "data") event.data.push(value);
  else if (field === "id" && !value.includes("\0")) event.id = value;
}
