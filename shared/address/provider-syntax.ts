import { type ConsumerProvider, providerOfDomain } from "../lists/lists.ts";
import { type AddressError, addressError } from "./errors.ts";
import { bareLocal, tagOf } from "./forms.ts";
import type { Address } from "./parse.ts";

/**
 * What a provider lets a local part be. Only what has held for every account ever given out is here: a rule that came
 * later would condemn real old mailboxes. Applied to lower case, without tag, unquoted.
 */
type LocalRules = {
  readonly who: string;
  readonly shape: RegExp;
  readonly says: string;
  readonly min: number;
  readonly max: number;
  /** The provider's page. */
  readonly source: string;
};

const LATIN = "only letters a-z, digits, dots, hyphens and underscores";

const RULES: Partial<Record<ConsumerProvider, LocalRules>> = {
  gmail: {
    who: "Gmail",
    shape: /^[a-z0-9.]+$/,
    says: "only letters a-z, digits and dots",
    min: 6,
    max: 30,
    source: "support.google.com/mail/answer/9211434",
  },
  outlook: {
    who: "Outlook",
    shape: /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?$/,
    says: LATIN,
    min: 1,
    max: 64,
    source: "support.microsoft.com/office/create-a-new-outlook-com-email-account",
  },
  yahoo: {
    who: "Yahoo",
    shape: /^[a-z][a-z0-9._]*$/,
    says: "a letter first, then only letters a-z, digits, dots and underscores",
    min: 2,
    max: 32,
    source: "help.yahoo.com/kb/SLN2056",
  },
  aol: {
    who: "AOL",
    shape: /^[a-z][a-z0-9._]*$/,
    says: "a letter first, then only letters a-z, digits, dots and underscores",
    min: 2,
    max: 32,
    source: "help.aol.com/articles/aol-mail-username",
  },
  icloud: {
    who: "iCloud",
    shape: /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9_-])?$/,
    says: LATIN,
    min: 3,
    max: 40,
    source: "support.apple.com/guide/icloud/mm6b1a490a",
  },
  yandex: {
    who: "Yandex",
    shape: /^[a-z0-9](?:[a-z0-9]|[.-](?![.-]))*$/,
    says: "only letters a-z, digits, and single dots and hyphens",
    min: 1,
    max: 30,
    source: "yandex.com/support/id/authorization/registration",
  },
  "mail.ru": {
    who: "Mail.ru",
    shape: /^[a-z0-9_][a-z0-9._-]*$/,
    says: LATIN,
    min: 2,
    max: 31,
    source: "help.mail.ru/mail/account/registration",
  },
  proton: {
    who: "Proton",
    shape: /^[a-z0-9][a-z0-9._-]*$/,
    says: LATIN,
    min: 1,
    max: 40,
    source: "proton.me/support/creating-proton-account",
  },
  gmx: {
    who: "GMX",
    shape: /^[a-z0-9][a-z0-9._-]*$/,
    says: LATIN,
    min: 1,
    max: 40,
    source: "hilfe.gmx.net/email/einstellungen/e-mail-adressen",
  },
  "web.de": {
    who: "WEB.DE",
    shape: /^[a-z0-9][a-z0-9._-]*$/,
    says: LATIN,
    min: 1,
    max: 40,
    source: "hilfe.web.de/email/einstellungen/e-mail-adressen",
  },
  qq: {
    who: "QQ Mail",
    shape: /^[a-z0-9][a-z0-9._-]*$/,
    says: LATIN,
    min: 3,
    max: 18,
    source: "service.mail.qq.com, English and QQ number accounts",
  },
  netease: {
    who: "NetEase",
    shape: /^[a-z0-9][a-z0-9._-]*$/,
    says: LATIN,
    min: 3,
    max: 20,
    source: "help.mail.163.com, account names",
  },
  naver: {
    who: "Naver",
    shape: /^[a-z0-9_][a-z0-9_-]*$/,
    says: "only letters a-z, digits, hyphens and underscores",
    min: 3,
    max: 20,
    source: "help.naver.com, account names",
  },
};

/**
 * The published rule of its consumer provider that a local part breaks, or null. Domains on which the provider hosts
 * others' mail are not judged.
 */
export function providerSyntaxError(address: Address): AddressError | null {
  if (address.literal) return null;
  const provider = providerOfDomain(address.domain);
  const rules = provider === null ? undefined : RULES[provider];
  if (rules === undefined) return null;
  const local = bareLocal(address, tagOf(address));
  if (local.length < rules.min) {
    return addressError("provider-too-short", 0, `${rules.who} names have at least ${rules.min} characters.`);
  }
  const counted = rules.who === "Gmail" ? local.replaceAll(".", "") : local;
  if (counted.length > rules.max) {
    return addressError("provider-too-long", 0, `${rules.who} names have at most ${rules.max} characters.`);
  }
  if (rules.shape.test(local)) return null;
  return addressError("provider-characters", 0, `${rules.who} names hold ${rules.says}.`);
}
