import { readFileSync } from "node:fs";
import { z } from "zod";
import { type Assumptions, type Bounds, type Figures, levelsOf, RESOURCES } from "./model.ts";
import { tableOf } from "./table.ts";

export const MEASURED = new URL("./measured.json", import.meta.url);
export const PAGE = new URL("../../docs/SCALING.md", import.meta.url);

/** Addresses a day: the decades that the page speaks of. */
const LOADS = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const BEGIN = "<!-- computed by npm run scaling -->";
const END = "<!-- end -->";

type Inputs = { readonly figures: Figures; readonly assumptions: Assumptions; readonly bounds: Bounds };

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const measuredShape = z.object({
  machine: z.string(),
  figures: z.record(z.string(), positive),
  assumptions: z.object({
    peak_over_mean: z.number().min(1),
    real_time_share: share,
    asked_share: share,
    addresses_per_chunk: positive,
    leases_per_chunk: positive,
    rows_per_list: positive,
    bytes_per_list_row: positive,
    held_seconds: positive,
    records_per_message: positive,
    facts_per_address: share,
    largest_tenant_share: share,
    meter_calls_per_request: share,
    retention_days: positive,
    headroom: share,
    operators: z.object({
      google: share,
      microsoft_365: share,
      yahoo: share,
      careful: share,
      gateways: share,
      others: share,
    }),
  }),
  bounds: z.object({
    object_requests_per_second: positive,
    probes_per_hub: positive,
    queue_messages_per_second: positive,
    database_terabytes: positive,
  }),
});

/** @throws ZodError when the file is not what the model needs */
export const readMeasured = (): z.infer<typeof measuredShape> =>
  measuredShape.parse(JSON.parse(readFileSync(MEASURED, "utf8")));

export const computeTable = ({ figures, assumptions, bounds }: Inputs): string =>
  tableOf(levelsOf(LOADS, figures, assumptions, bounds), RESOURCES);

/** The page with this table between its marks. */
export function withTable(page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("the page has no place for the table");
  return `${page.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${page.slice(end)}`;
}
