import type { BoxAnswer, HostDefinition, Personality } from "../types.ts";
import { personality, takesAll, unknownAs, withAlternatives } from "./define.ts";

const GOOGLE_KEYWORDS = ["SIZE 157286400", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "SMTPUTF8"];
const GOOGLE_SCRIPT = { banner: "220 mx.google.com ESMTP a1-20020a05 - gsmtp", keywords: GOOGLE_KEYWORDS };
const GOOGLE_OK: BoxAnswer = { reply: "250 2.1.5 OK a1-20020a05 - gsmtp", now: "accepted" };
const GOOGLE_BOX = {
  exists: GOOGLE_OK,
  role: GOOGLE_OK,
  ...unknownAs({
    reply:
      "550 5.1.1 The email account that you tried to reach does not exist. Please try\n5.1.1 double-checking the recipient's email address for typos or\n5.1.1 unnecessary spaces. For more information, go to\n5.1.1  https://support.google.com/mail/?p=NoSuchUser a1-20020a05 - gsmtp",
    now: "mailbox_not_found",
  }),
  full: {
    reply:
      "452 4.2.2 The recipient's inbox is out of storage space. Please direct the\n4.2.2 recipient to https://support.google.com/mail/?p=OverQuotaTemp a1-20020a05 - gsmtp",
    now: "mailbox_full",
  },
  disabled: {
    reply:
      "550 5.2.1 The email account that you tried to reach is inactive. For more\n5.2.1 information, go to https://support.google.com/mail/?p=DisabledUser a1-20020a05 - gsmtp",
    now: "mailbox_disabled",
  },
  busy: {
    reply:
      "450 4.2.1 The user you are trying to contact is receiving mail at a rate that\n4.2.1 prevents additional messages from being delivered. Please resend your\n4.2.1 message at a later time. a1-20020a05 - gsmtp",
    now: "temporary_error",
  },
} as const;

function googleHosts(prefix: string, suffix: string): HostDefinition[] {
  const names = [`${prefix}${suffix}`, ...[1, 2, 3, 4].map((n) => `alt${n}.${prefix}${suffix}`)];
  return names.map((name, i) => ({ name, preference: i === 0 ? 5 : i * 10, script: GOOGLE_SCRIPT }));
}

const MICROSOFT_SCRIPT = {
  banner:
    "220 AM0EUR02FT042.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Fri, 20 Nov 2026 08:00:00 +0000",
  keywords: ["SIZE 157286400", "DSN", "ENHANCEDSTATUSCODES", "8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8"],
};
const MICROSOFT_OK: BoxAnswer = { reply: "250 2.1.5 Recipient OK", now: "accepted" };
const MICROSOFT_GROUP: BoxAnswer = {
  reply:
    "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group [AM0EUR02FT042.eop-EUR02.prod.protection.outlook.com]",
  now: "restricted",
};

/** A consumer provider whose host speaks truly, with one reply for what exists and one for what does not. */
function consumer(
  name: string,
  domains: readonly string[],
  mx: readonly string[],
  texts: { banner: string; ok: string; unknown: string; full?: string; disabled?: string },
): Personality {
  const script = { banner: texts.banner, keywords: ["SIZE 104857600", "8BITMIME"] };
  return personality({
    name,
    description: `${domains[0]}: truthful at RCPT`,
    domains,
    hosts: mx.map((host) => ({ name: host, script })),
    box: {
      exists: { reply: texts.ok, now: "accepted" },
      role: { reply: texts.ok, now: "accepted" },
      ...unknownAs({ reply: texts.unknown, now: "mailbox_not_found" }),
      full: { reply: texts.full ?? "552 5.2.2 Mailbox quota exceeded", now: "mailbox_full" },
      disabled: { reply: texts.disabled ?? "550 5.2.1 This mailbox is disabled", now: "mailbox_disabled" },
    },
  });
}

