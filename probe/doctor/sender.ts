import type { ProbeConfig } from "../config.ts";

/** The domain of the envelope sender, lower case. */
export const senderDomain = (config: ProbeConfig): string =>
  config.mailFrom.slice(config.mailFrom.lastIndexOf("@") + 1).toLowerCase();
