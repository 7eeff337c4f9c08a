import { describe, expect, test } from "vitest";
import { evaluateSpf } from "../../../probe/doctor/spf.ts";
import { fakeDns, mx } from "./fakes.ts";

const IP = "11.22.33.44";
const policy = (text: string) => ({ TXT: [text] });

async function resultOf(zones: Parameters<typeof fakeDns>[0], ip = IP): Promise<string> {
  return (await evaluateSpf(fakeDns(zones), ip, "d.test")).result;
}

describe("SPF evaluation", () => {
  test.each([
    ["v=spf1 ip4:11.22.33.44 -all", "pass"],
    ["v=spf1 ip4:11.22.33.0/24 -all", "pass"],
    ["v=spf1 ip4:11.22.34.0/24 -all", "fail"],
    ["v=spf1 ip4:11.22.34.0/24 ~all", "softfail"],
    ["v=spf1 -ip4:11.22.33.44 +all", "fail"],
    ["v=spf1 ?all", "neutral"],
    ["v=spf1", "neutral"],
    ["V=SPF1 ALL", "pass"],
    ["v=spf1 unknown=modifier ip4:11.22.33.44", "pass"],
    ["v=spf1 ip6:2001:db8::/32 -all", "fail"],
    ["v=spf1 ip4:300.1.1.1 +all", "permerror"],
    ["v=spf1 ip4:11.22.33.44 nonsense +all", "permerror"],
    ["v=spf1 ip4:11.22.33.44/33 +all", "permerror"],
    ["v=spf1 redirect=a.test redirect=b.test", "permerror"],
    ["v=spf10 +all", "none"],
    ["something else", "none"],
  ])("%s gives %s", async (text, expected) => {
    expect(await resultOf({ "d.test": policy(text) })).toBe(expected);
  });

  test("IPv6 prefixes match IPv6 clients", async () => {
    expect(await resultOf({ "d.test": policy("v=spf1 ip6:2001:db8::/32 -all") }, "2001:db8:1::9")).toBe("pass");
  });

  test("a and mx look up addresses, with prefix lengths", async () => {
    const zones = { "d.test": { ...policy("v=spf1 a/24 -all"), A: ["11.22.33.1"] } };
    expect(await resultOf(zones)).toBe("pass");
    const hosts = { "h.test": { A: ["11.22.33.44"] }, "d.test": { ...policy("v=spf1 mx -all"), MX: mx("h.test") } };
    expect(await resultOf(hosts)).toBe("pass");
    expect(await resultOf({ ...hosts, "h.test": { A: ["11.22.33.45"] } })).toBe("fail");
  });

  test("an include matches by its pass alone, and its fail does not end the search", async () => {
    const zones = { "d.test": policy("v=spf1 include:i.test ip4:11.22.33.44 -all"), "i.test": policy("v=spf1 -all") };
    expect(await resultOf(zones)).toBe("pass");
    expect(await resultOf({ ...zones, "d.test": policy("v=spf1 include:i.test -all") })).toBe("fail");
    expect(await resultOf({ ...zones, "i.test": policy("v=spf1 +all") })).toBe("pass");
  });

  test("an include or redirect without a policy is a permanent error", async () => {
    expect(await resultOf({ "d.test": policy("v=spf1 include:i.test +all") })).toBe("permerror");
    expect(await resultOf({ "d.test": policy("v=spf1 redirect=i.test") })).toBe("permerror");
  });

  test("redirect speaks when nothing matched, and means nothing beside all", async () => {
    const zones = { "r.test": policy("v=spf1 +all"), "d.test": policy("v=spf1 redirect=r.test") };
    expect(await resultOf(zones)).toBe("pass");
    expect(await resultOf({ ...zones, "d.test": policy("v=spf1 redirect=r.test -all") })).toBe("fail");
  });

  test("the eleventh look-up is a permanent error, also across includes", async () => {
    const includes = (count: number) => Array.from({ length: count }, (_, i) => `include:i${i}.test`).join(" ");
    const zones = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`i${i}.test`, policy("v=spf1 -all")]));
    expect(await resultOf({ ...zones, "d.test": policy(`v=spf1 ${includes(10)} +all`) })).toBe("pass");
    expect(await resultOf({ ...zones, "d.test": policy(`v=spf1 ${includes(11)} +all`) })).toBe("permerror");
    expect(await resultOf({ "d.test": policy("v=spf1 include:d.test +all") })).toBe("permerror");
  });

  test("the third look-up without an answer is a permanent error", async () => {
    expect(await resultOf({ "d.test": policy("v=spf1 a:x.test a:y.test +all") })).toBe("pass");
    expect(await resultOf({ "d.test": policy("v=spf1 a:x.test a:y.test a:z.test +all") })).toBe("permerror");
  });

  test("two policies are a permanent error, a silent server a temporary one", async () => {
    expect(await resultOf({ "d.test": { TXT: ["v=spf1 +all", "v=spf1 -all"] } })).toBe("permerror");
    expect(await resultOf({ "d.test": { TXT: "timeout" } })).toBe("temperror");
    const zones = { "d.test": policy("v=spf1 a:x.test +all"), "x.test": { A: "servfail" } } as const;
    expect(await resultOf(zones)).toBe("temperror");
  });
});
