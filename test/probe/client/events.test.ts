import fc from "fast-check";
import { expect, test } from "vitest";
import { readEvents } from "../../../probe/client/events.ts";

async function* cut(text: string, at: readonly number[]): AsyncGenerator<string> {
  let from = 0;
  for (const to of [...at].sort((a, b) => a - b)) {
    yield text.slice(from, to);
    from = to;
  }
  yield text.slice(from);
}

async function read(pieces: AsyncIterable<string>) {
  const events = [];
  for await (const event of readEvents(pieces)) events.push(event);
  return events;
}

const STREAM =
  "event: progress\nid: 7\r\ndata: {\r\ndata:  1}\r\n\r\n: still here\n\nevent: done\rdata: x\r\rdata: cut";

test("events are read whatever their line ends and wherever the stream is cut", async () => {
  const expected = [
    { name: "progress", id: "7", data: "{\n 1}" },
    { name: "comment", id: "7", data: "" },
    { name: "done", id: "7", data: "x" },
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(STREAM.length), { maxLength: 12 }), async (at) => {
      expect(await read(cut(STREAM, at))).toEqual(expected);
    }),
    { seed: 6, numRuns: 200 },
  );
});

test("an endless event is refused, a long stream of small ones is not", async () => {
  async function* pieces(piece: string): AsyncGenerator<string> {
    for (let n = 0; n < 30; n += 1) yield piece;
  }
  await expect(read(pieces(`data: ${"x".repeat(50_000)}`))).rejects.toThrow("too long");
  expect(await read(pieces(`data: ${"x".repeat(50_000)}\n\n`))).toHaveLength(30);
});
