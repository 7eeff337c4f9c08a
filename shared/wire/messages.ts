import { z } from "zod";
import { verdictSchema } from "../verdict/schema.ts";

/**
 * Messages of the `work` queue. Postgres is the work list: a message only says where to look, so losing one costs a
 * minute (the sweep looks everywhere) and getting one twice costs nothing.
 */
const wake = z.object({ kind: z.literal("wake"), hub: z.string().min(1).max(128) });

/** The job seems to have no open chunk left; whoever reads this looks for itself. */
const finalise = z.object({ kind: z.literal("finalise"), tenant: z.uuid(), job: z.uuid() });

export const workMessage = z.discriminatedUnion("kind", [wake, finalise]);
export type WorkMessage = z.infer<typeof workMessage>;

/** Queue `ingest`: take this job's list in, from its checkpoint on. */
export const ingestMessage = z.object({ kind: z.literal("ingest"), tenant: z.uuid(), job: z.uuid() });

/** One real-time answer that was given: verdict, usage and audit in one. */
export const answerRecord = z.object({
  /** The check's id, UUIDv7. */
  id: z.uuid(),
  tenant: z.uuid(),
  key: z.string().min(1).max(64),
  /** `duplicate`: the answer of another address of the same batch. */
  source: z.enum(["edge", "probe", "cache", "duplicate"]),
  /** Credits that the answer costs: 0 or 1. */
  billable: z.int().min(0).max(1),
  trace: z.string().max(64),
  verdict: verdictSchema,
});
export type AnswerRecord = z.infer<typeof answerRecord>;

/** Queue `results`: answers that one isolate gave within a few milliseconds, of any tenants. */
export const resultsMessage = z.object({ kind: z.literal("answers"), records: z.array(z.unknown()).max(1_000) });
