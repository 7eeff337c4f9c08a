import type { HostQueue } from "../smtp/host.ts";
import type { Visit } from "../smtp/visit.ts";
import type { Subject } from "./subject.ts";

/** The addresses of one domain in one call, and the visits made for them: what a deadline or an abort takes back. */
export class Group {
  readonly domain: string;
  readonly subjects: Subject[] = [];
  /** What is said about control and postmaster addresses, where a transcript is wanted: part of everybody's. */
  readonly transcript: string[] | null;
  readonly #visits = new Map<Visit, HostQueue>();
  #cancelled = false;

  constructor(domain: string, transcript: boolean) {
    this.domain = domain;
    this.transcript = transcript ? [] : null;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  began(visit: Visit, queue: HostQueue): void {
    this.#visits.set(visit, queue);
  }

  over(visit: Visit): void {
    this.#visits.delete(visit);
  }

  cancel(): void {
    this.#cancelled = true;
    for (const [visit, queue] of this.#visits) queue.cancel(visit);
    this.#visits.clear();
  }
}
