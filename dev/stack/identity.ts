import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newApiKey, newProbeToken, type ProbeToken } from "../../probe/admin/accounts.ts";

/** Who and what this installation of the local stack is: made on the first start, kept beside the data (0600). */
export type Identity = {
  readonly tenantId: string;
  readonly liveKey: string;
  readonly testKey: string;
  readonly probe: ProbeToken;
  /** 32 bytes, base64: seals webhook secrets. */
  readonly sealingKey: string;
  readonly controlSecret: string;
  readonly webhookEndpointId: string;
  readonly webhookSecret: string;
};

/** Reads the identity from the data folder, or makes one. */
export function readOrMakeIdentity(dataDir: string): Identity {
  const file = join(dataDir, "identity.json");
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Identity;
  const made: Identity = {
    tenantId: randomUUID(),
    liveKey: newApiKey("live"),
    testKey: newApiKey("test"),
    probe: newProbeToken(),
    sealingKey: randomBytes(32).toString("base64"),
    controlSecret: randomBytes(32).toString("hex"),
    webhookEndpointId: randomUUID(),
    webhookSecret: `whsec_${randomBytes(32).toString("base64")}`,
  };
  writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 });
  return made;
}
