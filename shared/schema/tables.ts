import {
  bigint,
  boolean,
  customType,
  date,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  real,
  smallint,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

/**
 * The tables as the migrations make them, for typed statements. The migrations are the truth: constraints, indexes,
 * partitions and row-level security stand only there, and a test compares every column here with the database.
 */

const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const at = (name: string) => timestamp(name, { withTimezone: true });
const tenantId = () => uuid("tenant_id").notNull();
const createdAt = () => at("created_at").notNull().defaultNow();

// ---------------------------------------------------------------- tenants and keys

export const tenants = pgTable("tenants", {
  id: uuid("id").primaryKey(),
  name: text("name").notNull(),
  plan: text("plan", { enum: ["free", "starter", "pro", "enterprise"] })
    .notNull()
    .default("free"),
  options: jsonb("options").notNull().default({}),
  createdAt: createdAt(),
  deletedAt: at("deleted_at"),
});

export const apiKeys = pgTable("api_keys", {
  id: text("id").primaryKey(),
  tenantId: tenantId(),
  name: text("name").notNull(),
  mode: text("mode", { enum: ["live", "test"] }).notNull(),
  secretHash: bytea("secret_hash").notNull(),
  scopes: text("scopes").array().notNull().default([]),
  ipAllow: text("ip_allow").array().notNull().default([]),
  expiresAt: at("expires_at"),
  revokedAt: at("revoked_at"),
  lastUsedAt: at("last_used_at"),
  createdAt: createdAt(),
});

export const tenantRules = pgTable("tenant_rules", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  kind: text("kind", { enum: ["allow", "block"] }).notNull(),
  match: text("match", { enum: ["address", "domain", "pattern"] }).notNull(),
  value: text("value").notNull(),
  createdAt: createdAt(),
});

// ---------------------------------------------------------------- jobs and the work list

export const jobs = pgTable("jobs", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  parentId: uuid("parent_id"),
  keyId: text("key_id"),
  name: text("name").notNull().default(""),
  state: text("state", {
    enum: ["queued", "ingesting", "running", "paused", "finalising", "completed", "cancelled", "failed"],
  })
    .notNull()
    .default("queued"),
  lane: smallint("lane").notNull().default(2),
  mode: text("mode", { enum: ["edge", "dns", "full"] })
    .notNull()
    .default("full"),
  options: jsonb("options").notNull().default({}),
  sourceKind: text("source_kind", { enum: ["json", "csv", "xlsx", "items"] }).notNull(),
  sourceKey: text("source_key").notNull(),
  sourceColumn: text("source_column"),
  stagedRows: integer("staged_rows").notNull().default(0),
  checkpoint: jsonb("checkpoint").notNull().default({}),
  ingested: boolean("ingested").notNull().default(false),
  edgeDecided: integer("edge_decided").notNull().default(0),
  duplicates: integer("duplicates").notNull().default(0),
  summary: jsonb("summary"),
  error: text("error"),
  traceId: text("trace_id"),
  createdAt: createdAt(),
  startedAt: at("started_at"),
  finishedAt: at("finished_at"),
  tags: text("tags").array().notNull().default([]),
  deletedAt: at("deleted_at"),
});

export const uploads = pgTable("uploads", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  name: text("name").notNull().default(""),
  state: text("state", { enum: ["open", "ready", "used", "gone"] }).notNull(),
  objectKey: text("object_key").notNull(),
  bytes: bigint("bytes", { mode: "number" }).notNull(),
  partBytes: integer("part_bytes"),
  multipart: text("multipart"),
  parts: jsonb("parts").notNull().default({}),
  rowsGuess: integer("rows_guess"),
  jobId: uuid("job_id"),
  createdAt: createdAt(),
  expiresAt: at("expires_at").notNull(),
});

export const jobItems = pgTable(
  "job_items",
  {
    jobId: uuid("job_id").notNull(),
    rowNo: integer("row_no").notNull(),
    tenantId: tenantId(),
    email: text("email").notNull(),
    domain: text("domain"),
    dedupe: bytea("dedupe").notNull(),
    dupOf: integer("dup_of"),
    decided: boolean("decided").notNull().default(false),
    allowRule: text("allow_rule"),
    erased: boolean("erased").notNull().default(false),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.rowNo] })],
);

