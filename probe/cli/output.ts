import type { Writable } from "node:stream";
import type { Verdict } from "../../shared/verdict/types.ts";

export const FORMATS = ["ndjson", "csv", "table"] as const;
export type Format = (typeof FORMATS)[number];

const CSV_COLUMNS = [
  "email",
  "status",
  "reason",
  "score",
  "rating",
  "safe_to_send",
  "flags",
  "did_you_mean",
  "mx",
  "provider",
  "code",
  "text",
  "checked_at",
];

/** The line above the first verdict, if the format has one. */
export function headerOf(format: Format): string {
  if (format === "csv") return `${CSV_COLUMNS.join(",")}\n`;
  if (format === "table") return `${tableRow("EMAIL", "STATUS", "REASON", "SCORE", "NOTES")}\n`;
  return "";
}

/** One verdict as one line. */
export function lineOf(verdict: Verdict, format: Format): string {
  switch (format) {
    case "ndjson":
      return `${JSON.stringify(verdict)}\n`;
    case "csv":
      return `${csvCells(verdict).map(csvCell).join(",")}\n`;
    case "table": {
      const notes = [
        ...flagNames(verdict),
        ...(verdict.did_you_mean === null ? [] : [`did you mean ${verdict.did_you_mean}?`]),
      ];
      return `${tableRow(verdict.email, verdict.status, verdict.reason, String(verdict.score), notes.join(", "))}\n`;
    }
  }
}

function csvCells(verdict: Verdict): readonly (string | number | boolean | null)[] {
  const { evidence } = verdict;
  return [
    verdict.email,
    verdict.status,
    verdict.reason,
    verdict.score,
    verdict.rating,
    verdict.safe_to_send,
    flagNames(verdict).join(";"),
    verdict.did_you_mean,
    verdict.mx,
    verdict.provider,
    evidence.code,
    evidence.text,
    verdict.checked_at,
  ];
}

const csvCell = (value: string | number | boolean | null): string => {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const flagNames = (verdict: Verdict): string[] =>
  Object.entries(verdict.flags)
    .filter(([, value]) => value === true || value === "yes")
    .map(([name]) => name);

function tableRow(email: string, status: string, reason: string, score: string, notes: string): string {
  const cells = [email.padEnd(40), status.padEnd(13), reason.padEnd(24), score.padStart(5), ` ${notes}`];
  // What a terminal would take as a command to itself has no place in a table.
  return cells
    .join(" ")
    .replace(/\p{Cc}/gu, "?")
    .trimEnd();
}

/** Text gathered before it is written: one system call for hundreds of verdicts. */
const GATHER_CHARS = 1 << 16;

/** Writes with back-pressure; false once the reader has gone (`| head`). */
export class LineWriter {
  readonly #out: Writable;
  #gathered = "";
  #closed = false;

  constructor(out: Writable) {
    this.#out = out;
    // A reader that has had enough (EPIPE) ends the work; it is no error of ours.
    out.on("error", () => {
      this.#closed = true;
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  async write(text: string): Promise<void> {
    this.#gathered += text;
    if (this.#gathered.length >= GATHER_CHARS) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#gathered === "" || this.#closed) return;
    const text = this.#gathered;
    this.#gathered = "";
    if (!this.#out.write(text)) await this.#drained();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#out.off("drain", done);
        this.#out.off("close", done);
        this.#out.off("error", done);
        resolve();
      };
      this.#out.on("drain", done);
      this.#out.on("close", done);
      this.#out.on("error", done);
    });
  }
}
