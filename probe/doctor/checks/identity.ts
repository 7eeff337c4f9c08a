import { fine, skip, warn } from "../findings.ts";
import type { DoctorCheck } from "../types.ts";

/** Whoever finds our address in a log must be able to find out who we are (MAIL.md 7, E1). */
export const identity: DoctorCheck = {
  id: "identity_page",
  title: "Identity page",
  async run({ config, identityPort }) {
    if (identityPort !== null) return fine(`served on port ${identityPort}`);
    if (config.allowPrivateNetworks) return skip("private networks need none");
    return warn("there is none", "Set PROBE_HTTP_PORT=80, PROBE_OPERATOR_NAME and PROBE_ABUSE_CONTACT.");
  },
};
