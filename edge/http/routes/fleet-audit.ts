import { sql } from "drizzle-orm";
import { uuidv7 } from "../../ids.ts";
import type { KeyedCall } from "../endpoint.ts";

/** Writes an operator's deed into the audit log of the operator's tenant. */
export async function auditDeed(call: KeyedCall, action: string, target: string, detail: object = {}): Promise<void> {
  const { key } = call.caller;
  await call.services.database.tenant(key.tenant_id, [
    sql`insert into audit_log (id, tenant_id, at, actor, action, target, trace_id, detail)
        values (${uuidv7(call.startedMs)}, ${key.tenant_id}, now(), ${`key:${key.id}`}, ${action}, ${target},
                ${call.trace.traceId}, ${JSON.stringify(detail)}::jsonb)`,
  ]);
}
