import { z } from "@hono/zod-openapi";
import { ENCODINGS, type Refusal } from "../tables/table.ts";
import type { Problem, ProblemSlug } from "./problems.ts";

/** Delimiters by name, for forms in which a tab is hard to send. */
const DELIMITER_NAMES: Readonly<Record<string, string>> = {
  comma: ",",
  semicolon: ";",
  tab: "\t",
  "\\t": "\t",
  pipe: "|",
};

const YES_NO: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  "1": true,
  false: false,
  no: false,
  "0": false,
};

/** What a caller may say about a list instead of having it found out; the same in JSON and in forms. */
export const listWishes = {
  column: z
    .union([z.string().max(200), z.int().min(1).max(1_000)])
    .transform(String)
    .optional()
    .describe("Column of the addresses: its header, or its number from 1"),
  header: z
    .union([z.boolean(), z.enum(["true", "false", "yes", "no", "1", "0"])])
    .transform((value) => (typeof value === "boolean" ? value : YES_NO[value] === true))
    .optional()
    .describe("Whether the first record names the columns"),
  encoding: z.enum(ENCODINGS).optional(),
  delimiter: z
    .string()
    .max(20)
    .transform((value) => DELIMITER_NAMES[value] ?? value)
    .optional()
    .describe("One character, or `comma`, `semicolon`, `tab`, `pipe`"),
  sheet: z.string().max(200).optional().describe("Sheet of a workbook, by name"),
};

const SLUGS: Readonly<Record<Refusal["kind"], ProblemSlug>> = {
  unreadable: "list_unreadable",
  unsupported: "list_unreadable",
  too_large: "list_too_large",
  empty: "empty_list",
  no_address_column: "no_address_column",
  no_such_column: "no_address_column",
  no_such_sheet: "list_unreadable",
};

/** The problem of a list that is not taken. */
export const refusalProblem = ({ kind, detail }: Refusal): Problem => ({ slug: SLUGS[kind], detail });

/** The problems that a list can have. */
export const LIST_PROBLEMS = ["list_unreadable", "list_too_large", "no_address_column", "empty_list"] as const;
