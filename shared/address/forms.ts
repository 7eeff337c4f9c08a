import { type ConsumerProvider, providerOfDomain } from "../lists/lists.ts";
import type { Address } from "./parse.ts";

/** How a provider maps spellings to one mailbox. */
type SpellingRules = {
  /** Characters that open a tag; the default is `+` (RFC 5233). */
  readonly tag?: string;
  /** Spells the local part the provider's one way. */
  readonly spell?: (local: string) => string;
  /** All domains of the provider that lead to the same mailbox, written as the first of them. */
  readonly alias?: (domain: string) => string;
};

/** Each row names the provider's own page on the subject. */
const RULES: Partial<Record<ConsumerProvider, SpellingRules>> = {
  // support.google.com/mail/answer/7436150: dots do not matter; googlemail.com is gmail.com
  gmail: { spell: (local) => local.replaceAll(".", ""), alias: () => "gmail.com" },
  // support.microsoft.com, "Add or remove an email alias": + addressing; dots matter
  outlook: {},
  // help.yahoo.com SLN28338: disposable addresses are base-keyword; dots and underscores matter
  yahoo: { tag: "-" },
  aol: { tag: "-" },
  // support.apple.com/102349: the three domains share one mailbox; + addressing
  icloud: { alias: () => "icloud.com" },
  // proton.me/support/addresses-and-aliases: dots, hyphens and underscores are ignored; + addressing
  proton: { spell: (local) => local.replace(/[._-]/g, ""), alias: () => "proton.me" },
  // fastmail.help "Plus addressing and subdomain addressing"
  fastmail: {},
  // yandex.com/support/mail "Aliases": dots equal hyphens, every Yandex domain is one mailbox
  yandex: {
    spell: (local) => local.replaceAll(".", "-"),
    alias: (domain) => (domain === "narod.ru" ? domain : "yandex.ru"),
  },
};

const DEFAULT_RULES: SpellingRules = {};

function rulesFor(domain: string): SpellingRules {
  const provider = providerOfDomain(domain);
  return (provider !== null ? RULES[provider] : undefined) ?? DEFAULT_RULES;
}

const ATOMS = /^[^\s"(),:;<>@[\\\].]+(?:\.[^\s"(),:;<>@[\\\].]+)*$/u;

/** The local part without quotes that it does not need: `"anna"` and `anna` are one (RFC 5321 4.1.2). */
function plainLocal(address: Address): string {
  if (!address.quoted) return address.local;
  const inside = unquote(address.local);
  return ATOMS.test(inside) ? inside : address.local;
}

/** Takes a Quoted-string out of its quotes. */
const unquote = (local: string): string => local.slice(1, -1).replace(/\\(.)/gs, "$1");

/** Position of the character that opens the tag, or -1. A tag needs something before it. */
function tagStart(local: string, domain: string): number {
  if (local.startsWith('"')) return -1;
  const plus = local.indexOf("+", 1);
  if (plus >= 0 || !local.includes("-")) return plus;
  const { tag } = rulesFor(domain);
  return tag === undefined ? -1 : local.indexOf(tag, 1);
}

/** The tag of a sub-address (`user+tag`, at Yahoo and AOL also `user-tag`), or null. An empty tag counts as one. */
export function tagOf(address: Address): string | null {
  const local = plainLocal(address);
  const start = tagStart(local, address.domain);
  return start < 0 ? null : local.slice(start + 1);
}

/** The local part in lower case, unquoted and without its tag: what role and no-reply lists look at. */
export function bareLocal(address: Address, tag: string | null): string {
  const local = address.quoted ? unquote(address.local) : address.local;
  return (tag === null ? local : local.slice(0, local.length - tag.length - 1)).toLowerCase();
}

/**
 * One spelling for all spellings of a mailbox that its provider treats as one: lower case, no tag, no ignored
 * characters, one domain, no needless quotes. For deduplication when the customer asks; never to send to.
 */
export function canonicalForm(address: Address): string {
  if (plainLocal(address).startsWith('"')) return `${address.local.toLowerCase()}@${address.domain}`;
  const subdomain = fastmailSubdomain(address.domain);
  if (subdomain !== null) return `${subdomain.user}@${subdomain.domain}`;
  const rules = rulesFor(address.domain);
  // `a.+tag` leaves a dot behind. A local part of ignored characters only is left as it is.
  const local = bareLocal(address, tagOf(address)).replace(/\.$/, "");
  return `${rules.spell?.(local) || local}@${rules.alias?.(address.domain) ?? address.domain}`;
}

/** `anything@user.fastmail.com` is `user@fastmail.com`. */
function fastmailSubdomain(domain: string): { user: string; domain: string } | null {
  const dot = domain.indexOf(".");
  const parent = domain.slice(dot + 1);
  return providerOfDomain(parent) === "fastmail" ? { user: domain.slice(0, dot), domain: parent } : null;
}
