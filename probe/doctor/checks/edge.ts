import { fail, fine, skip } from "../findings.ts";
import type { DoctorCheck } from "../types.ts";

/** Without the edge there is no work; with a token it does not know, neither. */
export const edge: DoctorCheck = {
  id: "edge",
  title: "Edge and token",
  async run({ config, edge: answer }) {
    if (answer === null) return skip("EDGE_URL is not set");
    if (answer.kind === "unreachable") {
      return fail(`${config.edgeUrl} cannot be reached: ${answer.detail}`, "Check EDGE_URL and outbound HTTPS.");
    }
    if (config.token === null) return fail("PROBE_TOKEN is not set", "Enrol the probe: mailsonar enroll.");
    if (answer.status === 200) return fine(`${config.edgeUrl} knows this probe`);
    if (answer.status === 401) {
      return fail(`the token is refused: ${answer.detail}`, "Ask an operator for a join token and enrol again.");
    }
    return fail(`${config.edgeUrl} answers ${answer.status}: ${answer.detail}`, "Look at the edge's /health.");
  },
};
