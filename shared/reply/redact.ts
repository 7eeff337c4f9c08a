/** Characters that end an address inside a reply: white space, brackets, quotes and list punctuation. */
const ADDRESS = /[^\s<>()[\]{}"',;:=]{1,128}@[^\s<>()[\]{}"',;:=]{1,255}/gu;

/**
 * Takes the mail addresses out of a server's words, so that evidence can be stored, logged and shown to anyone.
 * Both sides of the match are bounded: the time is linear in the length of the text.
 */
export const redactAddresses = (text: string): string =>
  text.includes("@") ? text.replace(ADDRESS, "[address]") : text;