const GOOGLE_AND_MICROSOFT: readonly Personality[] = [
  personality({
    name: "gmail",
    description: "Gmail: truthful, multi-line refusals",
    domains: ["gmail.com", "googlemail.com"],
    hosts: googleHosts("gmail-smtp-in", ".l.google.com"),
    box: GOOGLE_BOX,
  }),
  personality({
    name: "workspace",
    description: "a business domain at Google Workspace",
    domains: ["fabrikam-mail.com"],
    hosts: googleHosts("aspmx", ".l.google.com"),
    box: GOOGLE_BOX,
  }),
  personality({
    name: "workspace-first-dead",
    description: "Google Workspace whose best host is down: the next one is the same operator's",
    hosts: [
      { name: "aspmx2.googlemail.com", preference: 1, dead: "refused" },
      { name: "aspmx3.googlemail.com", preference: 5, script: GOOGLE_SCRIPT },
    ],
    box: GOOGLE_BOX,
  }),
  personality({
    name: "m365",
    description: "a Microsoft 365 tenant with directory blocking: 5.4.1 Access denied means unknown",
    domains: ["contoso.com"],
    hosts: [{ name: "*.mail.protection.outlook.com", preference: 0, script: MICROSOFT_SCRIPT }],
    box: {
      exists: MICROSOFT_OK,
      role: MICROSOFT_OK,
      ...unknownAs({
        reply:
          "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors [AM0EUR02FT042.eop-EUR02.prod.protection.outlook.com]",
        now: "mailbox_not_found",
      }),
      full: { reply: "552 5.2.2 Mailbox is full; the recipient's mailbox has exceeded its quota", now: "mailbox_full" },
      restricted: MICROSOFT_GROUP,
    },
  }),
  personality({
    name: "m365-catchall",
    description: "a Microsoft 365 tenant without directory blocking: takes everybody",
    hosts: [{ name: "*.e-v1.mx.microsoft", preference: 0, script: MICROSOFT_SCRIPT }],
    box: { ...takesAll("250 2.1.5 Recipient OK", "catch_all"), restricted: MICROSOFT_GROUP },
  }),
  personality({
    name: "outlook",
    description: "Outlook consumer mail: 5.5.0 means unknown user; a policy may forbid asking",
    domains: ["outlook.com", "hotmail.com", "live.com", "msn.com"],
    hosts: [{ name: "*.olc.protection.outlook.com", preference: 2, script: MICROSOFT_SCRIPT }],
    box: withAlternatives(
      {
        exists: MICROSOFT_OK,
        role: MICROSOFT_OK,
        ...unknownAs({
          reply:
            "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [AM4PEPF00027A5C.eurprd04.prod.outlook.com]",
          now: "mailbox_not_found",
        }),
        full: { reply: "452 4.2.2 Mailbox full", now: "mailbox_full" },
      },
      ["provider_unverifiable"],
    ),
  }),
];

const YAHOO_BOX = takesAll("250 recipient <{addr}> ok", "gateway_protected");

