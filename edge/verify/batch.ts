import type { Services } from "../services.ts";
import { askAround, type CheckAnswer, type CheckRequest, decideByText } from "./verify.ts";

/** One address of a batch and what came of it. */
export type BatchItem = {
  /** The check's own id; of a repeated address that is still open, the id of the first. */
  readonly id: string;
  readonly email: string;
  readonly answer: CheckAnswer;
  /** It repeats an earlier address of the batch and has its answer. */
  readonly repeats: boolean;
};

/**
 * Checks several addresses at once, each as a call of its own would, in the order given. An address that comes twice
 * (but for case) is asked once.
 * @param base what the checks have in common; its id is the first check's
 */
export async function checkBatch(
  services: Services,
  emails: readonly string[],
  base: Omit<CheckRequest, "email">,
): Promise<BatchItem[]> {
  const nowMs = Date.now();
  const first = new Map<string, { readonly id: string; readonly answer: Promise<CheckAnswer> }>();
  return Promise.all(
    emails.map(async (email, index): Promise<BatchItem> => {
      const request = { ...base, id: idOf(base.id, index), email };
      const { read, answer } = decideByText(request, nowMs);
      const key = (read.facts.address?.normalised ?? read.facts.input).toLowerCase();
      const earlier = first.get(key);
      if (earlier === undefined) {
        const asked = answer === null ? askAround(services, request, read) : Promise.resolve(answer);
        first.set(key, { id: request.id, answer: asked });
        return { id: request.id, email, answer: await asked, repeats: false };
      }
      const same = await earlier.answer;
      if (same.kind === "late") return { id: earlier.id, email, answer: same, repeats: true };
      const verdict = { ...same.verdict, email: read.facts.input };
      return { id: request.id, email, answer: { ...same, verdict }, repeats: true };
    }),
  );
}

/** Ids of a batch follow its first: sent again under its Idempotency-Key, each check has the id that it had. */
function idOf(first: string, index: number): string {
  const low = (Number.parseInt(first.slice(-4), 16) + index) % 0x1_0000;
  return first.slice(0, -4) + low.toString(16).padStart(4, "0");
}
