import { describe, expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { resolveSession, type SessionContext } from "../../../shared/reply/contrast.ts";
import { replyTemplate } from "../../../shared/reply/normalise.ts";
import { parseReplyText } from "../../../shared/reply/parse.ts";

const NOTHING_KNOWN: SessionContext = {
  controlTemplate: null,
  knownTemplate: null,
  sawAcceptance: false,
  postmaster: "not_asked",
};

const session = (replies: readonly string[], context: Partial<SessionContext> = {}) =>
  resolveSession(
    replies.map((words, key) => {
      const parsed = parseReplyText(words);
      if (parsed === null) throw new Error(words);
      const reply = { ...parsed, stage: "rcpt" as const, host: "mx.example.net" };
      return { key, classified: classifyReply(reply), reply, recipient: `user${key}@example.net` };
    }),
    { ...NOTHING_KNOWN, ...context },
  );
const reasons = (replies: readonly string[], context: Partial<SessionContext> = {}) =>
  session(replies, context).map(({ finding }) => finding.reason);

const REFUSED = "550 Rejected";

describe("contrast", () => {
  test("a generic refusal beside an acceptance is about the recipient", () => {
    expect(reasons(["250 Ok", REFUSED, REFUSED])).toEqual(["accepted", "mailbox_not_found", "mailbox_not_found"]);
  });
  test("a lone 5.7.1 beside an acceptance is restricted", () => {
    expect(reasons(["250 Ok", "550 5.7.1 Access denied", "550 5.1.1 User unknown"])).toEqual([
      "accepted",
      "restricted",
      "mailbox_not_found",
    ]);
  });
  test("the same 5.7.1 for several beside an acceptance is the host's word for unknown", () => {
    const denied = "550 5.7.1 Access denied";
    expect(reasons(["250 Ok", denied, denied])).toEqual(["accepted", "mailbox_not_found", "mailbox_not_found"]);
  });
  test("a counter and everything after it are left out", () => {
    expect(reasons(["250 Ok", "421 Too many errors", REFUSED])).toEqual([
      "accepted",
      "rate_limited",
      "policy_rejected",
    ]);
  });
  test("another refusal without any acceptance condemns nobody", () => {
    expect(reasons(["550 5.1.1 User unknown", REFUSED])).toEqual(["mailbox_not_found", "policy_rejected"]);
  });
  test("replies that say whom they are about stand as they are", () => {
    expect(reasons(["250 Ok", "554 5.7.1 blocked using zen.spamhaus.org", "452 4.2.2 Mailbox full"])).toEqual([
      "accepted",
      "probe_blocklisted",
      "mailbox_full",
    ]);
  });
});

describe("templates", () => {
  const controlTemplate = replyTemplate("Rejected");
  test("a refusal equal to the control's is unknown-user once the host has accepted somebody", () => {
    expect(reasons([REFUSED], { controlTemplate, sawAcceptance: true })).toEqual(["mailbox_not_found"]);
    expect(reasons([REFUSED], { knownTemplate: controlTemplate, sawAcceptance: true })).toEqual(["mailbox_not_found"]);
  });
  test("and not before", () => {
    expect(reasons([REFUSED], { controlTemplate })).toEqual(["policy_rejected"]);
  });
  test("a lone 5.7.1 equal to the control's refusal is not restricted", () => {
    const denied = "550 5.7.1 <user1@example.net>: Access denied";
    const control = replyTemplate("<qzxkvjwpth@example.net>: Access denied", "qzxkvjwpth@example.net");
    expect(reasons(["250 Ok", denied], { controlTemplate: control })).toEqual(["accepted", "mailbox_not_found"]);
  });
  test("addresses, local parts, ids, numbers and host names do not count", () => {
    const one = replyTemplate("<ann@example.net>: user ann rejected (mx1.example.net) id 3fa9c1-77", "ann@example.net");
    const two = replyTemplate("<bob@example.net>: user bob rejected (mx2.example.net) id 99bb01-12", "bob@example.net");
    expect(one).toBe(two);
    expect(replyTemplate("user ann refused", "ann@example.net")).not.toBe(
      replyTemplate("user ann accepted", "ann@example.net"),
    );
  });
});

describe("a closed mailbox", () => {
  const words = "550 5.1.1 This address no longer accepts mail.";
  const replies = ["250 Ok", words];
  test("is one, unless the control address hears the same", () => {
    expect(reasons(replies)).toEqual(["accepted", "mailbox_disabled"]);
    expect(reasons(replies, { controlTemplate: replyTemplate("User unknown") })[1]).toBe("mailbox_disabled");
    const controlTemplate = replyTemplate("This address no longer accepts mail.");
    expect(reasons(replies, { controlTemplate })[1]).toBe("mailbox_not_found");
  });
});

describe("blanket refusals", () => {
  test("postmaster has to be asked once", () => {
    const resolved = session([REFUSED, REFUSED]);
    expect(resolved.map(({ needsPostmaster }) => needsPostmaster)).toEqual([true, true]);
    expect(resolved[0]?.finding.reason).toBe("policy_rejected");
  });
  test.each([
    ["accepted", "mailbox_not_found"],
    ["refused_same", "policy_rejected"],
    ["refused_other", "policy_rejected"],
  ] as const)("postmaster %s: %s", (postmaster, reason) => {
    const resolved = session([REFUSED, REFUSED], { postmaster });
    expect(resolved.map(({ finding }) => finding.reason)).toEqual([reason, reason]);
    expect(resolved.some(({ needsPostmaster }) => needsPostmaster)).toBe(false);
  });
});

test("a finding says when to ask again", () => {
  expect(session(["450 4.2.0 Greylisted"])[0]?.finding.retryAfterMs).toBe(360_000);
  expect(session(["550 5.1.1 User unknown"])[0]?.finding.retryAfterMs).toBeNull();
});
