import { z } from "zod";
import type { Verdict } from "./types.ts";
import { RATINGS, REASONS, STAGES, STATUSES, TRI_STATES } from "./vocabulary.ts";

const reasonSchema = z.enum(REASONS);

const flagsSchema = z.object({
  disposable: z.boolean(),
  role: z.boolean(),
  free: z.boolean(),
  privacy_relay: z.boolean(),
  catch_all: z.enum(TRI_STATES),
  catch_all_confidence: z.number().min(0).max(1).nullable(),
  mailbox_full: z.boolean(),
  disabled: z.boolean(),
  no_reply: z.boolean(),
  tagged: z.boolean(),
  forwarded: z.boolean(),
  moved: z.boolean(),
  soft_code: z.boolean(),
  exists: z.boolean(),
});

const evidenceSchema = z.object({
  code: z.number().int().nullable().describe("SMTP reply code"),
  enhanced_code: z.string().nullable().describe("Enhanced status code (RFC 3463)"),
  text: z.string().nullable().describe("What the server said, addresses taken out"),
  stage: z.enum(STAGES).nullable(),
  host: z.string().nullable(),
  rule: z.string().nullable().describe("The rule that decided"),
  tls: z.string().nullable(),
  detail: z.string().nullable().describe("Why the text of the address decided, in words"),
  factors: z.array(z.object({ name: z.string(), weight: z.number().describe("Log-odds") })),
  transcript: z
    .array(z.string())
    .nullable()
    .exactOptional()
    .describe("What was said on the wire, addresses taken out, where the caller asked for it"),
});

/** The flat verdict on the wire, in exports and in the API's description. */
export const verdictSchema = z.object({
  email: z.string(),
  status: z.enum(STATUSES),
  reason: reasonSchema,
  reasons: z.array(reasonSchema),
  score: z.number().int().min(0).max(100).describe("Chance in per cent that mail does not bounce at the recipient"),
  rating: z.enum(RATINGS),
  score_version: z.string(),
  safe_to_send: z.boolean(),
  flags: flagsSchema,
  did_you_mean: z.string().nullable(),
  mx: z.string().nullable(),
  provider: z.string().nullable(),
  probe_region: z.string().nullable(),
  checked_at: z.string().describe("RFC 3339, UTC"),
  cached: z.boolean(),
  retry_after: z.number().int().min(0).nullable().describe("Seconds after which asking again makes sense"),
  evidence: evidenceSchema,
}) satisfies z.ZodType<Verdict>;
