/** Every noun with every predicate close behind it: "mailbox~not found". */
export const pairs = (nouns: readonly string[], predicates: readonly string[]): readonly string[] =>
  nouns.flatMap((noun) => predicates.map((predicate) => `${noun}~${predicate}`));

/**
 * Postfix frames whatever a policy says: "Recipient address rejected: Message is invalid". What follows the frame may
 * have a subject of its own, and then says nothing about the recipient in front.
 */
export const FRAMED: readonly string[] = [
  "message",
  "command",
  "domain",
  "the domain",
  "host",
  "client",
  "remote",
  "relay",
  "network",
  "service",
  "route",
  "parameter",
  "charset",
  "file",
  "mailer",
  "header",
  "login",
  "author",
  "dns",
  "credential",
  "certificate",
  "your",
  "sending",
  "mail domain",
].flatMap((subject) => ["", "unknown ", "invalid ", "no such "].map((state) => `rejected: ${state}${subject}`));
