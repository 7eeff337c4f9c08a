import type { Verdict } from "../types.ts";
import { acceptsAll, foreignWords, halves } from "./table.ts";

const tagOf = (user: string): string | null => {
  const plus = user.indexOf("+");
  return plus < 0 ? null : user.slice(plus + 1);
};

/** A verdict as the body of Emailable's `/v1/verify`. What we do not look up about a person is null. */
export const emailableView = (verdict: Verdict, durationSeconds: number) => {
  const { state, stateReason, emailableReason } = foreignWords(verdict);
  const { user, domain } = halves(verdict.email);
  return {
    accept_all: acceptsAll(verdict),
    did_you_mean: verdict.did_you_mean,
    disposable: verdict.flags.disposable,
    domain,
    duration: durationSeconds,
    email: verdict.email,
    first_name: null,
    free: verdict.flags.free,
    full_name: null,
    gender: null,
    last_name: null,
    mailbox_full: verdict.flags.mailbox_full,
    mx_record: verdict.mx,
    no_reply: verdict.flags.no_reply,
    reason: emailableReason ?? stateReason,
    role: verdict.flags.role,
    score: verdict.score,
    smtp_provider: verdict.provider,
    state,
    tag: tagOf(user),
    user,
  };
};
