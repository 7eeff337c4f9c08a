import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startWorld, type World } from "../../../dev/world/world.ts";
import { recipients, resolver, visit, visitAddress } from "./client.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ smtpPort: 0, greylistMs: 0, scale: 0.01 });
});
afterAll(() => world.close());
beforeEach(() => world.resetStats());

describe("recipients", () => {
  test("a known user is accepted, an unknown one refused in the words of the server", async () => {
    const [known, unknown, full, disabled] = await recipients(world, "postfix.mailworld.net", [
      "user1",
      "nobody1",
      "full1",
      "disabled1",
    ]);
    expect(known).toBe("250 2.1.5 Ok");
    expect(unknown).toMatch(/^550 5\.1\.1 <nobody1@postfix\.mailworld\.net>: .*User unknown/);
    expect(full).toMatch(/^452 4\.2\.2/);
    expect(disabled).toMatch(/^550 5\.2\.1/);
  });

  test("each provider has its own words, in as many lines as it uses", async () => {
    const [google] = await recipients(world, "gmail.com", ["nobody1"]);
    expect(google?.split("\n")).toHaveLength(4);
    expect(google).toMatch(/^550-5\.1\.1 .*\n550-5\.1\.1 .*\n550-5\.1\.1 .*\n550 5\.1\.1 .*NoSuchUser/);
    expect(await recipients(world, "contoso.com", ["nobody1"])).toEqual([
      expect.stringMatching(/^550 5\.4\.1 .*Access denied/),
    ]);
    expect(await recipients(world, "yahoo.com", ["nobody1"])).toEqual([expect.stringMatching(/^250 /)]);
  });

  test("a catch-all that rejects leavers takes everybody else", async () => {
    const [stranger, leaver] = await recipients(world, "catchall-leavers-7.mailworld.net", ["zq1x2c3v4b5n", "gone1"]);
    expect(stranger).toMatch(/^250/);
    expect(leaver).toMatch(/^550 5\.1\.1/);
  });

  test("mail for a domain that lives elsewhere is refused as relaying", async () => {
    const client = await visit(world, "postfix.mailworld.net");
    await client.replies();
    await client.ask("EHLO me\r\n");
    await client.ask("MAIL FROM:<>\r\n");
    expect(await client.ask("RCPT TO:<user1@gmail.com>\r\n")).toEqual([expect.stringMatching(/^554 5\.7\.1 .*Relay/)]);
    client.close();
    expect(world.stats().violations.relay_attempt).toBe(1);
  });

  test("a greylisted triplet passes at the second try, from the same source only", async () => {
    const slow = await startWorld({ smtpPort: 0, greylistMs: 0 });
    const [address] = await resolver(slow).resolve4("mx.greylist.mailworld.net");
    const first = async (source: string) => {
      const client = await visitAddress(slow, address ?? "", source);
      await client.replies();
      await client.ask("EHLO me\r\n");
      await client.ask("MAIL FROM:<a@probe.mailworld.net>\r\n");
      const [reply] = await client.ask("RCPT TO:<user1@greylist.mailworld.net>\r\n");
      client.close();
      return reply?.slice(0, 3);
    };
    expect([await first("127.0.0.1"), await first("127.0.0.1"), await first("127.0.0.2")]).toEqual([
      "450",
      "250",
      "450",
    ]);
    await slow.close();
  });

  test("a host that looks its senders up knows the prober and nobody it has never heard of", async () => {
    const client = await visit(world, "sender-domain.mailworld.net");
    await client.replies();
    await client.ask(`EHLO ${world.probe.helo}\r\n`);
    expect(await client.ask("MAIL FROM:<a@never-heard-of.net>\r\n")).toEqual([expect.stringMatching(/^450 4\.1\.8/)]);
    expect(await client.ask(`MAIL FROM:<${world.probe.mailFrom}>\r\n`)).toEqual([expect.stringMatching(/^250/)]);
    client.close();
  });

  test("Sendmail names the first recipient in later replies", async () => {
    const [, second] = await recipients(world, "sendmail.mailworld.net", ["user1", "user2"]);
    expect(second).toBe("250 2.1.5 <user1@sendmail.mailworld.net>... Recipient ok");
  });

  test("an address beyond ASCII needs SMTPUTF8, offered and asked for", async () => {
    const client = await visit(world, "smtputf8.mailworld.net");
    await client.replies();
    expect((await client.ask("EHLO me\r\n"))[0]).toContain("SMTPUTF8");
    await client.ask("MAIL FROM:<> SMTPUTF8\r\n");
    const local = Buffer.from("jörg").toString("latin1");
    expect(await client.ask(`RCPT TO:<${local}@smtputf8.mailworld.net>\r\n`)).toEqual(["250 2.1.5 Ok"]);
    client.close();
    expect(await recipients(world, "postfix.mailworld.net", [local])).toEqual([expect.stringMatching(/^553 5\.6\.7/)]);
  });
});

