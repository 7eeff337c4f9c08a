export { providerById, providerOfMx } from "./lookup.ts";
export { DEFAULT_PACE } from "./pace.ts";
export type { Pace, Provider } from "./types.ts";
