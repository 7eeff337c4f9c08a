import { addressesOf, planMx } from "../../dns/mx.ts";
import { createReach } from "../../dns/reachable.ts";
import { fail, fine, gravest, skip, warn } from "../findings.ts";
import { talk } from "../smtp.ts";
import type { DoctorCheck, DoctorContext, Finding, Source } from "../types.ts";

/** What asking one mail domain from one source gave: null when a host greeted us. */
type Trouble = { readonly domain: string; readonly detail: string; readonly about: "dns" | "way" | "us" } | null;

/** Most clouds block outbound port 25 until asked, and a firewall that drops packets looks like a dead internet. */
export const port25: DoctorCheck = {
  id: "port25",
  title: "Outbound port 25",
  async run(context) {
    if (context.mailDomains.length === 0) return skip("no mail domain is set");
    return gravest(await Promise.all(context.sources.map((source) => examine(context, source))));
  },
};

async function examine(context: DoctorContext, source: Source): Promise<Finding> {
  const from = source.seen ?? source.local ?? "this host";
  const troubles = await Promise.all(context.mailDomains.map((domain) => greetingOf(context, source, domain)));
  const bad = troubles.filter((trouble) => trouble !== null);
  const good = troubles.length - bad.length;
  const listed = bad.map((trouble) => `${trouble.domain}: ${trouble.detail}`).join(", ");
  if (bad.length === 0) return fine(`${good} of ${good} mail domains greet ${from}`);
  if (bad.every(({ about }) => about === "dns")) {
    return fail(`no mail domain can be looked up (${listed})`, "Check PROBE_DNS_SERVERS and the way to them.");
  }
  if (good === 0 && !bad.some(({ about }) => about === "us")) {
    return fail(
      `no mail domain can be reached from ${from} (${listed})`,
      `Ask the host's provider to open outbound port ${context.config.smtpPort}, and look for a firewall on the way.`,
    );
  }
  if (good === 0) {
    return fail(
      `no mail domain greets ${from} (${listed})`,
      "Read what they say: it is about this address or its name.",
    );
  }
  return warn(
    `${good} of ${troubles.length} mail domains greet ${from} (${listed})`,
    "One silent host is its own trouble; several are a sign of filtering on the way.",
  );
}

async function greetingOf(context: DoctorContext, source: Source, domain: string): Promise<Trouble> {
  const { config, resolver } = context;
  const plan = await planMx(resolver, domain, () => 0);
  if (plan.kind !== "hosts") return { domain, detail: `DNS: ${plan.kind}`, about: "dns" };
  const reach = createReach(config.allowPrivateNetworks);
  const wanted = source.seen ?? source.local;
  const six = wanted?.includes(":") ?? false;
  let detail = "no address";
  let about: "way" | "us" = "way";
  for (const host of plan.hosts.slice(0, 2)) {
    const found = await addressesOf(resolver, host.name, reach);
    if (found.kind !== "addresses") continue;
    const address = found.addresses.find((one) => wanted === null || one.includes(":") === six);
    if (address === undefined) continue;
    const { replies, trouble } = await talk(
      { address, port: config.smtpPort, local: source.local },
      [],
      context.signal,
    );
    const [banner] = replies;
    if (banner?.code === 220) return null;
    detail = banner === undefined ? (trouble ?? "nothing said") : `${banner.code} ${banner.text}`.slice(0, 160);
    about = banner === undefined ? "way" : "us";
  }
  return { domain, detail, about };
}
