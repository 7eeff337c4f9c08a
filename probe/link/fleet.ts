import type { Introduction } from "./machine.ts";
import { type Connection, type Seat, type SeatDeps, type SeatEnd, takeSeat } from "./seat.ts";

export type FleetMember = {
  /** Stops taking work, finishes or hands back what is in hand; `ended` resolves when that is done. */
  drain(why: string): void;
  readonly ended: Promise<SeatEnd>;
};

/**
 * Makes a checker and a settler a member of the fleet: takes leases and real-time checks, reports back. A region may
 * have several hubs, each with its share of the domains; the first one says how many, and the member then sits at all of
 * them and splits its window. With `connection.shard` it sits at that one alone.
 */
export function joinFleet(connection: Connection, deps: SeatDeps): FleetMember {
  const seats: Seat[] = [];
  const all = Promise.withResolvers<SeatEnd>();
  let taken = 0;
  let worst: SeatEnd | null = null;
  let leaving: string | null = null;

  function drain(why: string): void {
    leaving ??= why;
    for (const seat of seats) seat.drain(why);
  }

  function sit(shard: number, me: Introduction): void {
    taken += 1;
    const onWelcome = (session: string, shards: number) => {
      connection.onWelcome(session, shards);
      if (shard === 0 && connection.shard === null) spread(shards);
    };
    const seat = takeSeat({ ...connection, shard, me, onWelcome }, deps);
    seats.push(seat);
    void seat.ended.then((end) => {
      taken -= 1;
      if (end.why !== "drained") worst ??= end;
      // Refused or replaced at one hub is refused or replaced at all of them.
      if (taken === 0) all.resolve(worst ?? end);
      else drain(end.message);
    });
  }

  function spread(shards: number): void {
    if (leaving !== null || shards <= seats.length) return;
    const share = shareOf(connection.me, shards);
    for (const seat of seats) seat.resize(share.window, share.slots);
    while (seats.length < shards) sit(seats.length, share);
  }

  sit(connection.shard ?? 0, connection.me);
  return { drain, ended: all.promise };
}

const shareOf = (me: Introduction, shards: number): Introduction => ({
  ...me,
  window: Math.ceil(me.window / shards),
  slots: Math.ceil(me.slots / shards),
});
