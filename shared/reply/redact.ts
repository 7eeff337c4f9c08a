import { replaceAddresses } from "./addresses.ts";

/** Takes the mail addresses out of a server's words, so that evidence can be stored, logged and shown to anyone. */
export const redactAddresses = (text: string): string => replaceAddresses(text, "[address]");
