import type { Personality } from "../types.ts";
import { SOFTWARE } from "./software.ts";

/** Every personality of the catalogue. */
export function personalities(): readonly Personality[] {
  return SOFTWARE;
}
