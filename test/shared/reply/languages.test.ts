import { describe, expect, test } from "vitest";
import { classifyReply } from "../../../shared/reply/classify.ts";
import { parseReplyText } from "../../../shared/reply/parse.ts";
import { REASON_TABLE, type Reason } from "../../../shared/verdict/vocabulary.ts";

const reasonOf = (reply: string): Reason | null => {
  const parsed = parseReplyText(reply);
  return parsed === null ? null : classifyReply({ ...parsed, stage: "rcpt" }).reason;
};

describe("nobody by that name", () => {
  test.each([
    "550 Cannot find that recipient in our directory",
    "550 User bob is not listed in the address book",
    "550 That e-mail address is not handled by this host",
    "550 bob@example.com does not have an account here",
    "550 Wrong recipient",
    "550-Callout verification failed:\n550 550 5.1.1 bob@example.com: no such person, user unknown",
    "550 RCPT (bob@example.com) dosn't exist",
    "554 5.7.1 <bob@example.com>: Recipient address rejected: Not in recipient list",
    "554 delivery error: this user doesn’t have a mailbox here",
    "550 Diese Adresse ist hier nicht bekannt",
    "550 Empfaenger unbekannt",
    "550 Le compte est introuvable",
    "550 Cette boîte n'existe plus",
    "550 El destinatario no se encuentra aquí",
    "550 A caixa não foi encontrada",
    "550 La casella non è stata trovata: casella non trovata",
    "550 Die ontvanger is hier niet bekend",
    "550 Nieprawidłowy odbiorca",
    "550 Адресат не зарегистрирован",
    "550 Такого адреса нет",
    "550 Користувача не знайдено",
    "550 没有这个用户",
    "550 查無此帳號",
    "550 該当するユーザはいません",
    "550 수신자를 찾을 수 없습니다",
    "550 Adressen finns inte",
    "550 Modtageren findes ikke",
    "550 Käyttäjää ei löydy",
    "550 Böyle bir kullanıcı yok",
    "550 Nem létező cím: ismeretlen címzett",
    "550 Schránka neexistuje",
    "550 Căsuța nu există",
    "550 Ο παραλήπτης δεν υπάρχει",
    "550 Alamat tidak ditemukan",
    "550 Hộp thư không tồn tại",
  ])("%s", (reply) => {
    expect(reasonOf(reply)).toBe("mailbox_not_found");
  });
});

describe("the mailbox is full", () => {
  test.each([
    "550 Mailbox space is not enough for this message",
    "550 The user does not have enough disk space left",
    "550 5.7.1 Email quota exceeded",
    "550 Too many messages in this mailbox",
    "550 The quota is over for this user",
    "550 Recipient storage full, try again later",
    "552 5.2.2 The message exceeds our limit or the mailbox is full; leave the attachment out",
    "550 Das Postfach ist überfüllt",
    "550 La boîte est saturée",
    "550 La cuota está agotada",
    "550 A caixa está lotada",
    "550 L'utente ha superato la quota",
    "550 Het postvak zit vol",
    "550 Skrzynka jest zapełniona",
    "550 Ящик переполнен",
    "550 信箱容量已滿",
    "550 容量超過のため受け取れません",
    "550 메일함이 가득 찼습니다",
    "550 Schránka je plná",
    "550 Brevlådan är full",
    "550 Kotası doldu",
    "550 Hộp thư đầy",
  ])("%s", (reply) => {
    expect(reasonOf(reply)).toBe("mailbox_full");
  });

  test.each([
    ["450 4.7.3 Organization queue quota exceeded", "temporary_error"],
    ["454 Daily message quota exceeded", "rate_limited"],
    ["452 temporary domain failure", "temporary_error"],
    ["452 4.3.1 Insufficient system storage", "temporary_error"],
  ] as const)("room that is not the mailbox's says nothing of it: %s", (reply, reason) => {
    expect(reasonOf(reply)).toBe(reason);
  });
});

