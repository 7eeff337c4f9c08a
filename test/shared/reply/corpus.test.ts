import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { parseReplyText } from "../../../shared/reply/parse.ts";
import { REASON_TABLE } from "../../../shared/verdict/vocabulary.ts";

/** Real replies with a label each; development data that lies beside the project and is no part of it. */
const CORPUS = new URL("../../../../shared/data/smtp-replies-dev.ndjson", import.meta.url);
const present = existsSync(CORPUS);

const ABOUT_SENDER = new Set([
  "blocked",
  "badreputation",
  "requireptr",
  "authfailure",
  "policyviolation",
  "spamdetected",
  "rejected",
  "toomanyconn",
  "speeding",
  "notcompliantrfc",
  "norelaying",
]);

type Case = { readonly reply: string; readonly reason: string };

const cases = (): Case[] =>
  readFileSync(CORPUS, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Case => JSON.parse(line));

const reasonOf = ({ reply }: Case) => {
  const parsed = parseReplyText(reply);
  return parsed === null ? null : classifyReply({ ...parsed, stage: "rcpt" }).reason;
};

const share = (of: readonly Case[], holds: (one: Case) => boolean): number => of.filter(holds).length / of.length;

const isUndeliverable = (one: Case): boolean => {
  const reason = reasonOf(one);
  return reason !== null && REASON_TABLE[reason].status === "undeliverable";
};

test.skipIf(!present)("unknown users are recognised in at least 95 % of the corpus", () => {
  const about = cases().filter(({ reason }) => reason === "userunknown" || reason === "hasmoved");
  expect(share(about, isUndeliverable)).toBeGreaterThanOrEqual(0.95);
});

test.skipIf(!present)("replies about the sender are undeliverable in at most 1 % of the corpus", () => {
  const about = cases().filter(({ reason }) => ABOUT_SENDER.has(reason));
  expect(share(about, isUndeliverable)).toBeLessThanOrEqual(0.01);
});

test.skipIf(!present)("full mailboxes are recognised in at least 90 % of the corpus", () => {
  const about = cases().filter(({ reason }) => reason === "mailboxfull");
  expect(share(about, (one) => reasonOf(one) === "mailbox_full")).toBeGreaterThanOrEqual(0.9);
});

test.skipIf(present)("the reply corpus is not there: its three tests are skipped", () => {
  expect(present).toBe(false);
});
