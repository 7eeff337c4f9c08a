import { describe, expect, test } from "vitest";
import { classifyReply, classifyWords } from "../../../shared/reply/classify.ts";
import { parseReplyText } from "../../../shared/reply/parse.ts";
import type { ReplyStage } from "../../../shared/reply/types.ts";
import { REASON_TABLE } from "../../../shared/verdict/vocabulary.ts";

const of = (reply: string, stage: ReplyStage = "rcpt") => {
  const parsed = parseReplyText(reply);
  if (parsed === null) throw new Error(`no reply: ${reply}`);
  return classifyReply({ ...parsed, stage });
};

describe("words of an unknown user that are about us, the message or a domain condemn nobody", () => {
  test.each([
    "550 5.1.0 sender rejected: user unknown",
    "550 5.1.7 <probe@sender.example>: user unknown",
    "550 5.1.8 <probe@sender.example>: no such user",
    "550 5.7.1 recipient refused because of your reputation",
    "554 5.7.1 <x@y.com>: Recipient address rejected: blocked using zen.spamhaus.org",
    "554 5.7.1 <x@y.com>: Recipient address rejected: policy violation",
    "550 message rejected as spam by user's filter",
    "550 Requested action not taken: mailbox unavailable (your IP is blocked)",
    "550 5.7.1 Your message to <x@y.com> was rejected: unknown sender, user not authenticated",
    "550 User not authorized",
    "550 Invalid user or password",
    "535 5.7.8 Error: authentication failed: user unknown",
    "550 Mail from unknown user is not accepted here",
    "550 Address verification failed: no such user at your domain",
    "550-Verification failed for <probe@sender.example> 550 User unknown in virtual mailbox table",
    "550 sender verify fail for <probe@sender.example>: No Such User Here",
    "550 Cannot verify your address: 550 no such user",
    "550 Your email address does not exist",
    "550 Your address is unknown to us",
    "550 Your account does not exist",
    "550 The account you are sending from is disabled",
    "550 The sending account has been suspended",
    "550 5.7.1 Sender's mailbox does not exist",
    "550 Return address invalid: mailbox not found",
    "553 5.1.8 Sender address unknown: domain of sender address does not exist",
    "550 Rejected: unknown host, invalid client",
    "550 HELO name invalid: user unknown",
    "550 Recipient address rejected: Greylisted, user unknown to us, try again later",
    "550 5.7.1 Recipient rejected (R1) blocked for abuse",
    "550 Invalid Recipient limit exceeded, too many invalid recipients",
    "550 too many unknown users from your IP",
    "550 5.7.1 You are blocked because you sent to non-existent users",
    "550 Directory harvest attack: user not found",
    "550 DHA detected; recipient unknown",
    "550 5.1.1 too many unknown recipients, blocked",
    "550 5.5.0 Sender Policy: mailbox unavailable for senders on DNSBL",
    "451 4.7.1 user unknown temporarily",
    "550 message for user refused: content not allowed",
    "550 Message contains invalid email address in From header",
    "550 invalid From: address header",
    "550 Invalid Reply-To address",
    "550 Header address does not exist",
    "550 5.7.1 invalid DKIM signature for user",
    "554 5.7.1 Message rejected: invalid address in To: header",
    "550 Invalid recipient in message header",
    "550 Invalid message: recipient header missing",
    "550 no such user in SPF record",
    "550 relay to unknown user denied",
    "550 Relaying to invalid recipient domain not allowed",
    "550 Unknown command for user",
    "550 Access denied: your mail server is unknown",
    "550 unknown client address, rejected",
    "550 Unknown IP address",
    "550 Invalid IP address",
    "550 IP address not found in DNS",
    "550 PTR address not found",
    "550 Host name for your IP address could not be found",
    "550 Address not found in whitelist",
    "550 your address is not in the recipient's address book",
    "550 Sender not found in recipient's contact list",
    "550 The recipient only accepts mail from known users",
    "550 user has blocked you",
    "550 Mailbox is not available to you",
    "550 account blocked for sending spam",
    "554 Message refused: mail account of sender is disabled",
    "550 #5.1.0 Address rejected probe@sender.example sender",
    "550 5.7.1 <x@y.com>: Sender address rejected: not owned by user",
    "550 5.7.26 unauthenticated user unknown",
    "550 5.7.0 Local Policy Violation: recipient unknown sender",
    "552 5.2.2 sender over quota",
    "550 5.7.1 TRANSACTION FAILED: user policy",
    "550 Non-existent reverse DNS for address",
    "550 Cannot find your address in DNS",
    "550 The mail server address is invalid",
    "550 Server address unknown",
    "550 invalid mail account credentials",
    "550 bad address in envelope from",
    "550 Remote address rejected: invalid",
    "550 connection from unknown address rejected",
    "550 Unknown sending address",
    "550 unknown or blocked client",
    "550 address does not exist in SPF",
    "550 your e-mail address could not be verified",
    "550 We could not find your mail address",
    "550 no reverse DNS found, unknown mail host",
    "550 access not permitted for unknown user",
    "554 5.7.1 <mail.sender.example[192.0.2.1]>: Client host rejected: user unknown",
    "554 Recipient has blocked mail from unknown accounts",
    "550 Message could not be delivered to user: spam score too high",
    "550 5.1.1 <x@y.com> recipient rejected by policy",
    "550 5.1.1 spam",
    "550 5.1.1 Your IP is blacklisted",
    "550 5.1.1 rejected, see http://www.spamhaus.org",
    "550 5.1.1 DNS record missing for sender",
    "550 5.1.1 SPF check failed",
    "550 5.1.1 Rate limited",
    "550 5.1.1 Access denied, IP blocked",
    "550 5.1.1 authentication required",
    "550 5.1.1 content rejected",
    "550 5.1.1 Client not allowed",
    "550 5.1.1 server misconfigured",
    "550 5.1.1 temporarily unavailable",
    "550 5.1.1 message rejected due to policy",
    "550 5.1.1 bad reputation",
    "550 5.1.1 Relaying denied",
    "550 5.2.1 your account is disabled for sending",
    "550 does not exist, probe@sender.example",
    "550 not found in DNS",
    "550 Domain not found",
    "550 host unknown",
    "550 Unrouteable mail domain",
    "550 No MX record found for your domain",
    "550 Email blocked: address unavailable for bulk senders",
    "550 delivery not allowed for non-existent PTR",
    "554 5.4.14 Hop count exceeded - possible mail loop; user unknown",
    "550 Mail account disabled for outgoing mail",
    "550 Outgoing mail account suspended",
  ])("%s", (reply) => {
    expect(REASON_TABLE[of(reply).reason].status).not.toBe("undeliverable");
  });
});

