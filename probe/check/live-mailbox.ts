import { isIP } from "node:net";
import { providerOfMx } from "../../shared/providers/index.ts";
import type { Finding } from "../../shared/verdict/types.ts";
import { ANY_SOURCE, type LiveMailbox } from "../config.ts";
import { addressesOf, planMx } from "../dns/mx.ts";
import { HOST_FACT_TTL_MS, HOST_FACTS_MAX_ENTRIES, LIVE_UNANSWERED_MS } from "../limits.ts";
import type { Target } from "../smtp/host-types.ts";
import { plainPath } from "../smtp/path.ts";
import { tellQuestion } from "../smtp/transcript.ts";
import { question } from "../smtp/visit.ts";
import { TtlMap } from "../ttl-map.ts";
import type { Asking } from "./ask.ts";
import { isOperatorsOwn } from "./ask-control.ts";
import type { Heard } from "./hear.ts";
import { conclude } from "./subject.ts";
import { classify, evidenceOf } from "./trouble.ts";
import { visitHost } from "./visit-host.ts";

/** What became of our mailbox: taken, refused, or nothing that could be said of it. */
type Word = "taken" | "refused" | "unanswered";

/** Mailboxes of ours at operators, and what each operator last said of ours to a source address. */
export class LiveMailboxes {
  readonly #byProvider: ReadonlyMap<string, string>;
  readonly #words = new TtlMap<Word>(HOST_FACTS_MAX_ENTRIES);
  readonly #asking = new Map<string, Promise<Word>>();

  constructor(mailboxes: readonly LiveMailbox[]) {
    this.#byProvider = new Map(mailboxes.map(({ provider, address }) => [provider, address]));
  }

  /**
   * MAIL.md 3: once a day and source an operator is asked about a mailbox that certainly exists. While it refuses
   * that one, what it refuses says nothing about mailboxes: we are blocked there, and every refusal is a finding of
   * ours. Concludes those, and returns what may be believed.
   */
  async believable(asking: Asking, heard: readonly Heard[]): Promise<readonly Heard[]> {
    if (this.#byProvider.size === 0 || !isOperatorsOwn(asking, heard)) return heard;
    if ((await this.#word(asking)) !== "refused") return heard;
    return heard.filter((one) => {
      if ((one.evidence.code ?? 0) < 500) return true;
      conclude(one.subject, blockedFinding(one), null);
      one.subject.mx = asking.target.name;
      return false;
    });
  }

  async #word(asking: Asking): Promise<Word> {
    const { around, provider, target, group } = asking;
    const address = this.#byProvider.get(provider?.id ?? "");
    if (address === undefined) return "unanswered";
    const key = `${address} ${target.source}`;
    const known = this.#words.get(key, around.now()) ?? this.#asking.get(key);
    if (known !== undefined) return known;
    const answer = askFor(address, asking).finally(() => this.#asking.delete(key));
    this.#asking.set(key, answer);
    const word = await answer;
    const keptMs = word === "unanswered" ? LIVE_UNANSWERED_MS : HOST_FACT_TTL_MS;
    if (!group.cancelled) this.#words.set(key, word, around.now() + keptMs);
    return word;
  }
}

const blockedFinding = ({ evidence }: Heard): Finding => ({
  reason: "probe_blocklisted",
  rule: "live-mailbox-refused",
  reply: evidence,
  retryAfterMs: null,
  flags: [],
});

async function askFor(address: string, asking: Asking): Promise<Word> {
  const { around, group, provider, speaker, urgent } = asking;
  const path = plainPath(address);
  const target = await hostOf(address, asking);
  if (path === null || target === null) return "unanswered";
  const asked = question(path, false);
  await visitHost(around, group, target, provider, [asked], { urgent, fresh: false });
  group.transcript?.push(`# ${target.name}: a mailbox of ours`, ...tellQuestion(asked));
  if (asked.reply === null) return "unanswered";
  const evidence = evidenceOf(asked.reply, "rcpt", target.name);
  const { class: about } = classify(evidence, { ...speaker, host: target.name }, path);
  if (about === "accepted" || about === "capacity") return "taken";
  return asked.reply.code >= 500 && about !== "rate" ? "refused" : "unanswered";
}

/** The host that is being asked anyway, where it is the mailbox's own; else the best of the operator's for it. */
async function hostOf(address: string, asking: Asking): Promise<Target | null> {
  const { around, target, provider } = asking;
  const plan = await planMx(around.resolver, address.slice(address.lastIndexOf("@") + 1), around.random);
  if (plan.kind !== "hosts") return null;
  if (plan.hosts.some((host) => host.name === target.name)) return target;
  const best = plan.hosts.find((host) => providerOfMx(host.name)?.id === provider?.id);
  if (best === undefined) return null;
  const found = await addressesOf(around.resolver, best.name, around.reach);
  if (found.kind !== "addresses") return null;
  const addresses = found.addresses.filter((one) => target.source === ANY_SOURCE || isIP(one) === isIP(target.source));
  return addresses.length === 0 ? null : { ...target, name: best.name, addresses };
}
