import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HubStand, startHub } from "../../../dev/hub/stand.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";

const MAIN = fileURLToPath(new URL("../../../probe/main.ts", import.meta.url));

let database: TestDatabase;
let hub: HubStand;
const children: ChildProcess[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  hub = await startHub(database);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
afterAll(async () => {
  await hub.close();
  await database.drop();
});

/** `mailsonar run` as an operator starts it. */
function run(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, "run"], {
    env: {
      PATH: process.env.PATH ?? "",
      EDGE_URL: hub.url,
      PROBE_TOKEN: hub.token,
      PROBE_REGION: "eu",
      PROBE_HELO_NAME: "probe.example",
      PROBE_DNS_SERVERS: "127.0.0.1:1",
      PROBE_ALLOW_PRIVATE_NETWORKS: "1",
      DATABASE_URL: database.roleUrl("probe"),
      ...env,
    },
  });
  children.push(child);
  const lines: Record<string, unknown>[] = [];
  let complaint = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaint += bytes.toString();
  });
  const out = createInterface({ input: child.stdout });
  out.on("line", (line) => lines.push(JSON.parse(line)));
  return {
    child,
    lines,
    /** Resolves with the log line of that message. */
    async logged(message: string): Promise<Record<string, unknown>> {
      for (;;) {
        const found = lines.find((line) => line.msg === message);
        if (found !== undefined) return found;
        await once(out, "line");
      }
    },
    async exit(): Promise<{ code: number | null; complaint: string }> {
      if (child.exitCode === null) await once(child, "exit");
      return { code: child.exitCode, complaint };
    },
  };
}

test("a probe says ready when the hub has welcomed it, and leaves with 0 on SIGTERM", async () => {
  const probe = run({});
  expect(await probe.logged("ready")).toMatchObject({ level: "info", probe: "p1", region: "eu" });
  expect((await hub.call("view")).probes).toMatchObject([{ id: "p1", state: "online" }]);
  probe.child.kill("SIGTERM");
  expect(await probe.exit()).toEqual({ code: 0, complaint: "" });
  expect(probe.lines.at(-1)).toMatchObject({ msg: "drained" });
});

test("a refused token ends it with 3 and one clear line", async () => {
  const { code, complaint } = await run({ PROBE_TOKEN: `pt_p1_${"x".repeat(32)}` }).exit();
  expect(code).toBe(3);
  expect(complaint).toBe(
    "mailsonar: the hub refuses this probe: the edge answered 401: The probe token is not known.\n",
  );
});

test.each([
  ["EDGE_URL", "EDGE_URL is missing: where is the API?"],
  ["PROBE_TOKEN", "PROBE_TOKEN is missing"],
  ["DATABASE_URL", "DATABASE_URL is missing (role probe)"],
])("without %s it says so and ends with 2", async (name, line) => {
  expect(await run({ [name]: "" }).exit()).toEqual({ code: 2, complaint: `mailsonar: ${line}\n` });
});

test("an edge that is not there is waited for, and SIGTERM ends the waiting", async () => {
  const probe = run({ EDGE_URL: "http://127.0.0.1:9" });
  await probe.logged("hub away");
  probe.child.kill("SIGTERM");
  expect(await probe.exit()).toEqual({ code: 0, complaint: "" });
});

test("neither token nor address nor password reaches the log", async () => {
  const probe = run({ EDGE_URL: "http://127.0.0.1:9", PROBE_HELO_NAME: "probe.example", LOG_LEVEL: "debug" });
  await probe.logged("hub away");
  probe.child.kill("SIGTERM");
  await probe.exit();
  const text = JSON.stringify(probe.lines);
  expect(text).not.toContain(hub.token);
  expect(text).not.toContain(new URL(database.roleUrl("probe")).password);
});