describe("a bare predicate", () => {
  test.each([
    "550 Does not exist.",
    "550 <user@example.com> not found",
    "550 user@example.com... unknown",
    "550 < user@example.com >: no longer exists",
    "550 5.0.0 is invalid",
    "550 No_such_user_here",
  ])("%s speaks of the recipient", (reply) => {
    expect(REASON_TABLE[of(reply).reason].status).toBe("undeliverable");
  });
  test.each(["550 DNS record does not exist", "550 session not found, goodbye", "550 unknown, sorry"])(
    "%s speaks of something else",
    (reply) => {
      expect(REASON_TABLE[of(reply).reason].status).not.toBe("undeliverable");
    },
  );
});

describe("enhanced codes of the recipient", () => {
  test.each(["550 5.1.1", "550 5.1.1 zzz", "550 5.1.10 zzz", "550 5.1.6 zzz", "550 5.1.1 そのようなことはできません"])(
    "%s is believed where no words contradict",
    (reply) => {
      for (const stage of ["rcpt", "data"] as const) expect(of(reply, stage).reason).toBe("mailbox_not_found");
    },
  );
  test("5.1.0 leaves it to the session whose address is meant", () => {
    expect(of("550 5.1.0 zzz")).toMatchObject({ reason: "mailbox_not_found", ambiguous: true });
    expect(of("550 5.1.0 zzz refused").reason).toBe("policy_rejected");
  });
  test("a text that begins with its enhanced code is read like one without", () => {
    const text = "5.1.0 <user@example.com> does not exist";
    expect(classifyReply({ code: 550, enhanced: "5.1.0", text, stage: "rcpt" }).rule).toBe("user-unknown");
  });
  test("under a temporary code the recipient is named and not condemned", () => {
    expect(of("450 4.1.1 <user@example.com>: User unknown")).toMatchObject({
      class: "recipient",
      reason: "temporary_error",
      rule: "soft:user-unknown",
    });
  });
});

describe("OpenSMTPD's invalid recipient", () => {
  test("may mean the domain, so the session decides", () => {
    expect(of("550 Invalid recipient: <user@example.com>")).toMatchObject({
      reason: "mailbox_not_found",
      ambiguous: true,
    });
  });
  test.each(["550 5.1.1 Invalid recipient: <user@example.com>", "550 Invalid recipient"])("%s is plain", (reply) => {
    expect(of(reply)).toMatchObject({ reason: "mailbox_not_found", ambiguous: false });
  });
});

