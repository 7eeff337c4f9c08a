import { totalmem } from "node:os";
import { fail, fine, warn } from "../findings.ts";
import { MEMORY_FAIL_BYTES, MEMORY_WARN_BYTES } from "../limits.ts";
import type { DoctorCheck } from "../types.ts";

/** What this process may use: the machine's memory or its control group's share, whichever is less. */
export const memory: DoctorCheck = {
  id: "memory",
  title: "Memory",
  async run() {
    const constrained = process.constrainedMemory();
    const most = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
    const free = Math.min(most, process.availableMemory() + process.memoryUsage.rss());
    const found = `${mib(most)} MiB, of which ${mib(free)} MiB for this process`;
    const mend = "Give the probe at least 512 MiB.";
    if (free < MEMORY_FAIL_BYTES) return fail(found, mend);
    return free < MEMORY_WARN_BYTES ? warn(found, mend) : fine(found);
  },
};

const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
