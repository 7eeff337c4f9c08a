import fc from "fast-check";
import { expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { Memo } from "../../../shared/reply/memo.ts";
import { parseReplyText } from "../../../shared/reply/parse.ts";
import { compilePhrase, occurs, searchText } from "../../../shared/reply/phrase.ts";
import { REPLY_ROWS } from "../../../shared/reply/rows/index.ts";
import type { ReplyInput } from "../../../shared/reply/types.ts";
import { REASON_TABLE, STAGES } from "../../../shared/verdict/vocabulary.ts";

const examples = REPLY_ROWS.flatMap((row) => row.examples);
/** Arbitrary text, and pieces of real replies glued together. */
const textArb = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.array(fc.constantFrom(...examples), { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(" ")),
  fc.tuple(fc.constantFrom(...examples), fc.nat(80), fc.string({ maxLength: 8 })).map(([reply, at, junk]) => {
    const cut = at % (reply.length + 1);
    return reply.slice(0, cut) + junk + reply.slice(cut);
  }),
);
const inputArb: fc.Arbitrary<ReplyInput> = fc.record({
  code: fc.oneof(fc.integer({ min: 400, max: 599 }), fc.integer({ min: -1, max: 1_000 })),
  enhanced: fc.option(fc.tuple(fc.constantFrom(4, 5), fc.nat(9), fc.nat(999)).map((parts) => parts.join("."))),
  text: textArb,
  stage: fc.constantFrom(...STAGES),
});
const SETTINGS = { seed: 20_261_120, numRuns: 6_000 };

test("any reply is classified, and only recipient and host classes can be undeliverable", () => {
  fc.assert(
    fc.property(inputArb, (input) => {
      const classified = classifyReply(input);
      if (REASON_TABLE[classified.reason].status !== "undeliverable") return;
      expect(["recipient", "host"]).toContain(classified.class);
      expect(input.code).toBeGreaterThanOrEqual(400);
    }),
    SETTINGS,
  );
});

test("no 4xx and no reply before RCPT condemns a mailbox", () => {
  const condemning = ["mailbox_not_found", "mailbox_disabled", "smtputf8_unsupported"];
  fc.assert(
    fc.property(inputArb, (input) => {
      const early = ["connect", "banner", "ehlo", "starttls", "mail"].includes(input.stage);
      if (!early && input.code >= 500) return;
      expect(condemning).not.toContain(classifyReply(input).reason);
    }),
    SETTINGS,
  );
});

test("words about our address, our sender or our name are never undeliverable, whatever else is said", () => {
  const ours = [
    "Sender verify failed",
    "Sender address rejected",
    "blocked using zen.spamhaus.org",
    "Client host rejected: cannot find your hostname",
    "Helo command rejected: Host not found",
    "Relay access denied",
    "Too many connections from your host",
    "SPF check failed",
    "Greylisted, please come back later",
  ];
  const neutral = [
    "",
    "see http://example.com/help",
    "[192.0.2.1]",
    "(in reply to RCPT TO command)",
    "<a@example.com>:",
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...ours),
      fc.constantFrom(...neutral),
      fc.constantFrom(...neutral),
      fc.constantFrom(450, 550, 553, 554),
      (words, before, after, code) => {
        const text = `${before} ${words} ${after}`.trim();
        const { reason } = classifyReply({ code, enhanced: null, text, stage: "rcpt" });
        expect(REASON_TABLE[reason].status).toBe("unknown");
      },
    ),
    SETTINGS,
  );
});

test("refusals of us stay so amid any small talk", () => {
  const about = new Set(["policy", "sender", "rate", "greylist", "relay"]);
  const refusals = REPLY_ROWS.filter((row) => about.has(row.class) && row.ambiguous !== true && row.text !== undefined)
    .flatMap((row) => row.examples)
    .flatMap((example) => parseReplyText(example) ?? []);
  const talk = fc.array(
    fc.constantFrom(
      ..."please contact the postmaster for help see https://help.example.net/x?y=1 id=4Xy7Zk2p9Q [192.0.2.9]".split(
        " ",
      ),
      ..."this message from your server was not delivered <a@example.com> #5.7.1 (in reply to RCPT TO command)".split(
        " ",
      ),
      ..."mx1.example.org said: if you think that is a mistake visit our support abc zzz".split(" "),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...refusals), talk, talk, (refusal, before, after) => {
      const text = [...before, refusal.text, ...after].join(" ");
      const { reason } = classifyReply({ ...refusal, text, stage: "rcpt" });
      expect(REASON_TABLE[reason].status).not.toBe("undeliverable");
    }),
    SETTINGS,
  );
});

test("a refusal of our sender stays one when it quotes another server's 'user unknown'", () => {
  const refusals = REPLY_ROWS.filter((row) => row.class === "sender" && row.stages === undefined).flatMap(
    (row) => row.examples,
  );
  const quotes = [
    "550 5.1.1 user unknown",
    "said: 550 5.1.1 <a@example.com>: Recipient address rejected",
    "no such user here",
  ];
  fc.assert(
    fc.property(fc.constantFrom(...refusals), fc.constantFrom(...quotes), (refusal, quote) => {
      const parsed = parseReplyText(`${refusal} ${quote}`);
      expect(parsed).not.toBeNull();
      if (parsed === null) return;
      const { reason } = classifyReply({ ...parsed, stage: "rcpt" });
      expect(REASON_TABLE[reason].status).toBe("unknown");
    }),
    { ...SETTINGS, numRuns: 500 },
  );
});

test("asking again gives the same answer", () => {
  fc.assert(
    fc.property(inputArb, (input) => {
      expect(classifyReply(input)).toEqual(classifyReply(input));
    }),
    { ...SETTINGS, numRuns: 1_000 },
  );
});

test("a phrase search finds what a regular expression finds", () => {
  const wordArb = fc.string({ unit: fc.constantFrom("a", "b", "c", " "), minLength: 1, maxLength: 4 });
  const pattern = (first: string, joint: string, second: string) => {
    const gap = { "": "", "~": "[^]{0,36}", "*": "[^]*", "%": "[^.,]{0,18}" }[joint];
    const bare = (part: string) => part.replace(/^\^|\$$/g, "");
    const start = first.startsWith("^") ? "^" : "";
    const end = (joint === "" ? first : second).endsWith("$") ? "$" : "";
    return new RegExp(`${start}${bare(first)}${gap}${joint === "" ? "" : bare(second)}${end}`);
  };
  fc.assert(
    fc.property(
      fc.tuple(fc.constantFrom("", "", "^"), wordArb).map((parts) => parts.join("")),
      fc.constantFrom("", "~", "*", "%"),
      fc.tuple(wordArb, fc.constantFrom("", "", "$")).map((parts) => parts.join("")),
      fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "x", "y", "z", ".", ","), maxLength: 120 }),
      (first, joint, second, text) => {
        const phrase = joint === "" ? first : `${first}${joint}${second}`;
        const expected = pattern(first, joint, second).test(text);
        expect(occurs(compilePhrase(phrase), searchText(text))).toBe(expected);
      },
    ),
    SETTINGS,
  );
});

test("the memory of results stays within two generations and keeps what is asked for", () => {
  const memo = new Memo<number>(100);
  let computed = 0;
  for (let i = 0; i < 10_000; i++) {
    memo.get(`once ${i}`, () => i);
    memo.get("often", () => ++computed);
    expect(memo.size).toBeLessThanOrEqual(200);
  }
  expect(computed).toBe(1);
});
