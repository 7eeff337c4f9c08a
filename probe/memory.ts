import { setFlagsFromString } from "node:v8";

/**
 * Tells the JavaScript engine how this program lives: crowds of objects that come and go together. Left alone it lets
 * garbage grow to several times of what is alive, and takes the first crowd for objects that live long: from then on it
 * makes their like in the old generation, where a sweep costs about twice what it saves. To be called before the first
 * check.
 */
export function steadyMemory(): void {
  // The old generation is swept at half as much again.
  setFlagsFromString("--heap-growing-percent=50");
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/**
 * The same for one list on a machine that has other things to do: the young generation keeps its size as well, at the
 * price of more work, so that a million addresses take hardly more room than ten thousand.
 */
export function keepMemoryFlat(): void {
  steadyMemory();
  setFlagsFromString("--semi-space-growth-factor=1");
}
