import { describe, expect, it } from "vitest";
import type { Ask, DialogueCommand, DialogueEvent, Ending, Flight } from "../../../probe/smtp/dialogue-types.ts";
import { createDialogue, type Dialogue, step } from "../../../probe/smtp/machine.ts";
import { type Path, plainPath } from "../../../probe/smtp/path.ts";

const path = (text: string): Path => {
  const made = plainPath(text);
  if (made === null) throw new Error(`no path: ${text}`);
  return made;
};
const ask = (text: string, utf8 = false): Ask => ({ path: path(text), utf8, reply: null });
const flight = (...asks: Ask[]): Flight => ({
  sender: path("probe@us.net"),
  utf8: asks[0]?.utf8 ?? false,
  asks,
  refused: null,
});
const fresh = (options: Partial<Dialogue["options"]> = {}): Dialogue =>
  createDialogue({ helo: "probe.us.net", startTls: true, pipeline: true, ...options });

const feed = (dialogue: Dialogue, text: string): readonly DialogueCommand[] => step(dialogue, { kind: "data", text });
const written = (commands: readonly DialogueCommand[]): string =>
  commands.map((command) => (command.kind === "write" ? command.text : "")).join("");
const endOf = (commands: readonly DialogueCommand[]): Ending | undefined => {
  const found = commands.find((command) => command.kind === "end");
  return found?.kind === "end" ? found.ending : undefined;
};
/** A dialogue that has come to the point of asking. */
const ready = (keywords = "250-mx\r\n250 PIPELINING\r\n", options: Partial<Dialogue["options"]> = {}): Dialogue => {
  const dialogue = fresh(options);
  feed(dialogue, "220 mx ESMTP\r\n");
  feed(dialogue, keywords);
  return dialogue;
};
const submit = (dialogue: Dialogue, one: Flight): readonly DialogueCommand[] =>
  step(dialogue, { kind: "flight", flight: one });

describe("getting ready", () => {
  it("says EHLO after the whole banner and reads keywords in any case", () => {
    const dialogue = fresh();
    expect(feed(dialogue, "220-wait\r\n")).toEqual([]);
    expect(written(feed(dialogue, "220 mx\r\n"))).toBe("EHLO probe.us.net\r\n");
    const [command] = feed(dialogue, "250-mx\r\n250-pipelining\r\n250-Size 1\r\n250 limits RCPTMAX=7 MAILMAX=3\r\n");
    expect(command).toMatchObject({
      kind: "ready",
      capabilities: { pipelining: true, smtputf8: false, rcptMax: 7, mailMax: 3 },
    });
  });

  it("takes the refusal that follows a greeting's first lines, and no other change of mind", () => {
    const refused = fresh();
    feed(refused, "220-mx ESMTP\r\n");
    const [command] = feed(refused, "521 5.7.1 Service unavailable; client blocked using rbl.net\r\n");
    expect(command).toMatchObject({
      kind: "end",
      ending: {
        cause: "refused",
        stage: "banner",
        reply: { code: 521, text: "5.7.1 Service unavailable; client blocked using rbl.net" },
      },
    });
    expect(endOf(feed(fresh(), "554-no\r\n220 mx\r\n"))?.cause).toBe("protocol");
    const later = ready();
    submit(later, flight(ask("a@x.net")));
    expect(endOf(feed(later, "250-ok\r\n550 no\r\n"))?.cause).toBe("protocol");
  });

  it("falls back to HELO where EHLO is not known, and does not pipeline there", () => {
    const dialogue = fresh();
    feed(dialogue, "220 mx\r\n");
    expect(written(feed(dialogue, "502 what?\r\n"))).toBe("HELO probe.us.net\r\n");
    expect(feed(dialogue, "250 mx\r\n")[0]).toMatchObject({
      kind: "ready",
      capabilities: { esmtp: false, pipelining: false },
    });
  });

  it("reports EHLO's own refusal when HELO is refused too", () => {
    const dialogue = fresh();
    feed(dialogue, "220 mx\r\n");
    feed(dialogue, "550 5.7.1 your name is bad\r\n");
    expect(endOf(feed(dialogue, "503 no\r\n"))).toMatchObject({
      cause: "refused",
      stage: "ehlo",
      reply: { code: 550 },
    });
  });

  it.each([
    ["554 go away\r\n", "refused"],
    ["421 busy\r\n", "refused"],
    ["250 hi\r\n", "protocol"],
    ["HTTP/1.1 400 Bad Request\r\n", "protocol"],
  ])("ends at the banner %j", (banner, cause) => {
    expect(endOf(feed(fresh(), banner))).toMatchObject({ cause, stage: "banner" });
  });

  it("secures the channel where offered and greets anew", () => {
    const dialogue = fresh();
    feed(dialogue, "220 mx\r\n");
    expect(written(feed(dialogue, "250-mx\r\n250 STARTTLS\r\n"))).toBe("STARTTLS\r\n");
    expect(feed(dialogue, "220 go\r\n")).toEqual([{ kind: "secure" }]);
    expect(written(step(dialogue, { kind: "secured", protocol: "TLSv1.3" }))).toBe("EHLO probe.us.net\r\n");
    expect(feed(dialogue, "250-mx\r\n250 STARTTLS\r\n")[0]).toMatchObject({
      kind: "ready",
      capabilities: { tls: "TLSv1.3" },
    });
  });

  it("goes on in clear when STARTTLS is not available just now", () => {
    const dialogue = fresh();
    feed(dialogue, "220 mx\r\n");
    feed(dialogue, "250-mx\r\n250 STARTTLS\r\n");
    expect(feed(dialogue, "454 not now\r\n")[0]).toMatchObject({ kind: "ready", capabilities: { tls: null } });
  });

  it("drops the connection when anything follows the STARTTLS reply", () => {
    const dialogue = fresh();
    feed(dialogue, "220 mx\r\n");
    feed(dialogue, "250-mx\r\n250 STARTTLS\r\n");
    expect(endOf(feed(dialogue, "220 go\r\n250 smuggled\r\n"))).toMatchObject({ cause: "attack" });
  });

  it("drops the connection when clear text comes during the handshake", () => {
    const dialogue = fresh();
    feed(dialogue, "220 mx\r\n");
    feed(dialogue, "250-mx\r\n250 STARTTLS\r\n");
    feed(dialogue, "220 go\r\n");
    expect(endOf(feed(dialogue, "250 x\r\n"))).toMatchObject({ cause: "attack" });
  });
});

