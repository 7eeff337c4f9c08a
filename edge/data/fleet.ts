import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "./database.ts";

const offered = z.object({ region: z.string(), name: z.string(), expires_at: z.string() });

const joined = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("joined"), region: z.string(), name: z.string() }),
  z.object({ outcome: z.enum(["unknown", "expired", "used"]) }),
]);
export type Joined = z.infer<typeof joined>;

const quarantine = z.object({
  source: z.string().describe("Empty: the whole probe"),
  reason: z.string(),
  since: z.string(),
});

/** A probe as Postgres knows it. */
export const enrolledProbe = z.object({
  id: z.string(),
  region: z.string(),
  name: z.string(),
  created_at: z.string(),
  revoked_at: z.string().nullable(),
  quarantines: z.array(quarantine),
});
export type EnrolledProbe = z.infer<typeof enrolledProbe>;

type Offer = { readonly id: string; readonly region: string; readonly name: string };

/** The statements of the fleet's life: functions that role `dispatcher` may execute. Hashes are SHA-256 in hex. */
export type FleetData = {
  /** Offers a place under a join token. Returns when it lapses. */
  offer(place: Offer, joinHash: string, ttlS: number): Promise<string>;
  /** Offers a probe in service a new credential; null when there is none. */
  rotate(probe: string, joinHash: string, ttlS: number): Promise<z.infer<typeof offered> | null>;
  /** Spends a join token, once. */
  join(probe: string, joinHash: string, ownHash: string): Promise<Joined>;
  /** These three: false when there is no such probe, or nothing to release. */
  revoke(probe: string): Promise<boolean>;
  quarantine(probe: string, source: string, reason: string): Promise<boolean>;
  release(probe: string, source: string): Promise<boolean>;
  /** Source addresses of a probe that are in quarantine. */
  quarantinedSources(probe: string): Promise<string[]>;
  /** Newest first. */
  list(most: number): Promise<EnrolledProbe[]>;
};

/** Binds the statements to a database; each call is one round trip. */
export function createFleetData(db: Pick<Database, "dispatcher">): FleetData {
  const said = async (statement: Parameters<Database["dispatcher"]>[0]): Promise<boolean> =>
    (await db.dispatcher(statement))[0]?.done === true;
  return {
    async offer({ id, region, name }, joinHash, ttlS) {
      const [row] = await db.dispatcher(
        sql`select to_json(offer_probe(${id}, ${region}, ${name}, ${joinHash}, ${ttlS})) as expires_at`,
      );
      return z.string().parse(row?.expires_at);
    },
    async rotate(probe, joinHash, ttlS) {
      const [row] = await db.dispatcher(sql`select rotate_probe(${probe}, ${joinHash}, ${ttlS}) as offer`);
      return row?.offer == null ? null : offered.parse(row.offer);
    },
    async join(probe, joinHash, ownHash) {
      const [row] = await db.dispatcher(sql`select join_probe(${probe}, ${joinHash}, ${ownHash}) as outcome`);
      return joined.parse(row?.outcome);
    },
    revoke: (probe) => said(sql`select revoke_probe(${probe}) as done`),
    quarantine: (probe, source, reason) => said(sql`select quarantine_probe(${probe}, ${source}, ${reason}) as done`),
    release: (probe, source) => said(sql`select release_probe(${probe}, ${source}) as done`),
    async quarantinedSources(probe) {
      const [row] = await db.dispatcher(sql`select probe_credential(${probe}) as credential`);
      return z.object({ quarantined_sources: z.array(z.string()) }).parse(row?.credential).quarantined_sources;
    },
    async list(most) {
      const rows = await db.dispatcher(sql`select list_probes(${most}) as probe`);
      return rows.map((row) => enrolledProbe.parse(row.probe));
    },
  };
}
