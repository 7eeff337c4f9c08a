import { z } from "zod";

/**
 * Messages of the `work` queue. Postgres is the work list: a message only says where to look, so losing one costs a
 * minute (the sweep looks everywhere) and getting one twice costs nothing.
 */
const wake = z.object({ kind: z.literal("wake"), hub: z.string().min(1).max(128) });

/** The job seems to have no open chunk left; whoever reads this looks for itself. */
const finalise = z.object({ kind: z.literal("finalise"), tenant: z.uuid(), job: z.uuid() });

export const workMessage = z.discriminatedUnion("kind", [wake, finalise]);
export type WorkMessage = z.infer<typeof workMessage>;
