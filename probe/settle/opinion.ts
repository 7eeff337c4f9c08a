import { addressFacts } from "../../shared/address/facts.ts";
import type { ChunkItem } from "../../shared/wire/frames.ts";
import type { CheckOutcome } from "../check/checker.ts";
import type { Opinion } from "./settle.ts";

/**
 * Whether an item should be looked at from another network (MAIL.md 4), and how. Null for most, and for those that were
 * sent here for just that: a third network is not asked. Hosts that could not be reached have their time before the next
 * attempt; where we were not wanted, the other network may ask at once.
 */
export function opinionOn(item: ChunkItem, outcome: CheckOutcome): Opinion | null {
  if (outcome.elsewhere !== true || (item.asked ?? []).length > 0) return null;
  const domain = addressFacts(item.email).address?.domain;
  if (domain === undefined) return null;
  if (outcome.kind === "final") return { item, domain, otherwise: { verdict: outcome.verdict } };
  const due = outcome.provisional.reason === "connect_failed" ? outcome.item.due : 0;
  return { item: { ...outcome.item, due }, domain, otherwise: { rest: outcome.item } };
}
