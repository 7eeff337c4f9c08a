/**
 * `npm run scaling`: recomputes the tables of docs/SCALING.md from measured.json. Figures that come on standard input,
 * as `npm run -s bench | npm run -s scaling` sends them, replace those of the same name; `--write` keeps them and puts
 * the table into the page. `--set NAME=VALUE` tries another assumption or bound.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { computeTable, MEASURED, PAGE, readMeasured, withTable } from "./page.ts";
import { readFigures } from "./table.ts";

const { values } = parseArgs({
  options: { write: { type: "boolean", default: false }, set: { type: "string", multiple: true, default: [] } },
});
const file = readMeasured();
const came = process.stdin.isTTY ? {} : readFigures(readFileSync(0, "utf8"));
const known = Object.fromEntries(Object.entries(came).filter(([name]) => name in file.figures));
const figures = { ...file.figures, ...known };
let { assumptions, bounds } = file;
for (const setting of values.set) {
  const [name = "", value = ""] = setting.split("=");
  if (!Number.isFinite(Number(value)) || !(name in assumptions || name in bounds)) {
    process.stderr.write(`scaling: --set takes NAME=NUMBER of an assumption or bound, not "${setting}"\n`);
    process.exit(2);
  }
  if (name in assumptions) assumptions = { ...assumptions, [name]: Number(value) };
  else bounds = { ...bounds, [name]: Number(value) };
}
const table = computeTable({ figures, assumptions, bounds });
process.stdout.write(`${table}\n`);
if (values.write) {
  writeFileSync(MEASURED, `${JSON.stringify({ ...file, figures, assumptions, bounds }, null, 2)}\n`);
  writeFileSync(PAGE, withTable(readFileSync(PAGE, "utf8"), table));
}