describe("asking", () => {
  it("sends a whole transaction in one write and matches replies by order, not by name", () => {
    const dialogue = ready();
    const [a, b] = [ask("a@x.net"), ask("b@x.net")];
    const one = flight(a, b);
    expect(written(submit(dialogue, one))).toBe(
      "MAIL FROM:<probe@us.net>\r\nRCPT TO:<a@x.net>\r\nRCPT TO:<b@x.net>\r\n",
    );
    // Sendmail names the first recipient in every later 250.
    const commands = feed(dialogue, "250 ok\r\n250 <a@x.net>... ok\r\n250 <a@x.net>... ok\r\n");
    expect(commands).toEqual([{ kind: "answered", flight: one }]);
    expect([a.reply?.code, b.reply?.code]).toEqual([250, 250]);
  });

  it("keeps two flights apart while both are on the wire", () => {
    const dialogue = ready();
    const [a, b] = [ask("a@x.net"), ask("b@x.net")];
    submit(dialogue, flight(a));
    expect(written(submit(dialogue, flight(b)))).toBe("RSET\r\nMAIL FROM:<probe@us.net>\r\nRCPT TO:<b@x.net>\r\n");
    feed(dialogue, "250 mail\r\n550 a\r\n250 rset\r\n250 mail\r\n251 b\r\n");
    expect([a.reply?.text, b.reply?.text]).toEqual(["a", "b"]);
  });

  it.each([
    ["not offered", "250 mx\r\n", true],
    ["not wanted", "250-mx\r\n250 PIPELINING\r\n", false],
  ])("sends one line at a time where pipelining is %s", (_name, keywords, pipeline) => {
    const dialogue = ready(keywords, { pipeline });
    const [a, b] = [ask("a@x.net"), ask("b@x.net")];
    expect(written(submit(dialogue, flight(a, b)))).toBe("MAIL FROM:<probe@us.net>\r\n");
    expect(written(feed(dialogue, "250 ok\r\n"))).toBe("RCPT TO:<a@x.net>\r\n");
    expect(written(feed(dialogue, "550 no\r\n"))).toBe("RCPT TO:<b@x.net>\r\n");
    expect(feed(dialogue, "250 ok\r\n").at(-1)).toMatchObject({ kind: "answered" });
  });

  it("does not take replies to recipients of a refused sender for answers", () => {
    const dialogue = ready();
    const a = ask("a@x.net");
    const one = flight(a);
    submit(dialogue, one);
    expect(feed(dialogue, "550 5.7.1 sender rejected\r\n550 5.1.1 no such user\r\n")).toEqual([
      { kind: "answered", flight: one },
    ]);
    expect(a.reply).toBeNull();
    expect(one.refused?.text).toBe("5.7.1 sender rejected");
  });

  it("does not send recipients after a refused sender in lock-step", () => {
    const dialogue = ready("250 mx\r\n");
    const one = flight(ask("a@x.net"));
    submit(dialogue, one);
    expect(feed(dialogue, "451 later\r\n")).toEqual([{ kind: "answered", flight: one }]);
  });

  it("announces SMTPUTF8 with 8BITMIME", () => {
    const dialogue = ready("250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n");
    const commands = submit(dialogue, flight(ask("a@x.net", true)));
    expect(commands[0]).toMatchObject({ kind: "write", utf8: true });
    expect(written(commands)).toContain("MAIL FROM:<probe@us.net> SMTPUTF8 BODY=8BITMIME\r\n");
  });

  it("ends at 421 and names the recipient it came for", () => {
    const dialogue = ready();
    const [a, b] = [ask("a@x.net"), ask("b@x.net")];
    submit(dialogue, flight(a, b));
    const ending = endOf(feed(dialogue, "250 ok\r\n250 ok\r\n421 4.7.0 enough\r\n"));
    expect(ending).toMatchObject({ cause: "refused", stage: "rcpt", reply: { code: 421 } });
    expect(ending?.ask).toBe(b);
    expect(b.reply).toBeNull();
  });

  it.each<[string, DialogueEvent, Ending["cause"]]>([
    ["a timeout", { kind: "timeout" }, "timeout"],
    ["a close", { kind: "closed", detail: "" }, "closed"],
    ["garbage", { kind: "data", text: "??\r\n" }, "protocol"],
    ["354, which answers no RCPT", { kind: "data", text: "354 go\r\n" }, "protocol"],
    ["221, which answers no RCPT", { kind: "data", text: "221 bye\r\n" }, "protocol"],
  ])("after %s nothing is taken for an answer any more", (_name, event, cause) => {
    const dialogue = ready();
    const [a, b] = [ask("a@x.net"), ask("b@x.net")];
    submit(dialogue, flight(a, b));
    feed(dialogue, "250 ok\r\n250 ok\r\n");
    expect(endOf(step(dialogue, event))).toMatchObject({ cause, stage: "rcpt", ask: b });
    expect(feed(dialogue, "550 5.1.1 late\r\n")).toEqual([]);
    expect(b.reply).toBeNull();
  });

  it("does not believe a reply that came before its command", () => {
    const dialogue = fresh();
    feed(dialogue, "220 mx\r\n");
    expect(endOf(feed(dialogue, "250-mx\r\n250 PIPELINING\r\n250 extra\r\n"))).toMatchObject({ cause: "protocol" });
    expect(endOf(feed(fresh(), "220 mx\r\n250 early\r\n"))).toMatchObject({ cause: "protocol" });
  });

  it("does not believe a flight whose replies are one too many", () => {
    const dialogue = ready();
    submit(dialogue, flight(ask("a@x.net"), ask("b@x.net")));
    const commands = feed(dialogue, "250 ok\r\n250 ok\r\n250 ok\r\n550 b\r\n");
    expect(commands.map(({ kind }) => kind)).toEqual(["end"]);
    expect(endOf(commands)?.cause).toBe("protocol");
  });

  it("knows MAIL's own words again where the first recipient's should stand, and leaves them in lock-step", () => {
    const doubled = "250 2.1.0 Ok\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n";
    const pipelined = ready();
    const one = flight(ask("a@x.net"), ask("b@x.net"));
    submit(pipelined, one);
    expect(endOf(feed(pipelined, doubled))).toMatchObject({ cause: "protocol", detail: "MAIL answered twice" });
    expect(one.asks.map(({ reply }) => reply)).toEqual([null, null]);
    const stepwise = ready(undefined, { pipeline: false });
    submit(stepwise, flight(ask("a@x.net")));
    feed(stepwise, "250 2.1.0 Ok\r\n");
    expect(feed(stepwise, "250 2.1.0 Ok\r\n")).toMatchObject([{ kind: "answered" }]);
  });

  it("treats a reply to nothing as the end, politely or not", () => {
    expect(endOf(feed(ready(), "421 idle too long\r\n"))).toMatchObject({ cause: "closed" });
    expect(endOf(feed(ready(), "550 5.1.1 late\r\n"))).toMatchObject({ cause: "protocol" });
  });

  it("says QUIT and ends with the answer or without it", () => {
    const answered = ready();
    expect(written(step(answered, { kind: "quit" }))).toBe("QUIT\r\n");
    expect(endOf(feed(answered, "221 bye\r\n"))).toMatchObject({ cause: "quit" });
    const silent = ready();
    step(silent, { kind: "quit" });
    expect(endOf(step(silent, { kind: "closed", detail: "" }))).toMatchObject({ cause: "quit" });
  });

  it("knows no way to send a message", () => {
    const dialogue = ready();
    const commands = [
      ...submit(dialogue, flight(ask("a@x.net"))),
      ...feed(dialogue, "250 ok\r\n250 ok\r\n"),
      ...step(dialogue, { kind: "quit" }),
    ];
    expect(written(commands)).not.toMatch(/DATA|BDAT|VRFY|EXPN/);
  });
});