describe("the mailbox is switched off", () => {
  test.each([
    "550 User account not activated",
    "540 5.7.1 <bob@example.com>: Recipient address rejected: Blocked",
    "550 This mailbox has been blocked due to inactivity",
    "550 bob@example.com is no longer valid",
    "550 This account is not allowed to receive mail",
    "550 She no longer works here",
    "550 Das Konto wurde stillgelegt",
    "550 Le compte a été supprimé",
    "550 El usuario está inactivo",
    "550 A conta foi cancelada",
    "550 Indirizzo dismesso",
    "550 Konto jest nieaktywne",
    "550 Аккаунт удален",
    "550 帐号已停用",
    "550 계정이 정지되었습니다",
  ])("%s", (reply) => {
    expect(reasonOf(reply)).toBe("mailbox_disabled");
  });
});

test.each([
  "550 Only members may post to this list",
  "550 Subscribers only, please join first",
  "550 Your message was rejected by this user",
])("outsiders are refused, the address is there: %s", (reply) => {
  expect(reasonOf(reply)).toBe("restricted");
});

describe("what is about us stays so", () => {
  test.each([
    ["probe_blocklisted", "550 5.7.1 Service unavailable; client [192.0.2.1] blocked using b.barracudacentral.org"],
    ["probe_blocklisted", "550 5.7.1 You are listed, see https://www.barracudacentral.org/lookups?ip=192.0.2.1"],
    ["probe_blocklisted", "550 5.7.1 Email from [192.0.2.1] is blocked by DNSBL bl.example.org"],
    ["probe_blocklisted", "550 Mail from 192.0.2.1 rejected, see https://www.spamhaus.org/query/ip/192.0.2.1"],
    [
      "sender_rejected",
      "554 5.7.1 Service unavailable; Sender address [p@sender.example] blocked using dbl.spamhaus.org",
    ],
    ["sender_rejected", "550 5.7.1 MailFrom domain is listed in Spamhaus"],
    ["sender_rejected", "550 Invalid DNS MX or A/AAAA resource record"],
    ["sender_rejected", "550 Avsändaren finns inte"],
    ["sender_rejected", "550 Afsenderadressen findes ikke"],
    ["sender_rejected", "550 Gönderen adresi bulunamadı"],
    ["sender_rejected", "550 Відправник не існує"],
  ] as const)("%s: %s", (reason, reply) => {
    expect(reasonOf(reply)).toBe(reason);
  });

  test.each([
    "550 To protect our users from spam, the message has been blocked",
    "550 Our users do not want this; blocked - see http://example.net",
    "550 This message contains invalid MIME headers",
    "550 Rule imposed mailbox access for bob@example.com refused",
    "550 Username and password not accepted",
    "550 Der Server existiert nicht",
    "550 Le domaine n'existe pas",
    "550 Dominio inesistente",
    "550 主机不存在",
    "550 recipient temporarily unavailable",
    "551 5.7.1 Loop detected: forwarded from and to example.com",
    "551 5.7.1 Due to the low reputation of the sending domain, this message has been blocked",
  ])("no mailbox is condemned by: %s", (reply) => {
    const reason = reasonOf(reply);
    expect(reason).not.toBeNull();
    if (reason !== null) expect(REASON_TABLE[reason].status).toBe("unknown");
  });
});

test("Apple's relay refuses strangers whoever they ask for", () => {
  const parsed = parseReplyText("550 5.1.1 <a@privaterelay.appleid.com>: unauthorized sender");
  expect(parsed).not.toBeNull();
  if (parsed === null) return;
  const relay = classifyReply({ ...parsed, stage: "rcpt", provider: "apple_relay" });
  expect(relay.reason).toBe("provider_unverifiable");
  expect(classifyReply({ ...parsed, stage: "rcpt" }).reason).toBe("sender_rejected");
});
