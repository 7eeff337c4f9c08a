/** Every noun with every predicate close behind it: "mailbox~not found". */
export const pairs = (nouns: readonly string[], predicates: readonly string[]): readonly string[] =>
  nouns.flatMap((noun) => predicates.map((predicate) => `${noun}~${predicate}`));
