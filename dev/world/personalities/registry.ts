import type { Personality } from "../types.ts";
import { BROKEN } from "./broken.ts";
import { CATCH_ALL } from "./catch-all.ts";
import { DNS } from "./dns.ts";
import { PROVIDERS } from "./providers.ts";
import { SENDER_SIDE } from "./sender-side.ts";
import { SOFTWARE } from "./software.ts";
import { TEMPORARY } from "./temporary.ts";
import { TLS_AND_LIMITS } from "./tls-and-limits.ts";

const ALL: readonly Personality[] = [
  ...SOFTWARE,
  ...PROVIDERS,
  ...CATCH_ALL,
  ...SENDER_SIDE,
  ...TEMPORARY,
  ...BROKEN,
  ...TLS_AND_LIMITS,
  ...DNS,
];

/** Every personality of the catalogue. */
export function personalities(): readonly Personality[] {
  return ALL;
}
