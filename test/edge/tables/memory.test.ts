import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { readRows } from "../../../edge/tables/read/rows.ts";
import { type ByteSource, memorySource } from "../../../edge/tables/source.ts";
import type { ResultRow } from "../../../edge/tables/write/cell.ts";
import { encode } from "../../../edge/tables/write/encode.ts";
import { layOut, mergeJoin, type VerdictRow } from "../../../edge/tables/write/join.ts";
import { inspected } from "./lists.ts";

const ROWS = 1_000_000;
const HELD_MAX_BYTES = 30_000_000;

/** Live bytes of this process, after a collection. */
function live(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The same record over and over, made as it is read. */
function repeated(header: string, record: string, count: number): ByteSource {
  const head = new TextEncoder().encode(header);
  const body = new TextEncoder().encode(record.repeat(2_000));
  const size = head.length + (body.length / 2_000) * count;
  return {
    size,
    async read(from, to) {
      let at = from;
      return new ReadableStream<Uint8Array>({
        pull(controller) {
          const place = at < head.length ? at : (at - head.length) % body.length;
          const part = (at < head.length ? head : body).subarray(place, place + to - at);
          at += part.length;
          if (part.length > 0) controller.enqueue(part);
          if (at >= to) controller.close();
        },
      });
    },
  };
}

test("a million rows go through reading, joining and writing in the same memory as a few", async () => {
  const source = repeated("name,email\r\n", '"Doe, Jane",same@example.com\r\n', ROWS);
  const { dialect } = await inspected(source);
  const laid = layOut(dialect.columns, ["status", "score"], null);
  if (!laid.ok) throw new Error(laid.error);
  let highest = 0;
  let base = 0;
  async function* list() {
    let batches = 0;
    for await (const { rows } of readRows(source, dialect)) {
      if (++batches % 40 === 5) highest = Math.max(highest, live());
      if (base === 0 && batches === 5) base = highest;
      yield rows;
    }
  }
  async function* verdicts(): AsyncGenerator<VerdictRow[]> {
    for (let from = 1; from <= ROWS; from += 5_000) {
      yield Array.from({ length: 5_000 }, (_, at) => ({ rowNo: from + at, values: ["deliverable", 97] }));
    }
  }
  let lines = 0;
  const reader = encode("csv", laid.value.columns, mergeJoin(list(), verdicts(), laid.value, "empty")).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    for (let at = part.value.indexOf(10); at >= 0; at = part.value.indexOf(10, at + 1)) lines++;
  }
  expect(lines).toBe(ROWS + 1);
  expect(highest - base).toBeLessThan(HELD_MAX_BYTES);
});

test("a workbook is written and read in bounded memory", async () => {
  const count = 100_000;
  async function* rows(): AsyncGenerator<ResultRow[]> {
    for (let from = 0; from < count; from += 5_000) {
      yield Array.from(
        { length: 5_000 },
        (_, at): ResultRow => [`user${from + at}@example.com`, "deliverable", 97, "x".repeat(60)],
      );
    }
  }
  const base = live();
  const parts: Uint8Array[] = [];
  let written = 0;
  let highest = 0;
  const reader = encode("xlsx", ["email", "status", "score", "note"], rows()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    written += part.value.length;
    if (parts.length % 20 === 0) highest = Math.max(highest, live() - written);
  }
  expect(highest - base).toBeLessThan(HELD_MAX_BYTES);
  const source = memorySource(new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer()));
  parts.length = 0;
  const { dialect } = await inspected(source);
  const before = live();
  let read = 0;
  for await (const batch of readRows(source, dialect)) {
    read += batch.rows.length;
    if (read % 25_000 === 0) highest = Math.max(highest, live() - before);
  }
  expect(read).toBe(count);
  expect(highest - base).toBeLessThan(HELD_MAX_BYTES);
});

test("the same address a million times, packed a thousand to one, is a list like others", async () => {
  const line = "same@example.com\n";
  const packed = gzipSync(line.repeat(ROWS));
  expect((line.length * ROWS) / packed.length).toBeGreaterThan(300);
  const source = memorySource(packed);
  const { dialect } = await inspected(source);
  let read = 0;
  for await (const batch of readRows(source, dialect)) read += batch.rows.length;
  expect(read).toBe(ROWS);
});
