import { describe, expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { parseReplyText } from "../../../shared/reply/parse.ts";
import type { Classified, ReplyInput } from "../../../shared/reply/types.ts";
import type { Reason, Stage } from "../../../shared/verdict/vocabulary.ts";

const classify = (reply: string, stage: Stage = "rcpt", more: Partial<ReplyInput> = {}): Classified => {
  const parsed = parseReplyText(reply);
  if (parsed === null) throw new Error(`no reply: ${reply}`);
  return classifyReply({ ...parsed, stage, ...more });
};

describe("positive replies", () => {
  test("251 is accepted and forwarded", () => {
    expect(classify("251 User not local; will forward to <b@example.net>")).toMatchObject({
      reason: "accepted",
      flags: ["forwarded"],
    });
  });
  test("252 is accepted, for the control to tell", () => {
    expect(classify("252 2.5.2 Cannot VRFY user, but will accept message").reason).toBe("accepted");
  });
  test("a late 220 or 221 is no answer to RCPT", () => {
    expect(classify("221 2.0.0 Bye").reason).toBe("protocol_error");
    expect(classify("220 mx.example.net ESMTP", "banner").class).toBe("accepted");
  });
  test.each([0, 99, 199, 354, 600, 999, Number.NaN])("code %d is not an answer", (code) => {
    expect(classifyReply({ code, enhanced: null, text: "x", stage: "rcpt" }).reason).toBe("protocol_error");
  });
});

describe("who a reply is about", () => {
  test.each<readonly [Reason, string]>([
    ["helo_rejected", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"],
    ["sender_rejected", "554 5.7.1 <>: Sender address rejected: Access denied"],
    [
      "sender_rejected",
      "550-Verification failed for <probe@sender.example>\n550-The mail server could not deliver mail to probe@sender.example. The account or domain may not exist\n550 Sender verify failed",
    ],
    ["sender_rejected", "450 4.1.8 <probe@sender.example>: Sender address rejected: Domain not found"],
    ["probe_blocklisted", "550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org"],
    ["rdns_required", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]"],
    ["mailbox_not_found", "550 5.7.1 No such user!"],
    ["mailbox_not_found", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."],
    ["rate_limited", "550 Mailbox unavailable or access denied [Mx IP: 192.0.2.1] http://service.mail.qq.com/"],
    ["rate_limited", "550 5.1.1 <a@example.com> - 203.0.113.222 has sent to too many recipients this hour. IB607"],
    ["temporary_error", "452 4.3.1 Insufficient system storage"],
    ["rate_limited", "452 4.5.3 Too many recipients"],
    ["mailbox_full", "452 4.2.2 Over quota"],
    ["mailbox_full", "552 Requested mail action aborted"],
    ["relay_denied", "554 5.7.1 <a@example.com>: Relay access denied"],
    [
      "mailbox_not_found",
      "550 5.1.1 <a@example.com>: Recipient address rejected: User unknown in relay recipient table",
    ],
    ["tls_required", "530 5.7.0 Must issue a STARTTLS command first"],
    ["restricted", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required"],
    ["smtputf8_unsupported", "553 5.6.7 Non-ASCII addresses not permitted for that recipient"],
    ["no_mail_host", "556 5.1.10 Recipient address has null MX"],
    ["policy_rejected", "550 5.7.1 Directory harvest attack detected"],
  ])("%s: %s", (reason, reply) => {
    expect(classify(reply).reason).toBe(reason);
  });

  test("nothing said before RCPT condemns the recipient", () => {
    expect(classify("550 5.1.1 User unknown", "mail").reason).toBe("sender_rejected");
    expect(classify("550 User unknown", "ehlo").reason).toBe("helo_rejected");
    expect(classify("554 no such user", "banner").reason).toBe("policy_rejected");
    expect(classify("552 mailbox full", "mail").reason).toBe("sender_rejected");
  });

  test("a refusal that quotes our sender and not the recipient is about our sender", () => {
    const sender = "probe@sender.example";
    const quoted = "550 5.1.1 <probe@sender.example>: user unknown";
    expect(classify(quoted, "rcpt", { sender, recipient: "a@example.com" }).reason).toBe("sender_rejected");
    const both = "550 5.1.1 <a@example.com>: user unknown (mail for <probe@sender.example>)";
    expect(classify(both, "rcpt", { sender, recipient: "a@example.com" }).reason).toBe("mailbox_not_found");
  });

  test("551 is moved, unless it speaks of relay, sender or authentication", () => {
    expect(classify("551 User not local; please try <b@example.net>")).toMatchObject({
      reason: "mailbox_not_found",
      flags: ["moved"],
    });
    expect(classify("551 we do not relay").reason).toBe("relay_denied");
    expect(classify("551 authentication required").reason).toBe("policy_rejected");
  });

  test("postscreen's 521 and a 554 greeting are about us, and another network may ask", () => {
    for (const reply of ["521 5.7.1 Blocked by DNSBL", "554 No SMTP service here"]) {
      const classified = classify(reply, "banner");
      expect(classified.class).toBe("policy");
      expect(classified.secondOpinion).toBe(true);
    }
  });

  test("a deliberate refusal of verification gets no second opinion", () => {
    expect(classify("554 5.7.1 Email verification services are blocked here").secondOpinion).toBe(false);
  });
});

describe("temporary codes", () => {
  test("a 4xx user unknown stays temporary and keeps its words", () => {
    expect(classify("450 4.1.1 <a@example.com>: Recipient address rejected: User unknown")).toMatchObject({
      class: "recipient",
      reason: "temporary_error",
      retry: "temporary",
    });
  });
  test("receiving too fast tells that the mailbox exists", () => {
    const reply = "450 4.2.1 The user you are trying to contact is receiving mail too quickly. - gsmtp";
    expect(classify(reply)).toMatchObject({ reason: "temporary_error", flags: ["exists"] });
  });
  test("greylisting, postscreen's first visit and Mimecast's resources wait for another try", () => {
    expect(classify("450 4.2.0 Greylisted, see http://postgrey.example").retry).toBe("greylist");
    expect(classify("450 4.3.2 Service currently unavailable").retry).toBe("reconnect");
    expect(classify("451 Internal resources are temporarily unavailable").reason).toBe("greylisted");
  });
  test("the standard words of 450 do not count as unknown", () => {
    expect(classify("450 Requested mail action not taken: mailbox unavailable").rule).toBe("mailbox-busy");
  });
});

describe("ambiguous refusals", () => {
  test.each(["550 Rejected", "554 Transaction failed", "550 5.7.1 Access denied", "550 5.0.0 no"])(
    "%s says nothing by itself",
    (reply) => {
      expect(classify(reply)).toMatchObject({ reason: "policy_rejected", ambiguous: true });
    },
  );
  test("one that names our address is about us", () => {
    const us = { sourceAddress: "192.0.2.77", helo: "probe.example" };
    expect(classify("550 5.7.1 [192.0.2.77] refused", "rcpt", us).ambiguous).toBe(false);
    expect(classify("550 5.7.1 probe.example refused", "rcpt", us).ambiguous).toBe(false);
    expect(classify("550 5.7.1 refused", "rcpt", us).ambiguous).toBe(true);
  });
});

test("accents, case, line breaks and repeated codes make no difference", () => {
  const expected = "mailbox_not_found";
  expect(classify("550 EMPFÄNGER UNBEKANNT").reason).toBe(expected);
  expect(classify("550 Empfa\u0308nger unbekannt").reason).toBe(expected);
  expect(
    classify("550-5.1.1 The email account that you\r\n550-5.1.1 tried to reach does\r\n550 5.1.1 not exist").reason,
  ).toBe(expected);
  expect(
    classify("550 5.1.1 The email account that you 550-5.1.1 tried to reach does 550 5.1.1 not exist").reason,
  ).toBe(expected);
});
