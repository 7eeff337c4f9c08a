import type { Database } from "../data/database.ts";
import { createDispatch } from "../data/dispatch.ts";
import { OPINION_CLAIM_TIMEOUT_MS, OPINION_MEMORY_MAX } from "../limits.ts";
import type { Leave } from "./regions.ts";

const DAY_MS = 86_400_000;

/**
 * Leave for second opinions: Postgres gives it once per domain and UTC day, to lists and single checks alike. What was
 * given or refused is remembered, so that a domain that refuses us costs one look-up a day and isolate. Without Postgres
 * there is no leave.
 */
export function createLeave(database: Pick<Database, "dispatcher">): Leave {
  const dispatch = createDispatch(database);
  let day = 0;
  const decided = new Set<string>();
  return async (domain, region) => {
    const today = Math.floor(Date.now() / DAY_MS);
    if (today !== day || decided.size >= OPINION_MEMORY_MAX) decided.clear();
    day = today;
    if (decided.has(domain)) return false;
    const given = await soon(dispatch.claimOpinion(domain, region).catch(() => null));
    if (given === null) return false;
    decided.add(domain);
    return given;
  };
}

/** The caller is waiting: an answer that takes longer is no answer. */
async function soon<T>(work: Promise<T | null>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), OPINION_CLAIM_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
