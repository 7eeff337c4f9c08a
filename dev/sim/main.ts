/**
 * The hub's simulation: `npm run sim -- --seeds N` runs seeds 1..N (or `--from M`), `--seed S` replays one. The real
 * machines of hub and link run against a model of Postgres, sockets and time, through crashes, lost frames, lies and
 * clock jumps. Prints one line per violation and a summary; the exit code is 1 when there was any. `--sabotage tickets`
 * lets settle ignore the ticket, to see that the simulation would notice.
 */
import { parseArgs } from "node:util";
import { planOf } from "./plan.ts";
import { simulate } from "./world.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    sabotage: { type: "string" },
  },
});

const one = values.seed === undefined ? null : Number(values.seed);
const from = one ?? Number(values.from);
const until = one ?? from + Number(values.seeds) - 1;
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(until)) {
  process.stderr.write("sim: --seeds, --from and --seed take whole numbers\n");
  process.exit(2);
}

const sabotage = values.sabotage === "tickets" ? values.sabotage : null;
let violations = 0;
const total = { runs: 0, items: 0, steps: 0, leases: 0, stale: 0, virtualMs: 0 };
for (let seed = from; seed <= until; seed++) {
  const plan = planOf(seed);
  if (one !== null) process.stdout.write(`plan ${JSON.stringify(plan)}\n`);
  const report = simulate(plan, sabotage);
  for (const violation of report.violations) process.stdout.write(`violation seed=${seed} ${violation}\n`);
  violations += report.violations.length;
  total.runs += 1;
  total.items += report.items;
  total.steps += report.steps;
  total.leases += report.leases;
  total.stale += report.stale;
  total.virtualMs += report.virtualMs;
}
const hours = Math.round(total.virtualMs / 3_600_000);
process.stdout.write(
  `runs=${total.runs} violations=${violations} items=${total.items} leases=${total.leases} stale_settles=${total.stale} hub_steps=${total.steps} virtual_hours=${hours}\n`,
);
process.exitCode = violations > 0 ? 1 : 0;
