import { SHARED_STRINGS_MAX, SHARED_STRINGS_MAX_BYTES, SHARED_STRINGS_XML_MAX_BYTES } from "../../limits.ts";
import { ListRefused } from "../../table.ts";
import { createXmlScanner, unescapeCell, unescapeXml } from "./xml.ts";
import { type Archive, findEntry, readEntry } from "./zip.ts";

/** The texts that cells refer to by number; "" for a number that there is not. */
export type SharedStrings = { at(index: number): string };

const SEGMENT_BYTES = 1_000_000;

/**
 * Reads the table of shared strings and holds it as UTF-8, which is half of what strings would take.
 * @throws ListRefused when it is larger than what may be held
 */
export async function readSharedStrings(archive: Archive, path: string): Promise<SharedStrings> {
  const table = createTable();
  const entry = findEntry(archive, path);
  if (entry === null) return table;
  if (entry.size > SHARED_STRINGS_XML_MAX_BYTES) throw tooMuchText();
  let parts: string[] = [];
  let inText = false;
  let phonetic = 0;
  const scanner = createXmlScanner({
    open(name) {
      if (name === "si") parts = [];
      else if (name === "rPh") phonetic++;
      else if (name === "t") inText = phonetic === 0;
    },
    close(name) {
      if (name === "si") table.add(parts.length === 1 ? (parts[0] ?? "") : parts.join(""));
      else if (name === "rPh") phonetic--;
      else if (name === "t") inText = false;
    },
    text(text) {
      if (inText) parts.push(unescapeCell(unescapeXml(text)));
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of readEntry(archive, entry)) scanner.push(decoder.decode(chunk, { stream: true }));
  scanner.finish();
  return table;
}

const tooMuchText = (): ListRefused =>
  new ListRefused(
    "too_large",
    "The workbook holds more distinct text than can be read at once; save the sheet as CSV.",
  );

function createTable(): SharedStrings & { add(text: string): void } {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
  const segments: Uint8Array[] = [];
  let starts = new Uint32Array(1_024);
  let ends = new Uint32Array(1_024);
  let count = 0;
  let bytes = 0;
  let room = new Uint8Array(0);
  let used = 0;

  const grow = (): void => {
    const [largerStarts, largerEnds] = [new Uint32Array(count * 2), new Uint32Array(count * 2)];
    largerStarts.set(starts);
    largerEnds.set(ends);
    starts = largerStarts;
    ends = largerEnds;
  };

  return {
    add(text) {
      // A text never crosses segments: a UTF-16 unit takes three bytes at most.
      const needed = text.length * 3;
      if (used + needed > room.length) {
        room = new Uint8Array(Math.max(SEGMENT_BYTES, needed));
        segments.push(room);
        used = 0;
      }
      const { written } = encoder.encodeInto(text, room.subarray(used));
      if (count === starts.length) grow();
      // Places count whole segments of SEGMENT_BYTES; longer segments hold a single text from their beginning.
      starts[count] = (segments.length - 1) * SEGMENT_BYTES + used;
      ends[count] = written;
      count++;
      bytes += written;
      used += written;
      if (room.length > SEGMENT_BYTES) used = room.length;
      if (bytes > SHARED_STRINGS_MAX_BYTES || count > SHARED_STRINGS_MAX) {
        throw new ListRefused(
          "too_large",
          "The workbook holds more distinct text than can be read at once; save the sheet as CSV.",
        );
      }
    },
    at(index) {
      if (!(index >= 0 && index < count)) return "";
      const start = starts[index] ?? 0;
      const from = start % SEGMENT_BYTES;
      return decoder.decode(segments[Math.floor(start / SEGMENT_BYTES)]?.subarray(from, from + (ends[index] ?? 0)));
    },
  };
}
