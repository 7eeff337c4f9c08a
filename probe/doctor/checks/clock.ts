import { fine, skip } from "../findings.ts";
import { CLOCK_FAIL_MS, CLOCK_WARN_MS } from "../limits.ts";
import type { DoctorCheck } from "../types.ts";

/** Deadlines of leases and callers travel as epoch milliseconds. */
export const clock: DoctorCheck = {
  id: "clock",
  title: "Clock",
  async run({ edge: answer }) {
    if (answer?.kind !== "answered" || answer.skewMs === null) return skip("no clock to compare with");
    const skew = Math.abs(answer.skewMs);
    // The Date header counts whole seconds.
    if (skew <= CLOCK_WARN_MS) return fine("within 2 s of the edge");
    const found = `${(skew / 1000).toFixed(1)} s ${answer.skewMs > 0 ? "behind" : "ahead of"} the edge`;
    const mend = "Keep time by NTP (timedatectl set-ntp true, or chrony).";
    return { state: skew > CLOCK_FAIL_MS ? "fail" : "warn", found, mend };
  },
};
