import { LEASE_GRACE_MS } from "../../shared/limits.ts";
import { hash32, rendezvous } from "./affinity.ts";
import { takesWork } from "./bulk.ts";
import { arm, type HubCommand } from "./commands.ts";
import { LOAD_BOUND, TASK_KEEP_MS, TASK_TRIES_MAX, TASKS_WAITING_MAX } from "./limits.ts";
import type { RealTimeTask } from "./rpc.ts";
import type { HubState, Probe, Task } from "./state.ts";

/** Takes in a real-time check, or says at once that nobody is here for it, or that too many wait. */
export function acceptTask(s: HubState, asked: RealTimeTask, now: number, out: HubCommand[]): void {
  const known = s.tasks.get(asked.id);
  if (known !== undefined) return;
  let slots = 0;
  for (const probe of s.probes.values()) if (takesWork(probe)) slots += probe.slots;
  const refuse = (kind: "no_probe" | "busy") => out.push({ c: "answer", task: asked.id, answer: { kind } });
  if (slots === 0 || now >= asked.deadlineMs) return void refuse("no_probe");
  const most = asked.hurried === true ? Math.min(slots, TASKS_WAITING_MAX) : TASKS_WAITING_MAX;
  if (s.waiting.size >= most) return void refuse("busy");
  const task: Task = {
    id: asked.id,
    frame: {
      t: "task",
      task: asked.id,
      email: asked.email,
      deadline: asked.deadlineMs,
      options: asked.options,
      ...(asked.trace === undefined ? {} : { trace: asked.trace }),
    },
    key: hash32(asked.email.slice(asked.email.lastIndexOf("@") + 1)),
    probe: null,
    tried: new Set(),
  };
  s.tasks.set(task.id, task);
  arm(s, asked.deadlineMs + TASK_KEEP_MS, out);
  if (!assign(s, task, out)) s.waiting.add(task.id);
}

/** Gives waiting checks to free slots, oldest first. */
export function dispatchTasks(s: HubState, now: number, out: HubCommand[]): void {
  if (s.waiting.size === 0) return;
  const free = [...s.probes.values()].some((probe) => takesWork(probe) && probe.running < probe.slots);
  for (const id of s.waiting) {
    const task = s.tasks.get(id);
    if (task === undefined || now >= task.frame.deadline) {
      s.waiting.delete(id);
      if (task !== undefined) finish(s, task, { kind: "late" }, out);
    } else if (free && assign(s, task, out)) {
      s.waiting.delete(id);
    }
  }
}

/** Rendezvous on the domain among free slots, so that warm connections and catch-all answers are found again. */
function assign(s: HubState, task: Task, out: HubCommand[]): boolean {
  let running = 0;
  let slots = 0;
  for (const probe of s.probes.values()) {
    if (!takesWork(probe)) continue;
    running += probe.running;
    slots += probe.slots;
  }
  let best: Probe | null = null;
  for (const probe of s.probes.values()) {
    if (!takesWork(probe) || probe.running >= probe.slots || task.tried.has(probe.id)) continue;
    if (best === null || preferable(task.key, probe, best, running, slots)) best = probe;
  }
  if (best === null || best.session === null) return false;
  task.probe = best.id;
  task.tried.add(best.id);
  best.running += 1;
  out.push({ c: "send", session: best.session, frame: task.frame });
  return true;
}

function preferable(key: number, a: Probe, b: Probe, running: number, slots: number): boolean {
  const crowded = (p: Probe) => p.running > p.slots / 4 && p.running * slots > LOAD_BOUND * running * p.slots;
  if (crowded(a) !== crowded(b)) return !crowded(a);
  return rendezvous(key, a.hash) > rendezvous(key, b.hash);
}

/** Ends a task: its slot is free again, whoever waits gets the answer. */
export function finish(
  s: HubState,
  task: Task,
  answer: Extract<HubCommand, { c: "answer" }>["answer"],
  out: HubCommand[],
): void {
  free(s, task);
  s.tasks.delete(task.id);
  s.waiting.delete(task.id);
  out.push({ c: "answer", task: task.id, answer });
}

/** The probe is not at it any more: another one tries, while there is time and one that has not. */
export function reassign(s: HubState, task: Task, now: number, out: HubCommand[]): void {
  free(s, task);
  const others = [...s.probes.values()].some((p) => takesWork(p) && p.slots > 0 && !task.tried.has(p.id));
  if (!others || task.tried.size >= TASK_TRIES_MAX || now >= task.frame.deadline) {
    finish(s, task, { kind: "no_probe" }, out);
  } else if (!assign(s, task, out)) {
    s.waiting.add(task.id);
  }
}

function free(s: HubState, task: Task): void {
  const probe = task.probe === null ? undefined : s.probes.get(task.probe);
  if (probe !== undefined) probe.running -= 1;
  task.probe = null;
}

/**
 * The caller has stored the check as a chunk and leaves: the probe that is at it settles that chunk. From here on the
 * check is a lease like any other, but in a real-time slot.
 */
export function detachTask(
  s: HubState,
  asked: { readonly task: string; readonly chunk: string; readonly ticket: string },
  now: number,
  out: HubCommand[],
): void {
  const task = s.tasks.get(asked.task);
  const probe = task?.probe == null ? undefined : s.probes.get(task.probe);
  if (task === undefined || probe === undefined || probe.session === null || s.chunks.has(asked.chunk)) {
    if (task !== undefined) finish(s, task, { kind: "late" }, out);
    out.push({ c: "detached", task: asked.task, outcome: "gone" });
    return;
  }
  const seq = s.nextSeq++;
  const lease = s.nextLease++;
  const deadlineMs = now + LEASE_GRACE_MS;
  const chunk = {
    seq,
    id: asked.chunk,
    tenant: "",
    job: asked.chunk,
    lane: 0,
    domain: "",
    size: 1,
    bare: true,
    sticky: null,
    queuedAtMs: now,
    affinity: 0,
    skips: 0,
    nacks: 0,
    preferred: null,
    preferredEpoch: 0,
    holder: probe.id,
    lease,
    leasedAtMs: now,
  };
  s.chunks.set(chunk.id, chunk);
  probe.leases.set(chunk.id, chunk);
  // The slot passes from the task to the lease.
  task.probe = null;
  finish(s, task, { kind: "late" }, out);
  out.push({ c: "hold", seq, chunk: chunk.id, probe: probe.id, lease, deadlineMs });
  out.push({
    c: "send",
    session: probe.session,
    frame: { t: "detach", task: asked.task, chunk: chunk.id, lease, ticket: asked.ticket },
  });
  out.push({ c: "detached", task: asked.task, outcome: "detached" });
  arm(s, deadlineMs, out);
}
