import { readFile } from "node:fs/promises";
import { CONNECTIONS_MAX } from "../../limits.ts";
import { fail, fine, skip, warn } from "../findings.ts";
import { FILES_BESIDE_CONNECTIONS } from "../limits.ts";
import type { DoctorCheck } from "../types.ts";

/** Every SMTP connection is a file descriptor; without room, dialling fails as if hosts were dead. */
export const files: DoctorCheck = {
  id: "file_descriptors",
  title: "File descriptors",
  async run() {
    const text = await readFile("/proc/self/limits", "utf8").catch(() => "");
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
    if (soft === undefined) return skip("this system does not tell");
    const limit = soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
    const mend = "Raise the limit: LimitNOFILE=65536 in the systemd unit, or ulimit -n.";
    if (limit < CONNECTIONS_MAX) return fail(`at most ${soft}, fewer than the ${CONNECTIONS_MAX} connections`, mend);
    if (limit < CONNECTIONS_MAX + FILES_BESIDE_CONNECTIONS) return warn(`at most ${soft}, which is tight`, mend);
    return fine(`at most ${soft}`);
  },
};
