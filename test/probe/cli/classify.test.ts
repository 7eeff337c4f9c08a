import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, it } from "vitest";

const MAIN = new URL("../../../probe/main.ts", import.meta.url).pathname;

/** Questions and what is expected of each, all asked in one run: starting the command is the slow part. */
const ASKED: readonly (readonly [question: object, expected: object])[] = [
  [{ reply: "550 User unknown" }, { class: "recipient", reason: "mailbox_not_found" }],
  [{ reply: "550 User unknown", stage: null }, { reason: "mailbox_not_found" }],
  [{ reply: "550 User unknown", stage: "no such stage" }, { reason: "mailbox_not_found" }],
  [
    { reply: "550 User unknown", stage: "MAIL FROM" },
    { class: "sender", reason: "sender_rejected" },
  ],
  [{ reply: "550 User unknown (in reply to MAIL FROM command)" }, { class: "sender" }],
  [{ reply: "550 Unknown user a@docomo.example", stage: "DATA" }, { reason: "restricted" }],
  [{ reply: "550 Unknown user a@docomo.example", stage: "rcpt" }, { reason: "mailbox_not_found" }],
  [{ reply: "550 Unknown user a@docomo.example" }, { reason: "restricted" }],
  [{ reply: "host mx.example[192.0.2.1] said: 552 5.2.2 no more" }, { reason: "mailbox_full" }],
  [{ reply: "User unknown; rejecting" }, { reason: "mailbox_not_found" }],
  [{ reply: "good morning" }, { reason: "protocol_error", rule: "no-code" }],
];

describe("classify", () => {
  let answers: unknown[] = [];
  let code: number | null = null;
  beforeAll(async () => {
    const child = spawn(process.execPath, [MAIN, "classify"], { stdio: ["pipe", "pipe", "ignore"] });
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    child.stdin.end(`${ASKED.map(([question]) => JSON.stringify(question)).join("\n")}\nno question\n`);
    const out = await text(child.stdout);
    code = await closed;
    answers = out
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
  });

  it.each(ASKED.map(([question, expected], at) => [JSON.stringify(question), expected, at] as const))(
    "%s",
    (_question, expected, at) => {
      expect(answers[at]).toMatchObject(expected);
    },
  );

  it("answers a line that is no question in its place and fails", () => {
    expect(answers).toHaveLength(ASKED.length + 1);
    expect(answers.at(-1)).toEqual({ error: "not JSON" });
    expect(code).toBe(1);
  });
});
