import { z } from "zod";
import { CHUNK_MAX_ITEMS, FRAME_MAX_BYTES } from "../limits.ts";
import { err, ok, type Result } from "../result.ts";
import { verdictSchema } from "../verdict/schema.ts";
import type { Verdict } from "../verdict/types.ts";
import { MODES } from "../verdict/vocabulary.ts";

/**
 * The protocol between hub and probe: JSON text frames over one WebSocket, each with a type `t`.
 * docs/WIRE.md tells it as a story. A peer that speaks another major version is refused at hello.
 */
export const WIRE_VERSION = 1;

/** Close codes of our own (RFC 6455 section 7.4.2 leaves 4000-4999 to applications). */
export const CLOSE = {
  badFrame: 4400,
  badToken: 4401,
  badVersion: 4406,
  silent: 4408,
  replaced: 4409,
  flood: 4429,
  drained: 4200,
} as const;

const id = z.string().min(1).max(64);
const count = z.int().min(0).max(1_000_000);
/** W3C trace id of the request that caused the work: 32 hex digits. */
const trace = z.string().max(64).optional();

/** Work lanes in order of urgency. Real-time has slots of its own; the others share the bulk window. */
export const LANES = ["realtime", "high", "normal", "low"] as const;
export type Lane = (typeof LANES)[number];

/** What a chunk remembers of a deferred address: attempts made, and the refusal to compare the next one with. */
const chunkItem = z.object({
  /** Item number within its job (row number of the list). */
  n: z.int().min(0),
  email: z.string().max(2_000),
  /** SMTP attempts already made. */
  tries: z.int().min(0).max(100).default(0),
  /** Epoch ms before which the item must not be asked again; 0 when due. */
  due: z.number().min(0).default(0),
  /** Epoch ms of the first attempt, 0 before it. */
  first: z.number().min(0).default(0),
  /** Fingerprint of the last temporary refusal (MAIL.md 2: the same words again mean not found). */
  last: z.string().max(200).optional(),
  /** Id of the tenant's allow rule that matched: a disposable or mistyped domain is asked all the same. */
  allow_rule: z.string().max(64).optional(),
  /** Regions that were asked already and want a second opinion: it is not passed on again. */
  asked: z.array(id).max(8).optional(),
});
export type ChunkItem = z.infer<typeof chunkItem>;

/** A deferred item keeps its source address and sender, or greylisting starts over. */
const stickySchema = z.object({ probe: id, source: z.string().max(64) });
export type Sticky = z.infer<typeof stickySchema>;

const checkOptions = z.object({
  mode: z.enum(MODES).default("full"),
  role_is_risky: z.boolean().default(false),
  transcript: z.boolean().default(false),
  /** The same for a check of one address, whose task has no items. */
  allow_rule: z.string().max(64).optional(),
});
export type CheckOptions = z.infer<typeof checkOptions>;

const sourceAddress = z.object({ address: z.string().max(64), helo: z.string().max(255) });

// ---------------------------------------------------------------- probe -> hub

const heldLease = z.object({ chunk: id, lease: z.int() });
const leaseHead = heldLease.extend({ t: z.literal("lease") });
export type HeldLease = z.infer<typeof heldLease>;

const hello = z.object({
  t: z.literal("hello"),
  v: z.int(),
  probe: id,
  build: z.string().max(64),
  region: id,
  sources: z.array(sourceAddress).max(256),
  slots: count,
  window: count,
  capabilities: z.array(z.string().max(64)).max(64),
  /** Leases still in hand after a reconnect. */
  leases: z.array(heldLease).max(10_000),
});

/** Credits as an absolute window: the hub subtracts what is leased, so lost or repeated frames cannot drift. */
const pull = z.object({ t: z.literal("pull"), window: count, slots: count });

const doneItem = z.object({
  chunk: id,
  lease: z.int(),
  /**
   * `settled`: every item has its verdict. `rest`: some were planned again. `stale`: the ticket was no longer ours.
   * `failed`: the database refused what we found; somebody else has to try.
   */
  outcome: z.enum(["settled", "rest", "stale", "failed"]),
  /** The job of the chunk has no open chunk left, as far as its settle could see. */
  drained: z.boolean().default(false),
  job: id.optional(),
  /** Epoch ms at which the rest is due: the hub looks for it then. */
  again: z.number().min(0).optional(),
});
export type DoneItem = z.infer<typeof doneItem>;
const done = z.object({ t: z.literal("done"), items: z.array(doneItem).min(1).max(1_000) });

/** Work handed back untouched. */
const nack = z.object({
  t: z.literal("nack"),
  items: z
    .array(z.object({ chunk: id, lease: z.int(), why: z.string().max(200) }))
    .min(1)
    .max(1_000),
});

