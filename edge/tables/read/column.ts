import { err, ok, type Result } from "../../../shared/result.ts";
import { ADDRESS_CELL_MAX_CHARS, COLUMN_NAME_MAX_CHARS, COLUMNS_MAX } from "../limits.ts";
import type { Refusal } from "../table.ts";

/** What the caller says about the columns instead of having it found out. */
export type ColumnWish = {
  /** The column with the addresses: its name, or its number from 1. */
  readonly column?: string | undefined;
  readonly header?: boolean | undefined;
};

/** Columns of a list as found in its first records; `skip`: records before the first row. */
export type ColumnsFound = {
  readonly columns: readonly string[];
  readonly column: number;
  readonly skip: number;
  readonly header: boolean;
  /** Other columns that hold or seem to hold addresses, best first. */
  readonly alternatives: readonly number[];
};

/** Names of the column in many languages, lower case, without spaces and punctuation. */
const NAMES = new Set(
  [
    "email emails mail mails emailaddress emailaddresses emailaddr mailaddress emailid useremail contactemail customeremail",
    "workemail businessemail primaryemail email1 emailadresse emailadressen mailadresse epost epostadress epostadresse",
    "eposta epostaadresi sähköposti sähköpostiosoite courriel adresseemail adressemail adresseélectronique adressecourriel",
    "correo correoelectrónico correoelectronico direccióndecorreo emailcontacto correio correioeletrónico correioeletronico",
    "posta postaelettronica indirizzoemail mailadres emailadres adresemail adrese-mail adresmail emailová emailovaadresa",
    "elektronskapošta elpaštas epasts elektroninispaštas почта электроннаяпочта эпочта емейл имейл email-адрес адресэлпочты",
    "електроннапошта пошта ηλεκτρονικόταχυδρομείο 邮箱 邮件 电子邮件 电子邮箱 電子郵件 電郵 メール メールアドレス 이메일 이메일주소",
    "البريدالإلكتروني בריד דואל דואראלקטרוני ईमेल อีเมล",
  ]
    .join(" ")
    .split(" ")
    .map(plain),
);
/** Parts of a name that hint at addresses. */
const HINTS = ["mail", "courriel", "correo", "epost", "почт", "邮", "メール"];
/** Parts of a name that tell a second address from the first. */
const SECOND = /second|alternat|backup|other|old|previous|manager|assistant|owner|sender|from|^b?cc|zweit|ander|[2-9]$/;
/** Names that only say where something goes. */
const WEAK = new Set(["address", "adresse", "to", "recipient", "user", "username", "login", "contact", "subscriber"]);

/** Records above a header that are titles: at most this many. */
const TITLE_RECORDS_MAX = 10;

/**
 * Finds the header and the column that holds the addresses, by names and by content.
 * @param records the first records of the list, none blank
 */
export function findColumns(records: readonly (readonly string[])[], wish: ColumnWish): Result<ColumnsFound, Refusal> {
  const width = records.reduce((most, record) => Math.max(most, record.length), 0);
  if (width > COLUMNS_MAX) {
    return err({ kind: "too_large", detail: `The list has ${width} columns; at most ${COLUMNS_MAX} are taken.` });
  }
  const titles = wish.header === false ? 0 : titleRecords(records, width);
  const body = records.slice(titles);
  const first = body[0] ?? [];
  const ranked = rank(body, width);
  const column = wish.column === undefined ? (ranked[0] ?? null) : namedColumn(first, width, wish.column);
  if (column === null) return err(noColumn(first, wish));
  const header = wish.header ?? isHeader(body, column, wish.column);
  return ok({
    columns: columnNames(header ? first : [], width, column),
    column,
    skip: titles + (header ? 1 : 0),
    header,
    alternatives: ranked.filter((index) => index !== column),
  });
}

/** Whether a cell looks like an address, alone or behind a name. */
export const looksLikeAddress = (cell: string): boolean =>
  cell.length <= ADDRESS_CELL_MAX_CHARS &&
  cell.includes("@") &&
  /^(?:[^<>]*<)?\s*[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+\s*>?\s*$/.test(cell);

/** Names for all columns, each once: JSON keys must differ. */
function columnNames(header: readonly string[], width: number, column: number): string[] {
  const taken = new Set<string>();
  return Array.from({ length: width }, (_, index) => {
    const given = (header[index] ?? "")
      .replace(/^\uFEFF/, "")
      .trim()
      .slice(0, COLUMN_NAME_MAX_CHARS);
    return uniqueName(given || (index === column ? "email" : `column_${index + 1}`), taken);
  });
}

/** The name, or with the first number behind it that makes it unique among those taken; takes it. */
export function uniqueName(name: string, taken: Set<string>): string {
  let unique = name;
  for (let number = 2; taken.has(unique.toLowerCase()); number++) unique = `${name}_${number}`;
  taken.add(unique.toLowerCase());
  return unique;
}

function plain(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}]/gu, "");
}

