/** Bounds of the address room. Octets are octets of UTF-8. */
export const ADDRESS_LIMITS = {
  /** Octets: RFC 5321 4.5.3.1.1. */
  LOCAL_OCTETS: 64,
  /** Octets of one A-label: RFC 1035 2.3.4. */
  LABEL_OCTETS: 63,
  /** Octets: a path is at most 256 with its angle brackets, RFC 5321 4.5.3.1.3 and RFC 3696 erratum 1690. */
  ADDRESS_OCTETS: 254,
  /** UTF-16 units looked at in one mailbox: normalisation and IDNA may shrink text, but never this much. */
  MAILBOX_UNITS: 1_024,
  /** UTF-16 units of a whole input with display name or mailto; more is not an address field. */
  INPUT_UNITS: 4_096,
} as const;