const verdict: z.ZodType<Verdict> = verdictSchema;
/** `elsewhere`: the trouble may be about the probe's own network, so another region may be asked. */
const answer = z.object({ t: z.literal("answer"), task: id, verdict, elsewhere: z.boolean().optional() });
const decline = z.object({ t: z.literal("decline"), task: id, why: z.string().max(200) });
const beat = z.object({
  t: z.literal("beat"),
  sent: z.number(),
  /** Addresses held in bulk, and real-time checks running. */
  held: count,
  running: count,
  /** Every lease in hand. The hub gives up those it granted two heartbeats ago and that are not here. */
  leases: z.array(heldLease).max(10_000).optional(),
  /** What the probe says of itself, for the operator's view: counters and breakers. At most a few KB. */
  report: z.record(z.string().max(64), z.json()).optional(),
});
const draining = z.object({ t: z.literal("draining") });

const fromProbe = z.discriminatedUnion("t", [hello, pull, done, nack, answer, decline, beat, draining]);
export type ProbeFrame = z.infer<typeof fromProbe>;

// ---------------------------------------------------------------- hub -> probe

const welcome = z.object({
  t: z.literal("welcome"),
  v: z.int(),
  session: id,
  beat_ms: count,
  grace_ms: count,
  /** Hubs of this region: a probe shares its window among all of them. */
  shards: z.int().min(1).max(1_000).optional(),
});

const lease = z.object({
  t: z.literal("lease"),
  chunk: id,
  lease: z.int(),
  ticket: z.string().min(1).max(64),
  lane: z.enum(LANES),
  /** Epoch ms at which the lease lapses unless a heartbeat renews it. */
  deadline: z.number(),
  sticky: stickySchema.nullable(),
  options: checkOptions,
  trace,
  items: z.array(chunkItem).min(1).max(CHUNK_MAX_ITEMS),
});
export type LeaseFrame = z.infer<typeof lease>;

const task = z.object({
  t: z.literal("task"),
  task: id,
  email: z.string().max(2_000),
  /** Epoch ms by which the caller wants an answer. */
  deadline: z.number(),
  options: checkOptions,
  trace,
});
export type TaskFrame = z.infer<typeof task>;

/** The caller has left with a 202: settle the answer under this chunk instead of sending it back. */
const detach = z.object({
  t: z.literal("detach"),
  task: id,
  chunk: id,
  lease: z.int(),
  ticket: z.string().min(1).max(64),
});
export type DetachFrame = z.infer<typeof detach>;

const drain = z.object({ t: z.literal("drain"), why: z.string().max(200) });
/** Source addresses that an operator has taken out of service: all of them, each time. For probes with the capability. */
const quarantine = z.object({ t: z.literal("quarantine"), sources: z.array(z.string().max(64)).max(256) });
const refuse = z.object({ t: z.literal("refuse"), code: z.string().max(64), why: z.string().max(400) });
const beatBack = z.object({ t: z.literal("beat"), sent: z.number() });

const fromHub = z.discriminatedUnion("t", [welcome, lease, task, detach, drain, quarantine, refuse, beatBack]);
export type HubFrame = z.infer<typeof fromHub>;

export type FrameError = {
  readonly kind: "too_long" | "not_json" | "bad_version" | "bad_shape";
  readonly message: string;
  /** The lease in an unreadable lease frame: it can be handed back, where closing would bring it again for ever. */
  readonly lease?: HeldLease;
};

/**
 * Parses a frame that a probe sent. The error's message names the field; it never quotes the content. A hello of
 * another version is `bad_version` whatever else it holds: its shape is that version's business.
 */
export function parseProbeFrame(text: string): Result<ProbeFrame, FrameError> {
  const value = parseJson(text);
  if (!value.ok) return value;
  const version = versionOf(value.value);
  if (version !== null && version !== WIRE_VERSION) {
    return err({ kind: "bad_version", message: `version ${version} is not ${WIRE_VERSION}` });
  }
  return shaped(fromProbe, value.value);
}

/** Parses a frame that a hub sent. */
export function parseHubFrame(text: string): Result<HubFrame, FrameError> {
  const value = parseJson(text);
  if (!value.ok) return value;
  const frame = shaped(fromHub, value.value);
  if (frame.ok) return frame;
  const held = leaseHead.safeParse(value.value);
  return held.success ? err({ ...frame.error, lease: { chunk: held.data.chunk, lease: held.data.lease } }) : frame;
}

/** The version of a hello, which is all of it that every version agrees on; null for other frames. */
function versionOf(frame: unknown): number | null {
  if (typeof frame !== "object" || frame === null || !("t" in frame) || frame.t !== "hello") return null;
  return "v" in frame && typeof frame.v === "number" ? frame.v : null;
}

function parseJson(text: string): Result<unknown, FrameError> {
  if (text.length > FRAME_MAX_BYTES) return err({ kind: "too_long", message: "frame is too long" });
  try {
    return ok(JSON.parse(text));
  } catch {
    return err({ kind: "not_json", message: "frame is not JSON" });
  }
}

function shaped<T>(schema: z.ZodType<T>, value: unknown): Result<T, FrameError> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err({ kind: "bad_shape", message: `${issue?.path.join(".") || "frame"}: ${issue?.message ?? "invalid"}` });
}
