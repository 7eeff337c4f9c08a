/** A domain that was probably meant. */
export type DomainSuggestion = {
  domain: string;
  /** The given domain is a known typosquat. */
  known: boolean;
};

/** The popular domain that a mistyped one was probably meant to be, or null. */
export function suggestDomain(_domain: string): DomainSuggestion | null {
  return null;
}