const CONSUMER: readonly Personality[] = [
  personality({
    name: "yahoo",
    description: "Yahoo and AOL: 250 for anybody at RCPT",
    domains: ["yahoo.com", "aol.com", "ymail.com"],
    hosts: ["mta5", "mta6", "mta7"].map((label) => ({
      name: `${label}.am0.yahoodns.net`,
      preference: 1,
      script: {
        banner: "220 mtaproxy401.free.mail.bf1.yahoo.com ESMTP ready",
        keywords: ["SIZE 41943040", "8BITMIME"],
      },
    })),
    box: YAHOO_BOX,
  }),
  consumer("icloud", ["icloud.com", "me.com", "mac.com"], ["mx01.mail.icloud.com", "mx02.mail.icloud.com"], {
    banner: "220 p00-mailgw-smtpin-1 ESMTP Proofpoint Protection Server",
    ok: "250 2.1.5 Ok",
    unknown: "550 5.1.1 <{addr}>: user does not exist",
    full: "552 5.2.2 <{addr}>: user is over quota",
    disabled: "550 5.2.1 <{addr}>: user mailbox is inactive",
  }),
  personality({
    name: "privaterelay",
    description: "Apple's private relay: refuses senders that did not register",
    domains: ["privaterelay.appleid.com"],
    hosts: [
      {
        name: "smtp-inbound.privaterelay.appleid.com",
        script: { faults: [{ at: "rcpt", do: "reply", text: "550 5.1.1 <{addr}>: unauthorized sender" }] },
      },
    ],
    outcome: { now: "provider_unverifiable", also: ["sender_rejected"] },
  }),
  consumer("gmx", ["gmx.net", "gmx.de", "web.de"], ["mx00.gmx.net", "mx01.gmx.net"], {
    banner: "220 gmx.net (mxgmx115) Nemesis ESMTP Service ready",
    ok: "250 Requested mail action okay, completed",
    unknown:
      "550 Requested action not taken: mailbox unavailable\nFor explanation visit https://postmaster.gmx.net/en/error-messages?ip={ip}&c=bip",
    full: "552 Requested mail action aborted: exceeded storage allocation",
  }),
  consumer("yandex", ["yandex.ru", "yandex.com", "ya.ru"], ["mx.yandex.ru"], {
    banner:
      "220 mail-nwsmtp-mxfront-production-main-17 (Want to use Yandex.Mail for your domain? Visit http://pdd.yandex.ru)",
    ok: "250 2.1.5 <{addr}> recipient ok",
    unknown: "550 5.7.1 No such user!",
    full: "552 5.2.2 Mailbox size limit exceeded",
    disabled: "550 5.7.1 Mailbox is blocked",
  }),
  consumer("mailru", ["mail.ru", "bk.ru", "list.ru"], ["mxs.mail.ru"], {
    banner: "220 Mail.Ru ESMTP",
    ok: "250 OK",
    unknown: "550 Message was not accepted -- invalid mailbox.  Local mailbox {addr} is unavailable: user not found",
    full: "552 Message was not accepted -- mailbox {addr} is full: quota exceeded",
    disabled:
      "550 Message was not accepted -- invalid mailbox.  Local mailbox {addr} is unavailable: account is disabled",
  }),
  consumer("qq", ["qq.com", "foxmail.com"], ["mx1.qq.com", "mx2.qq.com", "mx3.qq.com"], {
    banner: "220 newxmmxszc6-1.qq.com MX QQ Mail Server.",
    ok: "250 OK",
    unknown:
      "550 The recipient may contain a non-existent account, please check the recipient address. http://service.mail.qq.com/detail/122/169",
    full: "552 Mailbox space not enough",
  }),
  personality({
    name: "qq-limited",
    description: "a Tencent business domain that has had enough of us: limits come as 550",
    hosts: [
      {
        name: "mxbiz1.qq.com",
        script: {
          banner: "220 newxmmxszc6-1.qq.com MX QQ Mail Server.",
          faults: [
            {
              at: "mail",
              do: "close",
              text: "550 Ip frequency limited [{ip}]. http://service.mail.qq.com/detail/0/93",
            },
          ],
        },
      },
    ],
    outcome: { now: "rate_limited" },
  }),
  consumer("netease", ["163.com", "126.com"], ["163mx01.mxmail.netease.com", "163mx02.mxmail.netease.com"], {
    banner: "220 163.com Anti-spam GT for Coremail System (163com[20141201])",
    ok: "250 Mail OK",
    unknown: "550 User not found: {addr}",
    full: "552 Quota exceeded or service disabled.",
  }),
  consumer("zoho", ["zohomail.com"], ["smtpin.zoho.com", "smtpin2.zoho.com"], {
    banner: "220 mx.zohomail.com SMTP Server ready November 20, 2026 8:00:00 AM UTC",
    ok: "250 Ok",
    unknown: "550 5.1.1 User does not exist - <{addr}>",
    full: "552 5.2.2 The email account that you tried to reach is over quota",
  }),
  consumer(
    "fastmail",
    ["fastmail.com", "fastmail.fm"],
    ["in1-smtp.messagingengine.com", "in2-smtp.messagingengine.com"],
    {
      banner: "220 mx1.messagingengine.com ESMTP . No UCE permitted.",
      ok: "250 2.1.5 Ok",
      unknown: "550 5.1.1 <{addr}>: Recipient address rejected: User unknown in virtual mailbox table",
      full: "452 4.2.2 <{addr}>: Recipient address rejected: over quota",
    },
  ),
  consumer("proton", ["proton.me", "protonmail.com"], ["mail.protonmail.ch", "mailsec.protonmail.ch"], {
    banner: "220 mailin048.protonmail.ch ESMTP Postfix",
    ok: "250 2.1.5 Ok",
    unknown: "550 5.1.1 <{addr}>: Recipient address rejected: Address does not exist",
    full: "452 4.2.2 <{addr}>: Recipient address rejected: Mailbox full",
  }),
];

/** Well-known providers under their real MX names. */
export const PROVIDERS: readonly Personality[] = [...GOOGLE_AND_MICROSOFT, ...CONSUMER];