export const jobDomains = pgTable(
  "job_domains",
  {
    tenantId: tenantId(),
    domain: text("domain").notNull(),
    jobId: uuid("job_id").notNull(),
    at: at("at").notNull().defaultNow(),
    deliverable: integer("deliverable").notNull().default(0),
    undeliverable: integer("undeliverable").notNull().default(0),
    risky: integer("risky").notNull().default(0),
    unknown: integer("unknown").notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.domain, t.jobId] })],
);

export const chunks = pgTable("chunks", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  jobId: uuid("job_id").notNull(),
  kind: text("kind", { enum: ["job", "check"] }).notNull(),
  hub: text("hub").notNull(),
  lane: smallint("lane").notNull(),
  state: text("state", { enum: ["planned", "held", "out", "done"] })
    .notNull()
    .default("planned"),
  ticket: uuid("ticket").notNull().defaultRandom(),
  notBefore: at("not_before").notNull().defaultNow(),
  outAt: at("out_at"),
  domain: text("domain").notNull().default(""),
  options: jsonb("options").notNull().default({}),
  sticky: jsonb("sticky"),
  items: jsonb("items").notNull(),
  openItems: integer("open_items").notNull(),
  settled: integer("settled").notNull().default(0),
  deferred: integer("deferred").notNull().default(0),
  counts: jsonb("counts").notNull().default({}),
  keyId: text("key_id"),
  traceId: text("trace_id"),
  createdAt: createdAt(),
  doneAt: at("done_at"),
});

export const hubTurns = pgTable(
  "hub_turns",
  { hub: text("hub").notNull(), lane: smallint("lane").notNull(), afterTenant: uuid("after_tenant").notNull() },
  (t) => [primaryKey({ columns: [t.hub, t.lane] })],
);

// ---------------------------------------------------------------- verdicts

export const verdicts = pgTable(
  "verdicts",
  {
    jobId: uuid("job_id").notNull(),
    itemNo: integer("item_no").notNull(),
    tenantId: tenantId(),
    email: text("email").notNull(),
    emailHash: bytea("email_hash").notNull(),
    status: text("status", { enum: ["deliverable", "undeliverable", "risky", "unknown"] }).notNull(),
    reason: text("reason").notNull(),
    score: smallint("score").notNull(),
    detail: json("detail").notNull(),
    source: text("source", { enum: ["edge", "probe", "cache", "duplicate"] }).notNull(),
    keyId: text("key_id"),
    checkedAt: at("checked_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.itemNo] })],
);

// ---------------------------------------------------------------- webhooks

export const webhookEndpoints = pgTable("webhook_endpoints", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  url: text("url").notNull(),
  eventTypes: text("event_types").array().notNull(),
  secrets: jsonb("secrets").notNull(),
  state: text("state", { enum: ["active", "disabled"] })
    .notNull()
    .default("active"),
  description: text("description").notNull().default(""),
  createdAt: createdAt(),
});

export const events = pgTable("events", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  type: text("type").notNull(),
  payload: jsonb("payload").notNull(),
  traceId: text("trace_id"),
  createdAt: createdAt(),
});

export const deliveries = pgTable("deliveries", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  eventId: uuid("event_id").notNull(),
  endpointId: uuid("endpoint_id").notNull(),
  state: text("state", { enum: ["pending", "delivered", "dead"] })
    .notNull()
    .default("pending"),
  attempts: integer("attempts").notNull().default(0),
  nextAt: at("next_at").notNull().defaultNow(),
  lastStatus: integer("last_status"),
  lastError: text("last_error"),
  createdAt: createdAt(),
  finishedAt: at("finished_at"),
});

