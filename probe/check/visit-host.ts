import type { Provider } from "../../shared/providers/index.ts";
import type { Reach } from "../dns/reachable.ts";
import type { Resolver } from "../dns/resolver.ts";
import type { PaceBook } from "../pace/book.ts";
import type { Profile } from "../pace/profile.ts";
import type { Target } from "../smtp/host-types.ts";
import type { Path } from "../smtp/path.ts";
import type { Pool } from "../smtp/pool.ts";
import type { Question, Visit } from "../smtp/visit.ts";
import type { Group } from "./group.ts";
import type { HostBook } from "./host-book.ts";
import type { LiveMailboxes } from "./live-mailbox.ts";
import type { PortWatch } from "./port-watch.ts";

/** What the steps of a check share. */
export type Surroundings = {
  readonly resolver: Resolver;
  readonly reach: Reach;
  readonly pool: Pool;
  readonly book: HostBook;
  readonly profile: Profile;
  readonly now: () => number;
  readonly random: () => number;
  readonly controlSecret: string;
  /** Local parts that operators' canaries have instead of the day's, by operator. */
  readonly canaries: ReadonlyMap<string, string>;
  readonly live: LiveMailboxes;
  readonly sender: Path;
  readonly nullSender: boolean;
  readonly port: PortWatch;
  readonly pace: PaceBook;
};

/** One visit's manner: `urgent` for real-time checks, `fresh` to insist on a new connection. */
export type Manner = { readonly urgent: boolean; readonly fresh: boolean };

/** Asks a host about recipients of one domain; resolves when each has its reply or its trouble. */
export function visitHost(
  around: Surroundings,
  group: Group,
  target: Target,
  provider: Provider | null,
  questions: readonly Question[],
  manner: Manner,
): Promise<Visit> {
  const { pace } = around;
  const key = pace.key(provider, target.name, target.source);
  return new Promise((resolve) => {
    const visit: Visit = {
      sender: around.sender,
      questions,
      urgent: manner.urgent,
      fresh: manner.fresh,
      record: group.transcript !== null,
      cancelled: false,
      todo: [...questions],
      open: questions.length,
      fruitless: 0,
      broken: 0,
      tls: null,
      done: () => {
        group.over(visit);
        resolve(visit);
      },
    };
    const queue = around.pool.submit(target, visit, () => pace.hostPace(key));
    group.began(visit, queue);
    // A deadline that passed while the DNS was asked.
    if (group.cancelled) queue.cancel(visit);
  });
}