describe("sessions", () => {
  test("commands sent together are answered together, in order, and count as one flight", async () => {
    const client = await visit(world, "postfix.mailworld.net");
    await client.replies();
    await client.ask("EHLO me\r\n");
    const flight = ["user1", "nobody1", "user2"]
      .map((local) => `RCPT TO:<${local}@postfix.mailworld.net>\r\n`)
      .join("");
    const replies = await client.ask(`MAIL FROM:<>\r\n${flight}QUIT\r\n`, 5);
    expect(replies.map((reply) => reply.slice(0, 3))).toEqual(["250", "250", "550", "250", "221"]);
    await client.rest();
    expect(world.stats()).toMatchObject({ connections: 1, flights: 2, recipients: 3, data: 0, violations: {} });
    expect(world.stats().hosts["mx.postfix.mailworld.net"]).toMatchObject({ connections: 1, flights: 2, peak: 1 });
  });

  test("what is sent before the reply can have arrived belongs to the same flight", async () => {
    const client = await visit(world, "postfix.mailworld.net");
    await client.replies();
    world.setRtt(5_000);
    client.send("EHLO me\r\n");
    await vi.waitFor(() => expect(world.stats().commands.EHLO).toBe(1));
    client.send("MAIL FROM:<>\r\n");
    await vi.waitFor(() => expect(world.stats().commands.MAIL).toBe(1));
    client.close();
    world.setRtt(0);
    expect(world.stats().flights).toBe(1);
  });

  test("a reply split at every byte, and one that ends in bare line feeds, say the same", async () => {
    for (const name of ["bytes", "lf"]) {
      const [known, unknown] = await recipients(world, `${name}.mailworld.net`, ["user1", "nobody1"]);
      expect([known, unknown?.slice(0, 9)]).toEqual(["250 2.1.5 Ok", "550 5.1.1"]);
    }
  });

  test("DATA is refused, closes the session, and is counted", async () => {
    const client = await visit(world, "postfix.mailworld.net");
    await client.replies();
    expect(await client.ask("DATA\r\n")).toEqual([expect.stringMatching(/^554/)]);
    await client.rest();
    expect(world.stats().data).toBe(1);
  });

  test("bare line feeds, endless lines and smuggled commands are counted", async () => {
    const client = await visit(world, "postfix.mailworld.net");
    await client.replies();
    await client.ask("EHLO me\n");
    await client.ask("MAIL FROM:<a@b>RCPT TO:<c@d>\r\n");
    await client.ask("MAIL FROM:<>\r\n");
    expect(await client.ask("RCPT TO:<a b@postfix.mailworld.net>\r\n")).toEqual([expect.stringMatching(/^501/)]);
    client.send("x".repeat(10_000));
    await client.rest();
    expect(world.stats().violations).toEqual({ bare_lf: 1, injection: 2, line_too_long: 1 });
  });

  test("talking before the end of postscreen's greeting is punished, patience is not", async () => {
    const hasty = await visit(world, "postscreen.mailworld.net");
    hasty.send("EHLO me\r\n");
    expect(await hasty.rest()).toMatch(/521 5\.5\.1/);
    const patient = await visit(world, "postscreen.mailworld.net");
    expect((await patient.replies())[0]).toMatch(/^220-.*\n220 /);
    expect((await patient.ask("EHLO me\r\n"))[0]).toMatch(/^250-/);
    patient.close();
    expect(world.stats().violations.talked_before_banner).toBe(1);
  });

  test("a host without PIPELINING throws out who uses it all the same", async () => {
    const client = await visit(world, "no-pipelining-strict.mailworld.net");
    await client.replies();
    expect((await client.ask("EHLO me\r\n"))[0]).not.toContain("PIPELINING");
    client.send("MAIL FROM:<>\r\nRCPT TO:<user1@no-pipelining-strict.mailworld.net>\r\n");
    expect(await client.rest()).toMatch(/421 4\.7\.0/);
  });

  test("limits: recipients, errors, resets, connections", async () => {
    const users = Array.from({ length: 6 }, (_, i) => `user${i}`);
    expect((await recipients(world, "recipients-5.mailworld.net", users)).at(-1)).toMatch(/^452 4\.5\.3/);
    const nobodies = Array.from({ length: 21 }, (_, i) => `nobody${i}`);
    expect((await recipients(world, "error-limit.mailworld.net", nobodies)).at(-1)).toMatch(/^421/);
    const one = await visit(world, "one-connection.mailworld.net");
    expect((await one.replies())[0]).toMatch(/^220/);
    const two = await visit(world, "one-connection.mailworld.net");
    expect((await two.replies())[0]).toMatch(/^421/);
    two.close();
    expect((await one.ask("RSET\r\n"))[0]).toMatch(/^250/);
    one.close();
    const exim = await visit(world, "exim.mailworld.net");
    await exim.replies();
    const resets = await exim.ask("RSET\r\n".repeat(10), 10);
    expect([resets[8]?.slice(0, 3), resets[9]?.slice(0, 3)]).toEqual(["250", "554"]);
  });

  test("a host that drops at the first unknown user answers those before", async () => {
    const client = await visit(world, "drop-unknown-mute.mailworld.net");
    await client.replies();
    await client.ask("EHLO me\r\n");
    client.send("MAIL FROM:<>\r\n");
    for (const local of ["user1", "nobody1", "user2"])
      client.send(`RCPT TO:<${local}@drop-unknown-mute.mailworld.net>\r\n`);
    expect(await client.rest()).toBe("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n");
  });
});