describe("behind the message", () => {
  test("Docomo's unknown user is a filter of its customer", () => {
    expect(of("550 Unknown user a@docomo.example", "data").reason).toBe("restricted");
    expect(of("550 Unknown user a@docomo.example").reason).toBe("mailbox_not_found");
  });
});

describe("an address that takes no mail", () => {
  test.each([
    "550 5.2.1 <user@example.com> does not accept mail",
    "550 5.1.1 user@example.com does not receive mail",
    "550 This mailbox is send-only",
  ])("%s is the recipient, not its host", (reply) => {
    expect(of(reply)).toMatchObject({ class: "recipient", reason: "mailbox_disabled" });
  });
  test.each([
    "550 This address does not accept mail from external senders",
    "550 Recipient does not accept mail over 10MB",
    "550 The recipient does not accept messages without DKIM",
    "550 This user does not accept mail at this time",
    "550 This domain does not accept mail",
  ])("%s is something else", (reply) => {
    expect(of(reply).reason).not.toBe("mailbox_disabled");
  });
});

describe("what is said of anything else than the recipient condemns nobody", () => {
  const HEADS = ["550", "550 5.7.1", "554", "550 5.1.0", "553 5.1.8", "550 <user@example.com>"];
  const FRAME = "554 5.7.1 <user@example.com>: Recipient address rejected:";
  const SUBJECTS = [
    "Sender",
    "Your address",
    "Your email address",
    "Your account",
    "Your domain",
    "Your host",
    "Your IP",
  ];
  const OTHERS = [
    "Return path",
    "Envelope sender",
    "Bounce address",
    "From address",
    "Originator",
    "Submitter",
    "Client",
  ];
  const THINGS = ["Hostname", "HELO name", "PTR record", "DNS record", "Sender domain", "Mail domain", "Certificate"];
  const SESSION = ["Command", "Parameter", "Header", "Charset", "Message", "Relay", "Network", "SMTP user", "Login"];
  const STATES = ["unknown", "is unknown", "does not exist", "not found", "was not found", "is invalid", "not valid"];
  const MORE = [
    "unavailable",
    "is disabled",
    "has been suspended",
    "is blocked",
    "rejected",
    "not registered",
    "expired",
  ];
  test.each([...SUBJECTS, ...OTHERS, ...THINGS, ...SESSION])("%s", (subject) => {
    for (const head of [...HEADS, FRAME])
      for (const state of [...STATES, ...MORE]) {
        const reply = `${head} ${subject} ${state}`;
        const { class: kind, reason, rule } = of(reply);
        expect([reply, rule, kind !== "host" && REASON_TABLE[reason].status === "undeliverable"]).toEqual([
          reply,
          rule,
          false,
        ]);
      }
  });
});

describe("misspelt words are read as they were meant", () => {
  test.each([
    ["550 unkown user", "mailbox_not_found"],
    ["550 5.1.1 <user@example.com>... User Unknwon (state 14)", "mailbox_not_found"],
    ["550 unrouteable adress", "mailbox_not_found"],
    ["554 RCPT (user@example.com) dosn't exist", "mailbox_not_found"],
    ["550 Recepient does not exsist", "mailbox_not_found"],
    ["552 Mailbox limit exeeded for this email address", "mailbox_full"],
    ["550 5.2.1 User suspened", "mailbox_disabled"],
  ])("%s", (reply, reason) => {
    expect(of(reply).reason).toBe(reason);
  });
  test("but a misspelt sender is still the sender", () => {
    expect(of("550 unkown sender adress").reason).toBe("sender_rejected");
  });
});

describe("the host's own troubles are not the mailbox's", () => {
  test.each([
    "550 Domain mail.example has outgoing email disabled",
    "421 4.3.2 Service shutting down, Error writing to mail file: Spazio esaurito sul device at 17",
    "450 4.7.3 Organization queue quota exceeded. [outlook.com]",
    "451 Authentication failed: Maximum credits exceeded",
  ])("%s", (reply) => {
    const { reason } = of(reply);
    expect(reason).not.toBe("mailbox_full");
    expect(REASON_TABLE[reason].status).not.toBe("undeliverable");
  });
});

describe("words without any code", () => {
  const words = (text: string) => classifyWords({ text, stage: "rcpt" })?.reason ?? null;
  test("are read where a row knows them", () => {
    expect(words("User unknown; rejecting")).toBe("mailbox_not_found");
    expect(words("Mailbox full")).toBe("mailbox_full");
    expect(words("Connection timed out")).toBe("temporary_error");
    expect(words("Sender address rejected: user unknown")).toBe("sender_rejected");
  });
  test("mean nothing otherwise", () => {
    expect(words("hello")).toBeNull();
    expect(words("")).toBeNull();
  });
});
