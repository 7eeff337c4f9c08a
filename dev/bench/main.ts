/**
 * `npm run bench [-- NAME…]`: prints figures as NDJSON lines {"name","value","unit"}. Absolute figures depend on the
 * machine; ratios come from one run and are what to quote.
 */

// Standard output is for figures: the local Workers runtime keeps its notes to itself, and asks the internet nothing.
process.env.WRANGLER_LOG ??= "none";
process.env.CLOUDFLARE_CF_FETCH_ENABLED ??= "false";

type Emit = (name: string, value: number, unit: string) => void;
type Bench = () => Promise<{ bench(emit: Emit): Promise<void> }>;

const BENCHES: Readonly<Record<string, Bench>> = {
  address: () => import("./address.ts"),
  // Before the long lists of the edge, after which a small machine is slow for a while.
  probe: () => import("./probe.ts"),
  edge: () => import("./edge.ts"),
  database: () => import("./database.ts"),
  hub: () => import("./hub.ts"),
  courier: () => import("./courier.ts"),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  process.stderr.write(`bench: no bench named ${unknown.join(", ")}; there are: ${Object.keys(BENCHES).join(", ")}\n`);
  process.exit(2);
}

const SIGNIFICANT_DIGITS = 4;
const emit: Emit = (name, value, unit) => {
  process.stdout.write(`${JSON.stringify({ name, value: Number(value.toPrecision(SIGNIFICANT_DIGITS)), unit })}\n`);
};
for (const [name, load] of Object.entries(BENCHES)) {
  if (asked.length === 0 || asked.includes(name)) await (await load()).bench(emit);
}