describe("STARTTLS", () => {
  test("works where it is good, and mail is refused without it where it is required", async () => {
    const client = await visit(world, "tls-required.mailworld.net");
    await client.replies();
    expect((await client.ask("EHLO me\r\n"))[0]).toContain("STARTTLS");
    expect(await client.ask("MAIL FROM:<>\r\n")).toEqual([expect.stringMatching(/^530 5\.7\.0/)]);
    expect(await client.ask("STARTTLS\r\n")).toEqual([expect.stringMatching(/^220/)]);
    await client.encrypt();
    expect((await client.ask("EHLO me\r\n"))[0]).not.toContain("STARTTLS");
    expect(await client.ask("MAIL FROM:<>\r\n")).toEqual(["250 2.1.0 Ok"]);
    client.close();
    expect(world.stats().tlsSessions).toBe(1);
  });

  test("its broken forms: 454, a close, smuggled replies", async () => {
    const said: string[] = [];
    for (const name of ["tls-454", "tls-close", "tls-injected"]) {
      const client = await visit(world, `${name}.mailworld.net`);
      await client.replies();
      await client.ask("EHLO me\r\n");
      said.push(...(await client.ask("STARTTLS\r\n")));
      if (name === "tls-close") expect(await client.rest()).toBe("");
      if (name === "tls-injected") expect(client.text).toContain("250 2.1.5 Ok");
      client.close();
    }
    expect(said.map((reply) => reply.slice(0, 3))).toEqual(["454", "220", "220"]);
  });
});
