import { replaceAddresses } from "./addresses.ts";
import { REPLY_MATCH_MAX_CHARS } from "./limits.ts";

/** Codes repeated at the head of each line of a multi-line reply, as they look once the lines are joined. */
const REPEATED_CODE = /\b[245]\d\d(?:-(?:[245]\.\d{1,3}\.\d{1,3} ?)?| [245]\.\d{1,3}\.\d{1,3} )/g;
/** Queue ids and hashes: runs of `[a-z0-9._+=-]` at least this long, with a digit. */
const ID_MIN_CHARS = 14;
const ID_CHARS = new Uint8Array(128);
for (const c of "abcdefghijklmnopqrstuvwxyz0123456789._+=-") ID_CHARS[c.charCodeAt(0)] = 1;
/** Words joined by underscores, as in `522_mailbox_full`; an id has digits further in. */
const JOINED_WORDS = /\b(?:\d{3}_)?[a-z]{2,}(?:_[a-z]+)+\b/g;
/** Sendmail puts dots between address and words, and some servers no blank behind them: `not allowed...a@example.com`. */
const DOTS = /\.{3}(?=[^\s.@]{1,64}@)/g;
/** Some servers leave blanks inside the brackets: `< user@example.com >`. */
const LOOSE_BRACKETS = /< ?@ ?>/g;
const WHITE = /\s+/g;
/** Words as servers misspell them. None of them is a word of another language. */
const SPELLING: Readonly<Record<string, readonly string[]>> = {
  unknown: ["unkown", "unknow", "unknwon", "unknonwn", "uknown", "unkonwn", "unkonw", "unknwown", "unknon", "unknowed"],
  recipient: ["recipent", "recepient", "reciepient", "receipient", "recipiant", "reciptient", "recipeint", "receipent"],
  recipients: ["recipents", "recepients", "reciepients", "receipients", "recipiants"],
  address: ["adress", "addres", "adddress", "addess"],
  valid: ["vaild"],
  invalid: ["invaild", "unvalid"],
  exist: ["exsist", "exits", "exsit"],
  exists: ["exsists"],
  "doesn't": ["dosn't", "dosen't", "does'nt", "dose't", "doens't"],
  account: ["accout", "acount", "accont"],
  mailbox: ["maibox", "malbox", "mailbx", "mailobx"],
  disabled: ["disabeld", "dissabled"],
  suspended: ["suspened", "suspeded", "supended"],
  exceeded: ["exeeded", "exceded", "excedeed", "exceeeded"],
  unavailable: ["unavaible", "unavalable", "unavailible", "unavaliable", "unavilable"],
};
const CORRECT = new Map(Object.entries(SPELLING).flatMap(([word, wrong]) => wrong.map((w) => [w, word] as const)));
const MISSPELT = new RegExp(`\\b(?:${[...CORRECT.keys()].join("|")})\\b`, "g");
const COMBINING = /[\u0300-\u036f]/g;
const HAS_DIGIT = /\d/;
/** Letters that Unicode does not take apart into a base letter and a mark. */
const WHOLE = /[łøđıßæœ]/g;
const QUOTES = /[\u2018\u2019\u02bc\u00b4]/g;
const PLAIN: Readonly<Record<string, string>> = { ł: "l", ø: "o", đ: "d", ı: "i", ß: "ss", æ: "ae", œ: "oe" };

const isAscii = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
};

/** Lower case without accents, so that one phrase finds "Boîte", "boite" and "BOITE". */
export const fold = (text: string): string => {
  const lower = text.toLowerCase();
  if (isAscii(lower)) return lower;
  const plain = lower.normalize("NFD").replace(COMBINING, "").normalize("NFC");
  return plain.replace(QUOTES, "'").replace(WHOLE, (letter) => PLAIN[letter] ?? letter);
};

/** Long runs with a digit become "#". One pass: an expression would try again at each character of a shorter run. */
const withoutIds = (text: string): string => {
  let out = "";
  let done = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && ID_CHARS[text.charCodeAt(i)] === 1) continue;
    if (i - start >= ID_MIN_CHARS && HAS_DIGIT.test(text.slice(start, i))) {
      out += `${text.slice(done, start)}#`;
      done = i;
    }
    start = i + 1;
  }
  return done === 0 ? text : out + text.slice(done);
};

/**
 * The text that rows are compared with and results are remembered by: folded, one line, without addresses and ids.
 * Short codes such as "IB607" or "state 13" stay, because operators number their reasons.
 */
export const matchText = (text: string): string => {
  const cut = text.length > REPLY_MATCH_MAX_CHARS ? text.slice(0, REPLY_MATCH_MAX_CHARS) : text;
  let folded = fold(cut).replace(WHITE, " ").trim();
  if (folded.includes("...")) folded = folded.replace(DOTS, "... ");
  folded = replaceAddresses(folded, "@");
  if (folded.includes("<")) folded = folded.replace(LOOSE_BRACKETS, "<@>");
  if (folded.includes("_")) folded = folded.replace(JOINED_WORDS, (words) => words.replaceAll("_", " "));
  if (HAS_DIGIT.test(folded)) {
    folded = withoutIds(folded.replace(REPEATED_CODE, ""));
  }
  return folded;
};

/** The same text with words spelt as they are meant, for phrases to be found in. */
export const spelt = (text: string): string => text.replace(MISSPELT, (word) => CORRECT.get(word) ?? word);

/** Tokens of a fingerprint: anything between white space and brackets. */
const TOKEN = /[^\s<>()[\]{}"',;]+/g;
const HOST_NAME = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+\.?$/;

/**
 * The fingerprint of a refusal: its words without addresses, the recipient's local part, host names, numbers and
 * ids. Two recipients refused for the same cause by the same host give the same template.
 */
export const replyTemplate = (text: string, recipient?: string | null): string => {
  const at = recipient === undefined || recipient === null ? -1 : recipient.lastIndexOf("@");
  const local = at > 0 && recipient ? fold(recipient.slice(0, at)) : null;
  return matchText(text).replace(TOKEN, (token) => {
    if (token.includes("@") || HAS_DIGIT.test(token) || HOST_NAME.test(token)) return "#";
    return token === local || token === `${local}:` || token === `${local}.` ? "#" : token;
  });
};
