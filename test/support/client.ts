import type { Ready } from "./stack.ts";

export type JobView = {
  readonly id: string;
  readonly state: string;
  readonly counts: Readonly<Record<string, unknown>>;
};

/** One row of a job's results. */
export type ResultRow = {
  readonly row: number;
  readonly email: string;
  readonly status: string;
  readonly reason: string;
};

/** A small client of the API, as a user would write one. */
export class Client {
  readonly #url: string;
  readonly #key: string;

  constructor(ready: Ready, key = ready.live_key) {
    this.#url = ready.url;
    this.#key = key;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.#url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${this.#key}`, ...(init.headers as Record<string, string> | undefined) },
    });
  }

  verify(email: string): Promise<Response> {
    return this.fetch("/v1/verify", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email }),
    });
  }

  /** Uploads a CSV and returns the job's id. */
  async upload(csv: string, name = "list.csv"): Promise<string> {
    const form = new FormData();
    form.append("file", new Blob([csv], { type: "text/csv" }), name);
    const response = await this.fetch("/v1/jobs", { method: "POST", body: form });
    const body = (await response.json()) as { id: string };
    if (response.status >= 300) throw new Error(`upload: ${response.status} ${JSON.stringify(body)}`);
    return body.id;
  }

  async job(id: string): Promise<JobView> {
    return (await (await this.fetch(`/v1/jobs/${id}`)).json()) as JobView;
  }

  /** All result rows of a job as NDJSON. */
  async results(id: string): Promise<ResultRow[]> {
    const text = await (await this.fetch(`/v1/jobs/${id}/results?format=ndjson`)).text();
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as ResultRow);
  }

  /**
   * Follows the job's event stream until `until` holds, and returns that view. The stream is what a user would watch;
   * it is opened again when it ends, as browsers do.
   */
  async follow(id: string, until: (job: JobView) => boolean): Promise<JobView> {
    for (;;) {
      const response = await this.fetch(`/v1/jobs/${id}/events`);
      if (!response.ok || !response.body) throw new Error(`events: ${response.status} ${await response.text()}`);
      let text = "";
      try {
        for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
          text += bytes;
          const blocks = text.split("\n\n");
          text = blocks.pop() ?? "";
          for (const block of blocks) {
            const data = /^data: (.*)$/m.exec(block)?.[1];
            if (data === undefined) continue;
            const view = JSON.parse(data) as JobView;
            if (until(view)) return view;
          }
        }
      } finally {
        await response.body.cancel().catch(() => {});
      }
    }
  }
}