export const deliveryAttempts = pgTable(
  "delivery_attempts",
  {
    deliveryId: uuid("delivery_id").notNull(),
    attemptNo: integer("attempt_no").notNull(),
    tenantId: tenantId(),
    at: at("at").notNull(),
    durationMs: integer("duration_ms").notNull(),
    statusCode: integer("status_code"),
    error: text("error"),
    response: text("response"),
  },
  (t) => [primaryKey({ columns: [t.deliveryId, t.attemptNo] })],
);

// ---------------------------------------------------------------- money, usage, audit

export const creditLedger = pgTable("credit_ledger", {
  id: bigint("id", { mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
  tenantId: tenantId(),
  kind: text("kind", { enum: ["grant", "hold", "settle", "release"] }).notNull(),
  amount: bigint("amount", { mode: "number" }).notNull(),
  ref: uuid("ref").notNull(),
  at: at("at").notNull().defaultNow(),
});

export const cacheMarks = pgTable(
  "cache_marks",
  {
    tenantId: tenantId(),
    kind: text("kind", { enum: ["all", "domain", "email"] }).notNull(),
    value: text("value").notNull().default(""),
    at: at("at").notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.kind, t.value] })],
);

export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    tenantId: tenantId(),
    key: text("key").notNull(),
    route: text("route").notNull(),
    requestHash: bytea("request_hash").notNull(),
    state: text("state", { enum: ["started", "done", "open"] }).notNull(),
    resourceId: uuid("resource_id").notNull(),
    response: jsonb("response"),
    lockedUntil: at("locked_until").notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.key] })],
);

export const usageRecords = pgTable(
  "usage_records",
  {
    tenantId: tenantId(),
    ref: uuid("ref").notNull(),
    day: date("day").notNull(),
    keyId: text("key_id"),
    endpoint: text("endpoint").notNull(),
    emails: integer("emails").notNull(),
    billable: integer("billable").notNull(),
    smtpChecks: integer("smtp_checks").notNull(),
    at: at("at").notNull().defaultNow(),
    cacheHits: integer("cache_hits").notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.ref] })],
);

export const auditLog = pgTable("audit_log", {
  id: uuid("id").primaryKey(),
  tenantId: tenantId(),
  at: at("at").notNull(),
  actor: text("actor").notNull(),
  action: text("action").notNull(),
  target: text("target"),
  status: integer("status"),
  traceId: text("trace_id"),
  detail: jsonb("detail").notNull().default({}),
});

// ---------------------------------------------------------------- the fleet (no tenant)

export const domainFacts = pgTable(
  "domain_facts",
  {
    domain: text("domain").notNull(),
    host: text("host").notNull().default(""),
    fact: text("fact").notNull(),
    value: text("value").notNull(),
    confidence: real("confidence").notNull(),
    learnedAt: at("learned_at").notNull(),
    expiresAt: at("expires_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.domain, t.host, t.fact] })],
);

export const probeCredentials = pgTable("probe_credentials", {
  id: text("id").primaryKey(),
  region: text("region").notNull(),
  name: text("name").notNull(),
  secretHash: bytea("secret_hash").notNull(),
  revokedAt: at("revoked_at"),
  createdAt: createdAt(),
});

export const probeJoins = pgTable("probe_joins", {
  id: text("id").primaryKey(),
  region: text("region").notNull(),
  name: text("name").notNull(),
  secretHash: bytea("secret_hash").notNull(),
  expiresAt: at("expires_at").notNull(),
  usedAt: at("used_at"),
  createdAt: createdAt(),
});

export const probeQuarantines = pgTable(
  "probe_quarantines",
  {
    probeId: text("probe_id").notNull(),
    source: text("source").notNull().default(""),
    reason: text("reason").notNull(),
    since: at("since").notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.probeId, t.source] })],
);

export const hubLoads = pgTable("hub_loads", {
  hub: text("hub").primaryKey(),
  region: text("region").notNull(),
  shard: integer("shard").notNull(),
  probes: integer("probes").notNull(),
  room: bigint("room", { mode: "number" }).notNull(),
  seenAt: at("seen_at").notNull(),
  emptySince: at("empty_since"),
});
