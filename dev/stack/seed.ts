import { Client } from "pg";
import { createTenant, inTenant, storeApiKey, storeProbeToken } from "../../probe/admin/accounts.ts";
import { ALL_OF_TENANT } from "../../shared/keys/scopes.ts";
import { EVENT_TYPES } from "../../shared/webhook/event.ts";
import type { SealedSecret } from "../../shared/webhook/sealed.ts";
import type { Identity } from "./identity.ts";

const CREDITS = 10_000_000;

export type Seed = {
  readonly identity: Identity;
  readonly region: string;
  readonly receiverUrl: string;
  readonly sealedSecret: SealedSecret;
};

/**
 * Puts a tenant with a live and a test key, credits, a probe's credential and the receiver's webhook endpoint into the
 * database of the local stack. Safe to repeat; the endpoint follows the receiver's address.
 */
export async function seed(appUrl: string, ownerUrl: string, what: Seed): Promise<void> {
  const { identity } = what;
  await connected(appUrl, async (db) => {
    await createTenant(db, { id: identity.tenantId, name: "Local", plan: "enterprise", credits: CREDITS });
    // Whoever runs the stack is its tenant and its operator.
    await storeApiKey(db, identity.tenantId, "local live", identity.liveKey, [ALL_OF_TENANT, "platform"]);
    await storeApiKey(db, identity.tenantId, "local test", identity.testKey);
    await inTenant(db, identity.tenantId, () =>
      db.query(
        `INSERT INTO webhook_endpoints (id, tenant_id, url, event_types, secrets, description)
         VALUES ($1, $2, $3, $4, $5, 'local receiver')
         ON CONFLICT (id) DO UPDATE SET url = excluded.url, secrets = excluded.secrets`,
        [
          identity.webhookEndpointId,
          identity.tenantId,
          what.receiverUrl,
          [...EVENT_TYPES],
          JSON.stringify([what.sealedSecret]),
        ],
      ),
    );
  });
  await connected(ownerUrl, (db) => storeProbeToken(db, what.region, "local probe", identity.probe));
}

async function connected(url: string, use: (db: Client) => Promise<void>): Promise<void> {
  const db = new Client({ connectionString: url });
  await db.connect();
  try {
    await use(db);
  } finally {
    await db.end();
  }
}
