import type { ReplyRow } from "../types.ts";

const beside = (nouns: readonly string[], predicates: readonly string[]): readonly string[] =>
  nouns.flatMap((noun) => predicates.map((predicate) => `${noun}%${predicate}`));

/**
 * A person or a mailbox right beside "unknown": so plain that a domain named elsewhere in the sentence, "utente
 * inesistente nel dominio example.it", cannot be what is missing.
 */
const PERSON_UNKNOWN: readonly string[] = [
  ...beside(
    ["benutzer", "empfanger", "empfaenger", "postfach", "mailbox"],
    ["unbekannt", "existiert nicht", "nicht bekannt", "nicht gefunden", "nicht vorhanden", "nicht verfugbar"],
  ),
  ...beside(["utilisateur", "destinataire", "boite"], ["inconnu", "n'existe pas", "inexistant", "introuvable"]),
  ...beside(
    ["usuario", "destinatario", "buzon", "casilla"],
    ["desconocid", "no existe", "inexistente", "no encontrad", "no tiene cuenta", "no tiene una cuenta"],
  ),
  ...beside(
    ["usuario", "utilizador", "destinatario", "caixa"],
    ["desconhecid", "nao existe", "inexistente", "nao encontrad"],
  ),
  ...beside(["utente", "destinatario", "casella"], ["sconosciut", "non esiste", "inesistente", "non trovat"]),
  ...beside(["gebruiker", "ontvanger"], ["onbekend", "bestaat niet", "niet gevonden"]),
  ...beside(["uzytkownik", "odbiorca", "skrzynka"], ["nie istnieje", "nieznany", "nieznana"]),
  ...beside(["пользовател", "получател", "ящик"], ["не существует", "не найден"]),
  "用户不存在",
  "收件人不存在",
  "邮箱不存在",
  "使用者不存在",
];

/** Unknown users in the languages of their servers. */
export const PERSON_ROWS: readonly ReplyRow[] = [
  {
    rule: "user-unknown-person-words",
    class: "recipient",
    reason: "mailbox_not_found",
    digit: 5,
    text: PERSON_UNKNOWN,
    not: ["absender", "expediteur", "remitente", "remetente", "mittente", "afzender", "nadawc", "отправител", "发件人"],
    examples: [
      "550 Utente inesistente nel dominio example.it",
      "550 5.1.1 Benutzer unbekannt",
      "550 Empfänger existiert nicht",
      "550 Utilisateur inconnu !",
      "550 5.1.1 Usuário não existe",
      "550 Gebruiker onbekend",
      "550 Użytkownik nie istnieje",
      "550 Пользователь не найден",
      "550 收件人不存在",
    ],
  },
];
