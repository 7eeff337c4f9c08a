import { describe, expect, test } from "vitest";
import { commandNoted, parseReplyText } from "../../../shared/reply/parse.ts";

describe("parseReplyText", () => {
  test.each([
    ["550 5.1.1 User unknown", 550, "5.1.1", "User unknown"],
    ["550-5.1.1 one\r\n550-5.1.1 two\r\n550 5.1.1 three", 550, "5.1.1", "one two three"],
    ["550-one\n550 5.7.1 two", 550, "5.7.1", "one two"],
    ["250", 250, null, ""],
    ["250-", 250, null, ""],
    [
      "553 sorry, no mailbox here by that name. (#5.7.1)",
      553,
      "5.7.1",
      "sorry, no mailbox here by that name. (#5.7.1)",
    ],
    ["550 #5.1.0 Address rejected.", 550, "5.1.0", "Address rejected."],
    ["550 550 5.7.1 <a@example.com>... Access denied", 550, "5.7.1", "550 5.7.1 <a@example.com>... Access denied"],
    ["554 blocked [192.0.2.1]", 554, null, "blocked [192.0.2.1]"],
    ["554 5.2.0.1 is no status", 554, null, "5.2.0.1 is no status"],
    ["550 4.4.7 message expired", 550, null, "4.4.7 message expired"],
    ["5.1.1 User unknown", 550, "5.1.1", "User unknown"],
    ["smtp; 550 5.1.1 User unknown", 550, "5.1.1", "User unknown"],
    ["host mx.example[192.0.2.1] said: 554 5.7.1 no", 554, "5.7.1", "no"],
    ["550: User unknown", 550, null, "User unknown"],
    ["  452 4.2.2 full  ", 452, "4.2.2", "full"],
    ["SMTP error from remote mail server after RCPT TO:<a@example.com>: 550 5.1.1 gone", 550, "5.1.1", "gone"],
    ["Remote Server returned '550 5.1.1 gone", 550, "5.1.1", "gone"],
    ["<<< 550 gone", 550, null, "gone"],
    ["5.1.0 - Unknown address error 550-'5.7.0 no access'", 550, "5.7.0", "no access'"],
    ["550 5.1.1 gone (in reply to RCPT TO command)", 550, "5.1.1", "gone"],
    ["550 Unkn=\r\nown user", 550, null, "Unknown user"],
    ["550-see http://example.net/?id=\n550 5.1.1 gone", 550, "5.1.1", "see http://example.net/?id= gone"],
    ["550 gone 503 5.0.0 Need RCPT (recipient)", 550, null, "gone"],
    ["550 gone 554 5.5.1 Error: no valid recipients", 550, null, "gone"],
    ["SMTP error, RCPT TO:550 5.1.1 gone", 550, "5.1.1", "gone"],
    ["Reported error: 550 5.1.10 gone", 550, "5.1.10", "gone"],
    ["The error that the other server returned was: 550 550 gone", 550, null, "550 gone"],
    ["permanent error (554): 5.7.1 no", 554, "5.7.1", "no"],
    ["[550 5.1.1 gone]", 550, "5.1.1", "gone]"],
    ["550_gone_away", 550, null, "gone_away"],
    ["gone away (#5.1.1)", 550, "5.1.1", "gone away (#5.1.1)"],
    ["550-5.1.1 one\\n550-5.1.1 two\\n550 5.1.1 three", 550, "5.1.1", "one two three"],
    [
      "a@example.com\n  SMTP error from remote mail server after RCPT TO:<a@example.com>:\n  550 gone",
      550,
      null,
      "gone",
    ],
    ["450 later 551 not ours 503 need RCPT command [data] 551 not ours", 551, null, "not ours"],
    ["503 Error: need RCPT command 550 5.1.1 gone", 550, "5.1.1", "gone"],
    ["450 later, in 550 seconds", 450, null, "later, in 550 seconds"],
    ["450 4.1.1 unverified: host b said: 550 5.1.1 gone", 450, "4.1.1", "unverified: host b said: 550 5.1.1 gone"],
  ] as const)("%j", (reply, code, enhanced, text) => {
    expect(parseReplyText(reply)).toEqual({ code, enhanced, text });
  });

  test.each(["", "   ", "hello", "99 bottles", "650 x", "5500 x"])("%j is no reply", (reply) => {
    expect(parseReplyText(reply)).toBeNull();
  });
});

test.each([
  ["550 gone (in reply to end of DATA command)", "end of data"],
  ["550 gone (in reply to RCPT TO command)", "rcpt to"],
  ["550 gone", null],
])("%j tells which command was answered", (reply, command) => {
  expect(commandNoted(reply)).toBe(command);
});
