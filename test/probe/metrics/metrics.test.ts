import { expect, test } from "vitest";
import type { Checker, CheckerOptions, CheckerStats } from "../../../probe/check/checker.ts";
import { measureChecker, measureSettler } from "../../../probe/metrics/measure.ts";
import { createMetrics } from "../../../probe/metrics/metrics.ts";
import { readMetricsConfig, serveMetrics } from "../../../probe/metrics/server.ts";
import type { Settlement } from "../../../probe/settle/settle.ts";
import { sandboxVerdict } from "../../../shared/verdict/sandbox.ts";

const STATS: CheckerStats = {
  running: 3,
  checked: 10,
  deferred: 1,
  connections: { open: 2, opened: 9, failed: 4 },
  dns: { queries: 7, hits: 70 },
  catchAll: { hits: 5, misses: 6 },
  breakers: [
    { operator: "mx.secret-customer.example", source: "192.0.2.1", state: "open", untilMs: 1 },
    { operator: "google", source: "192.0.2.1", state: "open", untilMs: 1 },
    { operator: "yahoo", source: "192.0.2.1", state: "half_open", untilMs: 1 },
  ],
};

const OPTIONS: CheckerOptions = {
  mode: "full",
  role_is_risky: false,
  transcript: false,
  signal: new AbortController().signal,
  deadlineMs: null,
  source: null,
  realTime: false,
};

const verdictOf = (reason: string) => {
  const verdict = sandboxVerdict(`${reason}@sandbox.test`, 0);
  if (verdict === null) throw new Error(reason);
  return verdict;
};

/** Answers every item with what its address says; "later" is deferred. */
const scripted: Checker = {
  async checkMany(items, _options, on) {
    for (const item of items) {
      const [reason = ""] = item.email.split("@");
      const provisional = verdictOf("greylisted");
      if (reason === "later") on(item, { kind: "deferred", item, provisional, source: "any" });
      else on(item, { kind: "final", verdict: verdictOf(reason) });
    }
  },
  stats: () => STATS,
  close: async () => undefined,
};

const items = (...reasons: string[]) =>
  reasons.map((reason, n) => ({ n, email: `${reason}@sandbox.test`, tries: 0, due: 0, first: 0 }));

test("verdicts are counted by status and reason, replies by stage and class, and reach the caller", async () => {
  const metrics = createMetrics(() => STATS);
  const seen: string[] = [];
  const reasons = ["accepted", "accepted", "mailbox-not-found", "greylisted", "later"];
  await measureChecker(scripted, metrics).checkMany(items(...reasons), OPTIONS, (item) => seen.push(item.email));
  expect(seen).toHaveLength(5);
  const text = await metrics.render();
  expect(text).toContain('mailsonar_verdicts_total{status="deliverable",reason="accepted"} 2');
  expect(text).toContain('mailsonar_verdicts_total{status="undeliverable",reason="mailbox_not_found"} 1');
  expect(text).toContain('mailsonar_replies_total{stage="rcpt",class="2xx"} 2');
  expect(text).toContain('mailsonar_replies_total{stage="rcpt",class="5xx"} 1');
  expect(text).toContain("mailsonar_deferred_total 1");
  expect(text).toContain('mailsonar_work_running{kind="chunk"} 0');
});

test("work is in hand until the checker is done, also when it fails", async () => {
  const metrics = createMetrics(() => STATS);
  const running: string[] = [];
  const failing: Checker = {
    ...scripted,
    async checkMany() {
      running.push(await metrics.render());
      throw new Error("broken");
    },
  };
  const call = measureChecker(failing, metrics).checkMany([], { ...OPTIONS, realTime: true }, () => undefined);
  await expect(call).rejects.toThrow("broken");
  expect(running[0]).toContain('mailsonar_work_running{kind="realtime"} 1');
  expect(await metrics.render()).toContain('mailsonar_work_running{kind="realtime"} 0');
});

test("a scrape shows the prober's own figures, however often it is repeated", async () => {
  const metrics = createMetrics(() => STATS);
  await metrics.render();
  const text = await metrics.render();
  expect(text).toContain("mailsonar_smtp_connections_opened_total 9");
  expect(text).toContain("mailsonar_dns_cache_hits_total 70");
  expect(text).toContain("mailsonar_addresses_running 3");
  expect(text).toContain('mailsonar_breakers{state="open"} 2');
  expect(text).toMatch(/nodejs_eventloop_lag/);
});

test("no domain, address or host stands in any label", async () => {
  const metrics = createMetrics(() => STATS);
  await measureChecker(scripted, metrics).checkMany(items("accepted"), OPTIONS, () => undefined);
  metrics.examined([{ id: "spf", title: "SPF", state: "fail", found: "example.org forbids 192.0.2.1", mend: "mend" }]);
  const text = await metrics.render();
  expect(text).toContain('mailsonar_doctor_check{check="spf"} 2');
  expect(text).not.toMatch(/@|192\.0\.2|sandbox\.test|secret-customer|example\.org/);
});

test("settlements are timed by outcome, abandoned ones too", async () => {
  const metrics = createMetrics(() => STATS);
  const settlement = { chunk: "c" } as Settlement;
  const reply = (outcome: "settled" | null) =>
    measureSettler(
      {
        settle: async () => (outcome === null ? null : { outcome, drained: false, job: null }),
        close: async () => undefined,
      },
      metrics,
    ).settle(settlement, new AbortController().signal);
  expect(await reply("settled")).toMatchObject({ outcome: "settled" });
  expect(await reply(null)).toBeNull();
  const text = await metrics.render();
  expect(text).toContain('mailsonar_settle_seconds_count{outcome="settled"} 1');
  expect(text).toContain('mailsonar_settle_seconds_count{outcome="abandoned"} 1');
});

test("the health of a probe is whether any hub has welcomed it", async () => {
  const metrics = createMetrics(() => STATS);
  const server = await serveMetrics({ address: "127.0.0.1", port: 0 }, metrics);
  const url = `http://127.0.0.1:${server.port}`;
  expect((await fetch(`${url}/healthz`)).status).toBe(503);
  metrics.welcomed();
  metrics.welcomed();
  metrics.lost(false);
  metrics.lost(true);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  metrics.lost(true);
  expect((await fetch(`${url}/healthz`)).status).toBe(503);
  expect(await (await fetch(`${url}/metrics`)).text()).toContain("mailsonar_hub_losses_total 3");
  expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(405);
  await server.close();
});

test("metrics are off unless a port is set, and on loopback unless an address is", () => {
  expect(readMetricsConfig({})).toEqual({ ok: true, value: null });
  expect(readMetricsConfig({ PROBE_METRICS_PORT: "9464" })).toMatchObject({ value: { address: "127.0.0.1" } });
  expect(readMetricsConfig({ PROBE_METRICS_PORT: "many" })).toMatchObject({ ok: false });
});
