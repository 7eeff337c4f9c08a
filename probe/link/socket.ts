import { WebSocket } from "ws";
import { FRAME_MAX_BYTES } from "../../shared/limits.ts";
import {
  CLOSE,
  type DetachFrame,
  type DoneItem,
  type LeaseFrame,
  type ProbeFrame,
  parseHubFrame,
  type TaskFrame,
} from "../../shared/wire/frames.ts";
import { createLinkState, type Introduction, type LinkCommand, type LinkEnd, type LinkEvent, step } from "./machine.ts";

/** What the link does with work that arrives. Called from within a frame's handling: start things, do not wait. */
export type Hands = {
  work(lease: LeaseFrame): void;
  task(task: TaskFrame): void;
  detach(detach: DetachFrame): void;
  /** The way out has begun: finish or hand back. */
  windUp(why: string): void;
  /** Addresses in hand, and what the operator's view should show. */
  held(): number;
  report(): Record<string, unknown> | null;
};

export type Link = {
  done(item: DoneItem): void;
  untouched(chunk: string, lease: number, why: string): void;
  answered(frame: Extract<ProbeFrame, { t: "answer" | "decline" }>): void;
  detached(task: string): void;
  drain(why: string): void;
  /** Offers this much from now on. */
  resize(window: number, slots: number): void;
  /** Leaves at once, whatever is in hand. */
  cut(): void;
  /** Resolves when the link has ended for good. */
  readonly ended: Promise<LinkEnd>;
};

export type LinkOptions = {
  /** Base URL of the edge, http(s) or ws(s). */
  readonly edgeUrl: string;
  readonly token: string;
  readonly me: Introduction;
  readonly shard: number | null;
  /** `shards`: how many hubs the region has. */
  readonly onWelcome: (session: string, shards: number) => void;
  /** Told the source addresses in quarantine: all of them, each time that they change. */
  readonly onQuarantine?: (sources: readonly string[]) => void;
  /** A line for the log about a connection that failed, or closed after a hub had said welcome on it. */
  readonly onLoss: (why: string, welcomed: boolean) => void;
};

/** Keeps one WebSocket to the hub open, by the machine's rules, until it ends. */
export function startLink(options: LinkOptions, hands: Hands): Link {
  const state = createLinkState(options.me);
  const url = connectUrl(options);
  let socket: WebSocket | null = null;
  let timer: NodeJS.Timeout | null = null;
  let flushing = false;
  let finish: (end: LinkEnd) => void = () => {};
  const ended = new Promise<LinkEnd>((resolve) => {
    finish = resolve;
  });

  function feed(event: LinkEvent): void {
    for (const command of step(state, event, Date.now())) carry(command);
    schedule();
  }

  function schedule(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (!Number.isFinite(state.nextMs)) return;
    const tick = () => feed({ t: "tick", held: hands.held(), report: hands.report() });
    timer = setTimeout(tick, Math.max(1, state.nextMs - Date.now()));
  }

  function carry(command: LinkCommand): void {
    switch (command.c) {
      case "open":
        open();
        return;
      case "send":
        if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command.frame));
        return;
      case "close":
        leave(command.code, command.why);
        return;
      case "work":
        hands.work(command.lease);
        return;
      case "task":
        hands.task(command.task);
        return;
      case "detach":
        hands.detach(command.detach);
        return;
      case "wind_up":
        hands.windUp(command.why);
        return;
      case "flush_soon":
        if (flushing) return;
        flushing = true;
        setImmediate(() => {
          flushing = false;
          feed({ t: "flush" });
        });
        return;
      case "quarantine":
        options.onQuarantine?.(command.sources);
        return;
      case "welcomed":
        options.onWelcome(command.session, command.shards);
        return;
      case "ended":
        finish(command.end);
        return;
    }
  }

  function open(): void {
    const mine = new WebSocket(url, {
      headers: { authorization: `Bearer ${options.token}` },
      maxPayload: 4 * FRAME_MAX_BYTES,
      perMessageDeflate: false,
    });
    socket = mine;
    let status = 0;
    let why = "";
    let over = false;
    const gone = (code: number, reason: string) => {
      if (over) return;
      over = true;
      if (socket !== mine) return;
      socket = null;
      if (state.phase !== "ended") options.onLoss(why || reason || `closed with ${code}`, state.phase === "online");
      feed({ t: "closed", code, status, why: why || reason || `closed with ${code}`, chance: Math.random() });
    };
    mine.on("open", () => feed({ t: "opened" }));
    mine.on("message", (data, binary) => {
      if (socket !== mine) return;
      const parsed = parseHubFrame(binary ? "" : data.toString());
      if (parsed.ok) return feed({ t: "frame", frame: parsed.value });
      const { message, lease } = parsed.error;
      if (lease !== undefined) return feed({ t: "unreadable", ...lease, why: message });
      why = `the hub sent a frame we cannot read: ${message}`;
      mine.close(CLOSE.badFrame, "bad frame");
    });
    mine.on("unexpected-response", (request, response) => {
      status = response.statusCode ?? 0;
      // Once its answer has ended, the request lets go of the socket and of its errors, whatever becomes of it.
      const { socket: refused } = response;
      readProblem(response, (detail) => {
        why = `the edge answered ${status}${detail}`;
        request.destroy();
        refused.destroy();
        gone(0, why);
      });
    });
    mine.on("error", (error) => {
      why ||= error.message || "connection failed";
      if (mine.readyState === WebSocket.CLOSED || mine.readyState === WebSocket.CONNECTING) gone(1006, why);
    });
    mine.on("close", (code, reason) => gone(code, reason.toString()));
  }

  /** Closes politely; a peer that does not answer is dropped after a second. */
  function leave(code: number, why: string): void {
    const mine = socket;
    if (mine === null) return;
    mine.close(code, why);
    setTimeout(() => mine.terminate(), 1_000).unref();
  }

  feed({ t: "start" });
  return {
    done: (item) => feed({ t: "done", item }),
    untouched: (chunk, lease, why) => feed({ t: "untouched", chunk, lease, why }),
    answered: (frame) => feed({ t: "answered", frame }),
    detached: (task) => feed({ t: "detached", task }),
    drain: (why) => feed({ t: "drain", why }),
    resize: (window, slots) => feed({ t: "resize", window, slots }),
    cut() {
      state.phase = "ended";
      state.nextMs = Number.POSITIVE_INFINITY;
      schedule();
      socket?.terminate();
    },
    ended,
  };
}

function connectUrl(options: LinkOptions): string {
  const url = new URL("/v1/probes/connect", options.edgeUrl.replace(/^http/, "ws"));
  url.searchParams.set("region", options.me.region);
  if (options.shard !== null) url.searchParams.set("shard", String(options.shard));
  return url.href;
}

/** The problem document's own sentence, if the refusal carries one. */
function readProblem(response: NodeJS.ReadableStream, then: (detail: string) => void): void {
  let text = "";
  response.on("data", (chunk: Buffer) => {
    if (text.length < 4_096) text += chunk.toString("utf8");
  });
  response.on("error", () => then(""));
  response.on("end", () => then(detailOf(text)));
}

function detailOf(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    const detail = body !== null && typeof body === "object" && "detail" in body ? body.detail : null;
    return typeof detail === "string" ? `: ${detail.slice(0, 300)}` : "";
  } catch {
    return "";
  }
}
