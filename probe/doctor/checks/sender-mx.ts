import { addressesOf, planMx } from "../../dns/mx.ts";
import { createReach } from "../../dns/reachable.ts";
import { fail, fine, warn } from "../findings.ts";
import { SENDER_REPLY_MAX_MS } from "../limits.ts";
import { senderDomain } from "../sender.ts";
import { type Talk, talk } from "../smtp.ts";
import type { DoctorCheck, Finding } from "../types.ts";

const ANSWER = "Let it accept RCPT for the sender at once, without greylisting or delay.";

/** Hosts that call back ask our MX for our sender, with the null sender, and judge us by its answer (MAIL.md 4). */
export const senderMx: DoctorCheck = {
  id: "sender_mx",
  title: "MX of the sender domain",
  async run({ config, resolver, sources, signal }) {
    const domain = senderDomain(config);
    const plan = await planMx(resolver, domain, () => 0);
    const [host] = plan.kind === "hosts" ? plan.hosts : [];
    if (plan.kind === "dns_error") return warn(`${domain} cannot be looked up (${plan.detail})`, "Ask again later.");
    if (host === undefined) {
      return fail(`${domain} takes no mail (${plan.kind})`, `Give ${domain} an MX that accepts ${config.mailFrom}.`);
    }
    const found = await addressesOf(resolver, host.name, createReach(config.allowPrivateNetworks));
    const address = found.kind === "addresses" ? found.addresses[0] : undefined;
    if (address === undefined) return fail(`${host.name} has no address to dial`, `Mend the address of ${host.name}.`);
    const source = sources.find((one) => one.local === null || one.local.includes(":") === address.includes(":"));
    const target = {
      address,
      port: config.smtpPort,
      local: source?.local ?? null,
      replyTimeoutMs: SENDER_REPLY_MAX_MS,
    };
    const helo = source?.helo ?? "localhost";
    const commands = [`EHLO ${helo}`, "MAIL FROM:<>", `RCPT TO:<${config.mailFrom}>`];
    return judge(host.name, config.mailFrom, await talk(target, commands, signal));
  },
};

/** Replies in order: banner, EHLO, MAIL, RCPT. */
function judge(host: string, sender: string, { replies, trouble }: Talk): Finding {
  const last = replies.at(-1);
  const said = last === undefined ? "" : `${last.code} ${last.text.split("\n")[0] ?? ""}`.slice(0, 160);
  if (trouble !== null && replies.length === 0 && trouble.startsWith("E")) {
    return fail(`${host} cannot be reached (${trouble})`, ANSWER);
  }
  if (trouble !== null) {
    const where = ["the banner", "EHLO", "MAIL", "RCPT"][replies.length] ?? "RCPT";
    return fail(`${host} does not answer ${where} within ${SENDER_REPLY_MAX_MS / 1000} s (${trouble})`, ANSWER);
  }
  if (last === undefined || replies.length < 4) return fail(`${host} refuses the dialogue: ${said}`, ANSWER);
  if (last.code < 300) {
    const slowest = Math.max(...replies.map((reply) => reply.ms));
    return slowest > SENDER_REPLY_MAX_MS / 2
      ? warn(`${host} accepts ${sender} after ${Math.round(slowest)} ms`, ANSWER)
      : fine(`${host} accepts ${sender}`);
  }
  if (last.code < 500) return fail(`${host} defers ${sender}, as greylisting does: ${said}`, ANSWER);
  return fail(`${host} refuses ${sender}: ${said}`, `Create the mailbox ${sender}; ${ANSWER}`);
}
