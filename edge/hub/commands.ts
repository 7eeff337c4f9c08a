import type { HubFrame } from "../../shared/wire/frames.ts";
import type { RealTimeAnswer } from "./rpc.ts";
import type { HubState } from "./state.ts";

/** What the machine wants done. The driver carries commands out in order; storage before sockets. */
export type HubCommand =
  /** Store the lease, then send the stored body to that session. */
  | {
      readonly c: "lease";
      readonly session: string;
      readonly seq: number;
      readonly chunk: string;
      readonly probe: string;
      readonly lease: number;
      readonly deadlineMs: number;
    }
  /** Store a row without a body: a detached check that its probe is already at. */
  | {
      readonly c: "hold";
      readonly seq: number;
      readonly chunk: string;
      readonly probe: string;
      readonly lease: number;
      readonly deadlineMs: number;
    }
  /** The chunk is queued again under its ticket. */
  | { readonly c: "unlease"; readonly seq: number }
  /** The chunk has to be planned again; its row is kept until that is done. */
  | { readonly c: "lose"; readonly seq: number }
  | { readonly c: "drop"; readonly seqs: readonly number[] }
  | { readonly c: "seen"; readonly probe: string; readonly atMs: number }
  | { readonly c: "forget"; readonly probe: string }
  | { readonly c: "send"; readonly session: string; readonly frame: HubFrame }
  | { readonly c: "close"; readonly session: string; readonly code: number; readonly why: string }
  /** First reclaim what was lost, then take about `room` addresses (none when 0). Answer with `refilled` or `refill_failed`. */
  | {
      readonly c: "refill";
      readonly room: number;
      readonly perTenant: number;
      readonly lost: readonly { readonly id: string; readonly afterMs: number }[];
    }
  | { readonly c: "alarm"; readonly atMs: number }
  /** Come back with `more` as soon as whatever else is waiting has had its turn. */
  | { readonly c: "soon" }
  | { readonly c: "answer"; readonly task: string; readonly answer: RealTimeAnswer }
  | { readonly c: "detached"; readonly task: string; readonly outcome: "detached" | "gone" }
  | { readonly c: "finalise"; readonly tenant: string; readonly job: string };

/** Makes sure that the machine is woken at that time or before. */
export function arm(s: HubState, atMs: number, out: HubCommand[]): void {
  if (!(atMs < s.alarmAtMs)) return;
  s.alarmAtMs = atMs;
  out.push({ c: "alarm", atMs });
}
