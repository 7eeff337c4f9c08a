/**
 * Ends what the local stack started if the stack itself is killed. It reads "+pid" and "-pid" lines on its
 * standard input; when the input ends, every process group still listed is asked to stop, then made to.
 */
import { createInterface } from "node:readline";

const STOP_WITHIN_MS = 4_000;
const POLL_MS = 50;
const listed = new Set<number>();

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, name);
      return true;
    } catch {
      // Not a group leader, or gone: try the process itself.
    }
  }
  return false;
}

// Ctrl-C reaches the whole foreground group; this process has to outlive the stack.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) listed.add(pid);
  else listed.delete(pid);
}

for (const pid of listed) signal(pid, "SIGTERM");
const deadline = Date.now() + STOP_WITHIN_MS;
while ([...listed].some((pid) => signal(pid, 0)) && Date.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
for (const pid of listed) if (signal(pid, 0)) signal(pid, "SIGKILL");
