import { describe, expect, it } from "vitest";
import { readProbeConfig } from "../../probe/config.ts";

const read = (env: Record<string, string>) =>
  readProbeConfig({ PROBE_HELO_NAME: "probe.example.net", PROBE_DNS_SERVERS: "9.9.9.9", ...env });

describe("a probe's environment", () => {
  it("has sensible defaults", () => {
    const config = read({});
    expect(config).toMatchObject({
      ok: true,
      value: {
        smtpPort: 25,
        pace: "polite",
        outlook: "sparing",
        mailFrom: "probe@probe.example.net",
        poolSize: 10,
        poolIdleMs: 60_000,
        nullSender: false,
        warmSinceMs: null,
        sources: [{ address: "any", helo: "probe.example.net" }],
      },
    });
  });

  it("takes the start of a warm-up as a date", () => {
    expect(read({ PROBE_WARM_SINCE: "2026-11-20" })).toMatchObject({ value: { warmSinceMs: Date.UTC(2026, 10, 20) } });
    expect(read({ PROBE_WARM_SINCE: "soon" })).toMatchObject({ ok: false });
  });

  it("reads several sources and DNS servers of both families", () => {
    const config = read({
      PROBE_SOURCE_ADDRESSES: "192.0.2.1, 192.0.2.2=two.example.net",
      PROBE_DNS_SERVERS: "127.0.0.1:5353,[2620:fe::fe]:53,2620:fe::9",
    });
    expect(config).toMatchObject({
      value: {
        sources: [
          { address: "192.0.2.1", helo: "probe.example.net" },
          { address: "192.0.2.2", helo: "two.example.net" },
        ],
        dnsServers: [
          { host: "127.0.0.1", port: 5353 },
          { host: "2620:fe::fe", port: 53 },
          { host: "2620:fe::9", port: 53 },
        ],
      },
    });
  });

  it("takes the lab's pace on private networks and refuses it elsewhere", () => {
    expect(read({ PROBE_ALLOW_PRIVATE_NETWORKS: "1" })).toMatchObject({ value: { pace: "lab" } });
    expect(read({ PROBE_PACE: "lab" })).toMatchObject({
      ok: false,
      error: expect.stringContaining("private networks"),
    });
  });

  it("reads canaries and mailboxes of ours by operator, and caps within bounds", () => {
    const config = read({
      PROBE_CANARIES: "gmail=no.such.person.here",
      PROBE_LIVE_MAILBOXES: "gmail=Canary@gmail.com, gmx=canary@gmx.net",
      PROBE_DOMAIN_PER_DAY: "500",
      PROBE_ADDRESS_PER_DAY: "10",
    });
    expect(config).toMatchObject({
      value: {
        canaries: new Map([["gmail", "no.such.person.here"]]),
        liveMailboxes: [
          { provider: "gmail", address: "canary@gmail.com" },
          { provider: "gmx", address: "canary@gmx.net" },
        ],
        caps: { domainPerDay: 500, hostUnknownPerHour: 60, addressPerDay: 10 },
      },
    });
  });

  it.each([
    ["PROBE_CANARIES", "nobody=x"],
    ["PROBE_CANARIES", "gmail=two@gmail.com"],
    ["PROBE_LIVE_MAILBOXES", "google=alice@example.net"],
    ["PROBE_LIVE_MAILBOXES", "gmail=alice"],
    ["PROBE_DOMAIN_PER_DAY", "0"],
    ["PROBE_HOST_UNKNOWN_PER_HOUR", "5000"],
    ["PROBE_SOURCE_ADDRESSES", "example.net"],
    ["PROBE_SOURCE_ADDRESSES", "192.0.2.1=a b"],
    ["PROBE_HELO_NAME", "a\r\nRSET"],
    ["PROBE_MAIL_FROM", "a@b.de> RCPT TO:<x@y.de"],
    ["PROBE_MAIL_FROM", "a@b.de\r\nDATA"],
    ["PROBE_DNS_SERVERS", "dns.example.net"],
    ["PROBE_SMTP_PORT", "0"],
    ["PROBE_CAPACITY", "many"],
    ["PROBE_PACE", "fast"],
  ])("names %s when it is %j", (name, value) => {
    expect(read({ [name]: value })).toMatchObject({ ok: false, error: expect.stringContaining(name) });
  });

  it("finds the same secret for control addresses each time, and another one for another sender", () => {
    const secretOf = (env: Record<string, string>) => {
      const config = readProbeConfig(env);
      return config.ok ? config.value.controlSecret : null;
    };
    expect(secretOf({ PROBE_MAIL_FROM: "a@probe.net" })).toBe(secretOf({ PROBE_MAIL_FROM: "a@probe.net" }));
    expect(secretOf({ PROBE_MAIL_FROM: "b@probe.net" })).not.toBe(secretOf({ PROBE_MAIL_FROM: "a@probe.net" }));
    expect(secretOf({ PROBE_CONTROL_SECRET: "fleet" })).toBe("fleet");
  });
});
