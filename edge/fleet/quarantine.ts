import ipaddr from "ipaddr.js";
import { z } from "zod";
import { createFleetData } from "../data/fleet.ts";
import type { Services } from "../services.ts";
import { atHubsOf } from "./hubs.ts";
import { REASON_MAX_CHARS } from "./limits.ts";

type Reach = Pick<Services, "env" | "database">;

/** Why somebody gives an order, for whoever reads the list later. */
export const reasonSchema = z.string().trim().min(1).max(REASON_MAX_CHARS);
export const sourceSchema = z.string().refine((text) => ipaddr.isValid(text), "an IP address");

/**
 * Takes a probe out of service, or one of its source addresses, and tells its connections.
 * @returns how many connections were told; null when there is no such probe
 */
export async function quarantine(
  reach: Reach,
  id: string,
  source: string | undefined,
  reason: string,
): Promise<number | null> {
  const stored = await createFleetData(reach.database).quarantine(id, source ?? "", reason);
  if (!stored) return null;
  if (source !== undefined) return tellSources(reach, id);
  return atHubsOf(reach.env, id, (hub, instance) => hub.drain(instance, `quarantine: ${reason}`.slice(0, 200)));
}

/** Tells the probe the whole set of its addresses in quarantine, so that a lost frame does not matter for long. */
export async function tellSources({ env, database }: Reach, id: string): Promise<number> {
  const sources = await createFleetData(database).quarantinedSources(id);
  return atHubsOf(env, id, (hub, instance) => hub.quarantine(instance, sources));
}
