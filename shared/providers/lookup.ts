import { PROVIDER_TABLE } from "./table.ts";
import type { Provider, ProviderRow } from "./types.ts";

const EXACT = new Map<string, Provider>();
const BY_SUFFIX = new Map<string, Provider>();
const BY_ID = new Map<string, Provider>();

const register = (row: ProviderRow): void => {
  const { mx, ...provider } = row;
  BY_ID.set(provider.id, provider);
  for (const name of mx) {
    if (name.startsWith(".")) BY_SUFFIX.set(name.slice(1), provider);
    else EXACT.set(name, provider);
  }
};
for (const row of PROVIDER_TABLE) register(row);

/**
 * The operator behind an MX host name, or null when it is not known. Case and a final dot do not matter; of several
 * endings that fit, the longest counts.
 */
export const providerOfMx = (mxHost: string): Provider | null => {
  let name = mxHost.toLowerCase();
  if (name.endsWith(".")) name = name.slice(0, -1);
  const exact = EXACT.get(name);
  if (exact !== undefined) return exact;
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
    const provider = BY_SUFFIX.get(name.slice(dot + 1));
    if (provider !== undefined) return provider;
  }
  return null;
};

/** The operator with this identifier, or null. */
export const providerById = (id: string): Provider | null => BY_ID.get(id) ?? null;
