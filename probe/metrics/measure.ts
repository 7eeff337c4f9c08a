import type { Checker } from "../check/checker.ts";
import type { Settler } from "../settle/settle.ts";
import type { Metrics } from "./metrics.ts";

/** The same checker, counting what comes out of it. */
export function measureChecker(checker: Checker, metrics: Metrics): Checker {
  return {
    stats: () => checker.stats(),
    close: () => checker.close(),
    async checkMany(items, options, on) {
      const kind = options.realTime ? "realtime" : "chunk";
      metrics.work(kind, 1);
      try {
        await checker.checkMany(items, options, (item, outcome) => {
          if (outcome.kind === "final") metrics.verdict(outcome.verdict);
          else metrics.deferred();
          on(item, outcome);
        });
      } finally {
        metrics.work(kind, -1);
      }
    },
  };
}

/** The same settler, timing each settlement. */
export function measureSettler(settler: Settler, metrics: Metrics): Settler {
  return {
    close: () => settler.close(),
    async settle(settlement, signal) {
      const startedMs = performance.now();
      const reply = await settler.settle(settlement, signal);
      metrics.settled(reply?.outcome ?? "abandoned", performance.now() - startedMs);
      return reply;
    },
  };
}
