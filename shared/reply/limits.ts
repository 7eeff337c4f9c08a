/** Characters of a reply that are looked at. The longest genuine ones (Google's, Microsoft's) stay below 900. */
export const REPLY_MATCH_MAX_CHARS = 1_200;

/** Remembered classifications in each of two generations; a template is about 300 bytes, so about 3 MB in all. */
export const MEMO_GENERATION_ENTRIES = 4_096;
