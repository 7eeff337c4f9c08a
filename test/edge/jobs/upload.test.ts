import fc from "fast-check";
import { expect, test } from "vitest";
import { createUpload, rowsAtMost } from "../../../edge/jobs/upload.ts";
import { memorySource } from "../../../edge/tables/source.ts";
import { filesOf } from "../../support/edge-parts.ts";
import { batchesOf, inspected, utf16 } from "../tables/lists.ts";

const address = fc.integer({ min: 0, max: 1e6 }).map((n) => `user${n}@corp-mail.net`);
const note = fc.constantFrom("", "x", "a, b", "a; b", "two\nlines", '"');
const rows = fc.array(fc.tuple(address, note), { minLength: 1, maxLength: 40 });
const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

const lists = fc
  .tuple(rows, fc.constantFrom("\n", "\r\n", "\r"), fc.constantFrom(",", ";", "\t"))
  .chain(([list, end, by]) =>
    fc.constantFrom(
      list.map((cells) => cells.map(quoted).join(by)).join(end),
      list.map(([email]) => email).join(end),
      list.map(([email]) => email).join("; "),
      JSON.stringify(list.map(([email]) => email)),
      JSON.stringify(list.map(([email, said]) => ({ email, said }))),
      JSON.stringify(list),
      list.map((cells) => JSON.stringify(cells)).join("\n"),
    ),
  );

test("a list never has more rows than were expected of its bytes", async () => {
  await fc.assert(
    fc.asyncProperty(lists, fc.boolean(), async (text, wide) => {
      const bytes = wide ? utf16(`\ufeff${text}`, false) : new TextEncoder().encode(text);
      const upload = createUpload(filesOf({}), "list");
      await upload.write(bytes);
      const { dialect } = await inspected(memorySource(bytes));
      const read = (await batchesOf(memorySource(bytes), dialect)).reduce((sum, batch) => sum + batch.rows.length, 0);
      const expected = rowsAtMost(dialect, upload.bytes, upload.histogram);
      expect(expected).toBeGreaterThanOrEqual(read);
      // Not wildly more: each row has an address, and notes have one line end or delimiter at most.
      expect(expected).toBeLessThanOrEqual(3 * read + 2);
    }),
    { seed: 6, numRuns: 150 },
  );
});