const isNamed = (cell: string): boolean => cell.length <= COLUMN_NAME_MAX_CHARS && NAMES.has(plain(cell));
const isHinted = (cell: string): boolean =>
  cell.length <= 60 && !cell.includes("@") && HINTS.some((hint) => plain(cell).includes(hint));

function nameScore(cell: string): number {
  const base = isNamed(cell) ? 0.5 : isHinted(cell) ? 0.35 : WEAK.has(plain(cell)) ? 0.1 : 0;
  return base > 0 && SECOND.test(plain(cell)) ? base - 0.2 : base;
}

/** Columns that may hold the addresses, best first. Content counts more than a name, both together most. */
function rank(records: readonly (readonly string[])[], width: number): number[] {
  const [first = []] = records;
  const scored: { index: number; score: number }[] = [];
  for (let index = 0; index < width; index++) {
    const filled = records.filter((record) => (record[index] ?? "").trim() !== "").length;
    const hits = records.filter((record) => looksLikeAddress(record[index] ?? "")).length;
    const content = hits === 0 ? 0 : (0.7 * hits) / records.length + (0.3 * hits) / filled;
    const name = nameScore(first[index] ?? "");
    if (content > 0.02 || name > 0.1 || (width === 1 && records.some((record) => record[0]?.includes("@")))) {
      scored.push({ index, score: content + name });
    }
  }
  return scored.sort((a, b) => b.score - a.score || a.index - b.index).map((one) => one.index);
}

/** How many records above the header are titles: one cell each, no address, and the header says which column it is. */
function titleRecords(records: readonly (readonly string[])[], width: number): number {
  if (width < 2) return 0;
  for (let at = 0; at < Math.min(records.length, TITLE_RECORDS_MAX + 1); at++) {
    const record = records[at] ?? [];
    if (record.some((cell) => isNamed(cell) || isHinted(cell)) && record.filter((cell) => cell.trim()).length > 1)
      return at;
    if (record.filter((cell) => cell.trim()).length > 1 || record.some((cell) => cell.includes("@"))) return 0;
  }
  return 0;
}

/** The first record is a header when its cell says so, or when it alone is no address in a column of addresses. */
function isHeader(records: readonly (readonly string[])[], column: number, wanted: string | undefined): boolean {
  const [first = []] = records;
  const cell = (first[column] ?? "").trim();
  if (cell.includes("@")) return false;
  if (isNamed(cell) || isHinted(cell) || WEAK.has(plain(cell))) return true;
  if (wanted !== undefined && cell !== "" && plain(cell) === plain(wanted)) return true;
  // Any other first record of a single column may be a broken address, which must not be lost.
  if (first.length < 2 || cell === "" || first.some((one) => /[\d.@]/.test(one))) return false;
  return records.slice(1).some((record) => looksLikeAddress(record[column] ?? ""));
}

function namedColumn(first: readonly string[], width: number, wanted: string): number | null {
  const name = wanted.trim().toLowerCase();
  const byName = first.findIndex(
    (cell) =>
      cell
        .replace(/^\uFEFF/, "")
        .trim()
        .toLowerCase() === name,
  );
  if (byName >= 0) return byName;
  const number = /^\d{1,4}$/.test(name) ? Number(name) : 0;
  return number >= 1 && number <= width ? number - 1 : null;
}

function noColumn(first: readonly string[], wish: ColumnWish): Refusal {
  const shown = first.slice(0, 20).map((cell) => `"${cell.trim().replace(/\s+/g, " ").slice(0, 40)}"`);
  const more = first.length > shown.length ? ` and ${first.length - shown.length} more` : "";
  const seen = `The first record holds ${shown.join(", ")}${more}.`;
  return wish.column === undefined
    ? { kind: "no_address_column", detail: `No column looks like e-mail addresses; name it if there is one. ${seen}` }
    : { kind: "no_such_column", detail: `There is no column "${wish.column.slice(0, 100)}". ${seen}` };
}
