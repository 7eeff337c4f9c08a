import { legacyView } from "../../shared/verdict/legacy.ts";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { Value } from "../tables/write/cell.ts";
import type { Format } from "../tables/write/encode.ts";

/** One row of results: its place in the list, the row that it repeats, its verdict unless it is still open. */
export type Line = {
  readonly row: number;
  readonly email: string;
  readonly duplicateOf: number | null;
  readonly verdict: Verdict | null;
  /** Nothing more will come: the job ended before this row was read. */
  readonly over?: boolean;
};

/** A column of results: its name, and its value of a row. */
export type Column = readonly [name: string, value: (line: Line) => Value];

const ofVerdict =
  (value: (verdict: Verdict) => Value) =>
  ({ verdict }: Line): Value =>
    verdict === null ? null : value(verdict);

const field = (name: Exclude<keyof Verdict, "flags" | "evidence" | "reasons">): Column => [
  name,
  ofVerdict((verdict) => verdict[name]),
];
const flag = (name: keyof Verdict["flags"]): Column => [name, ofVerdict((verdict) => verdict.flags[name])];
const evidence = (name: "code" | "enhanced_code" | "text" | "stage" | "host" | "rule"): Column => [
  `evidence_${name}`,
  ofVerdict((verdict) => verdict.evidence[name]),
];

/** A row that is still open says so: nothing is known yet, and `provisional` tells it from a verdict. */
const STATUS: Column = ["status", ({ verdict }) => verdict?.status ?? "unknown"];
const REASON: Column = ["reason", ({ verdict }) => verdict?.reason ?? "not_checked"];
const EMAIL: Column = ["email", ({ email }) => email];
const PLACE: readonly Column[] = [
  ["row", ({ row }) => row],
  ["duplicate_of", ({ duplicateOf }) => duplicateOf],
  ["provisional", ({ verdict, over }) => verdict === null && over !== true],
];

const CELLS: readonly Column[] = [
  STATUS,
  REASON,
  field("score"),
  field("rating"),
  field("safe_to_send"),
  flag("disposable"),
  flag("role"),
  flag("free"),
  flag("catch_all"),
  field("did_you_mean"),
  field("mx"),
  field("provider"),
  field("checked_at"),
  ...PLACE,
];

const OBJECTS: readonly Column[] = [
  STATUS,
  REASON,
  ["reasons", ofVerdict(({ reasons }) => reasons)],
  field("score"),
  field("rating"),
  field("score_version"),
  field("safe_to_send"),
  ["flags", ofVerdict(({ flags }) => flags)],
  field("did_you_mean"),
  field("mx"),
  field("provider"),
  field("probe_region"),
  field("checked_at"),
  field("cached"),
  field("retry_after"),
  [
    "evidence",
    ofVerdict(({ evidence: { factors, ...rest } }) => ({ ...rest, factors: factors.map((one) => ({ ...one })) })),
  ],
  ...PLACE,
];

/** What can be asked for by name beside the columns of the format. */
const OTHERS: readonly Column[] = [
  flag("privacy_relay"),
  flag("catch_all_confidence"),
  flag("mailbox_full"),
  flag("disabled"),
  flag("no_reply"),
  flag("tagged"),
  flag("forwarded"),
  flag("moved"),
  flag("soft_code"),
  flag("exists"),
  evidence("code"),
  evidence("enhanced_code"),
  evidence("text"),
  evidence("stage"),
  evidence("host"),
  evidence("rule"),
];

/** The shape of the product that this one replaces; how long a check of a list took was never stored by it either. */
const legacy =
  (pick: (view: ReturnType<typeof legacyView>) => Value) =>
  ({ verdict }: Line): Value =>
    verdict === null ? null : pick(legacyView(verdict, 0));

const LEGACY_CHECKS = ["syntax", "domain", "type", "catchall", "smtp"] as const;

const LEGACY_OBJECTS: readonly Column[] = [
  ["valid", legacy(({ valid }) => valid)],
  ["checks", legacy(({ checks }) => Object.fromEntries(LEGACY_CHECKS.map((name) => [name, { ...checks[name] }])))],
  ["deliverability_score", legacy((view) => view.deliverability_score)],
  ["deliverability_rating", legacy((view) => view.deliverability_rating)],
  ["validation_time_ms", legacy((view) => view.validation_time_ms)],
  ["mx_records", legacy((view) => view.mx_records)],
  ["mailbox_exists", legacy((view) => view.mailbox_exists)],
  ["smtp_response", legacy((view) => view.smtp_response)],
];

const LEGACY_CELLS: readonly Column[] = LEGACY_OBJECTS.flatMap((column) =>
  column[0] === "checks"
    ? LEGACY_CHECKS.map((name): Column => [`checks_${name}`, legacy(({ checks }) => checks[name].valid)])
    : column[0] === "mx_records"
      ? [["mx_records", legacy(({ mx_records: names }) => names.join(" "))] satisfies Column]
      : [column],
);

export const SHAPES = ["standard", "legacy"] as const;
export type Shape = (typeof SHAPES)[number];

/** Whether values of a format may be lists and objects, and its names are read by programs. */
export const isNested = (format: Format): boolean => format === "json" || format === "ndjson";

/**
 * The columns of results beside those of the list.
 * @param named whether the list's own column of addresses is called `email`, so that it need not be said again
 */
export function resultColumns(format: Format, shape: Shape, named: boolean): readonly Column[] {
  const nested = isNested(format);
  const email = named ? [] : [EMAIL];
  if (shape === "legacy") return [...email, ...(nested ? LEGACY_OBJECTS : LEGACY_CELLS), ...(nested ? [] : PLACE)];
  return [...email, ...(nested ? OBJECTS : CELLS)];
}

/** All columns that can be asked for by name: those of the format first, then what else there is. */
export function namedColumns(format: Format, shape: Shape, named: boolean): readonly Column[] {
  const columns = [...resultColumns(format, shape, named)];
  const taken = new Set(columns.map(([name]) => name));
  const further = shape === "legacy" ? PLACE : [...CELLS, ...OBJECTS, ...OTHERS];
  for (const column of further) {
    if (taken.has(column[0])) continue;
    taken.add(column[0]);
    columns.push(column);
  }
  return columns;
}
