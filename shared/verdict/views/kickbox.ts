import type { Verdict } from "../types.ts";
import { acceptsAll, foreignWords, halves } from "./table.ts";

/** A verdict as the body of Kickbox's `/v2/verify`. `sendex` is our score as a fraction. */
export const kickboxView = (verdict: Verdict) => {
  const { state, stateReason } = foreignWords(verdict);
  return {
    result: state,
    reason: stateReason,
    role: verdict.flags.role,
    free: verdict.flags.free,
    disposable: verdict.flags.disposable,
    accept_all: acceptsAll(verdict),
    did_you_mean: verdict.did_you_mean,
    sendex: verdict.score / 100,
    email: verdict.email,
    ...halves(verdict.email),
    success: true,
    message: null,
  };
};
