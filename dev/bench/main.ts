/**
 * `npm run bench [-- NAME…]`: prints figures as NDJSON lines {"name","value","unit"}. Each file beside this one is
 * one bench. Absolute figures depend on the machine; ratios come from one run and are what to quote.
 */
import { readdirSync } from "node:fs";

type Emit = (name: string, value: number, unit: string) => void;
type Bench = { bench(emit: Emit): Promise<void> };

const folder = new URL("./", import.meta.url);
const known = readdirSync(folder)
  .filter((file) => file.endsWith(".bench.ts"))
  .map((file) => file.slice(0, -".bench.ts".length))
  .sort();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`bench: no bench named ${unknown.join(", ")}; there are: ${known.join(", ")}\n`);
  process.exit(2);
}

const SIGNIFICANT_DIGITS = 4;
const emit: Emit = (name, value, unit) => {
  process.stdout.write(`${JSON.stringify({ name, value: Number(value.toPrecision(SIGNIFICANT_DIGITS)), unit })}\n`);
};
for (const name of asked.length > 0 ? asked : known) {
  const { bench } = (await import(new URL(`./${name}.bench.ts`, folder).href)) as Bench;
  await bench(emit);
}
