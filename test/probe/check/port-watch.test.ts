import { expect, it } from "vitest";
import { PortWatch } from "../../../probe/check/port-watch.ts";

it("many silent hosts and no success mean that our port is blocked; one success ends the suspicion for good", () => {
  const watch = new PortWatch();
  for (let i = 0; i < 19; i += 1) watch.timedOut(`mx${i}.net`);
  for (let i = 0; i < 50; i += 1) watch.timedOut("mx0.net");
  expect(watch.isBlocked).toBe(false);
  watch.timedOut("mx19.net");
  expect(watch.isBlocked).toBe(true);
  watch.worked();
  for (let i = 0; i < 50; i += 1) watch.timedOut(`mx${i}.net`);
  expect(watch.isBlocked).toBe(false);
});
