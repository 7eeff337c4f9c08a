import { expect } from "vitest";
import type { TestEdge } from "./edge.ts";

/** A job as the API shows it, as far as tests look. */
export type Job = {
  readonly id: string;
  readonly state: string;
  readonly percent: number;
  readonly error: string | null;
  readonly counts: Record<string, number> & { by_status: Record<string, number> };
  readonly summary: Record<string, unknown> | null;
};

type Content = string | Uint8Array<ArrayBuffer>;

/** Lists in and results out through the API, for one key. */
export function jobsOf(edge: TestEdge, key: () => string) {
  const form = (path: string, content: Content, fields: Record<string, string>, filename: string) => {
    const body = new FormData();
    body.append("file", new Blob([content]), filename);
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return edge.fetch(path, { method: "POST", body, key: key() });
  };
  const api = {
    /** `POST /v1/jobs` with a file. */
    send: (content: Content, fields: Record<string, string> = {}, filename = "list.csv") =>
      form("/v1/jobs", content, fields, filename),
    /** `POST /v1/uploads` with a file. */
    preview: (content: Content, fields: Record<string, string> = {}, filename = "list.csv") =>
      form("/v1/uploads", content, fields, filename),
    async created(response: Response): Promise<string> {
      expect(response.status).toBe(202);
      return ((await response.json()) as { id: string }).id;
    },
    /** Follows a job's events; the last of them. */
    async follow(id: string): Promise<Job> {
      const text = await (await edge.fetch(`/v1/jobs/${id}/events`, { key: key() })).text();
      const last = [...text.matchAll(/^data: (.*)$/gm)].at(-1)?.[1];
      return JSON.parse(last ?? "null") as Job;
    },
    /** Takes a list in and waits for the job's end. */
    async run(content: Content, fields: Record<string, string> = {}): Promise<string> {
      const id = await api.created(await api.send(content, { mode: "edge", ...fields }));
      expect(await api.follow(id)).toMatchObject({ state: "completed", error: null });
      return id;
    },
    results: (id: string, query: string, path = "results") =>
      edge.fetch(`/v1/jobs/${id}/${path}?${query}`, { key: key() }),
    async csv(id: string, query = "", path = "results"): Promise<string> {
      return (await api.results(id, `format=csv&${query}`, path)).text();
    },
    async rows(id: string, query = "", path = "results"): Promise<Record<string, unknown>[]> {
      const text = await (await api.results(id, `format=ndjson&${query}`, path)).text();
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
  return api;
}
