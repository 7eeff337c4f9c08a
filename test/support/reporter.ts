import { writeSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** Ends the run's output with one plain line, `N passed, N failed` and `, N skipped` when any were. */
export class PlainLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++;
      // A file that does not load, or a hook that fails, has no test to blame.
      if (module.errors().length > 0) count.failed++;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) count.failed++;
    }
    const skipped = count.skipped + count.pending;
    const line = `${count.passed} passed, ${count.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`;
    // At exit, so that nothing comes after it.
    process.once("exit", () => writeSync(1, line));
  }
}
