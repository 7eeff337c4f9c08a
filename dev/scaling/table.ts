import { type Figures, type Level, type Resource, units } from "./model.ts";

/** Figures from lines of `{"name","value","unit"}`; other lines are passed over. */
export function readFigures(text: string): Figures {
  const figures: Record<string, number> = {};
  for (const line of text.split("\n")) {
    if (!line.startsWith("{")) continue;
    const { name, value } = JSON.parse(line) as { name?: unknown; value?: unknown };
    if (typeof name === "string" && typeof value === "number") figures[name] = value;
  }
  return figures;
}

const NAMES: Readonly<Record<Resource, string>> = {
  source_addresses: "source addresses",
  probes: "probes",
  hub_shards: "hub shards",
  postgres_machines: "Postgres machines (work)",
  databases_by_size: "databases (size)",
  ingest_consumers: "ingest consumers",
  queues: "queues",
  meter_of_largest_tenant: "Meter of the largest tenant",
  edge_cores: "edge cores",
};

/** A Markdown table: units to deploy per resource, with how full one unit would be where one is enough. */
export function tableOf(levels: readonly Level[], resources: readonly Resource[]): string {
  const rows: string[][] = [
    ["addresses a day", ...levels.map(({ perDay }) => perDay.toLocaleString("en"))],
    ["at the peak, a second", ...levels.map(({ peakPerSecond }) => short(peakPerSecond))],
    ...resources.map((resource) => [NAMES[resource], ...levels.map(({ need }) => deployed(need[resource]))]),
    ["KV writes a second", ...levels.map(({ kvWritesPerSecond }) => short(kvWritesPerSecond))],
    ["R2, GB a day", ...levels.map(({ r2GigabytesPerDay }) => short(r2GigabytesPerDay))],
    ["Postgres, TB kept", ...levels.map(({ postgresTerabytes }) => short(postgresTerabytes))],
    ["too small before, worst first", ...levels.map(({ tooSmall }) => listed(tooSmall))],
  ];
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...body.map(line)].join("\n");
}

const listed = (resources: readonly Resource[]): string =>
  resources.length === 0 ? "nothing" : resources.map((one) => NAMES[one]).join(", ");

/** "3", or "1 (12 %)" where less than one is needed. */
const deployed = (need: number): string =>
  need > 1 ? units(need).toLocaleString("en") : `1 (${need < 0.001 ? "0" : short(need * 100)} %)`;

/** Two significant digits below a hundred. */
const short = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(2)));
