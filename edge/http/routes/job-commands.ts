import { createRoute } from "@hono/zod-openapi";
import { readJob } from "../../data/jobs.ts";
import { isUuid } from "../../ids.ts";
import { presentJob } from "../../jobs/progress.ts";
import { type Commanded, cancel, pause, remove, resume } from "../../jobs/states.ts";
import type { Services } from "../../services.ts";
import { idParam, json, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";
import { jobSchema } from "./jobs.ts";

type Command = (services: Services, tenantId: string, jobId: string) => Promise<Commanded>;

/** `POST /v1/jobs/{id}/<verb>`: done again it changes nothing, and in a state where it cannot be done it says so. */
function commandRoute(verb: string, summary: string, description: string, run: Command, already: string): Endpoint {
  const contract = createRoute({
    method: "post",
    path: `/v1/jobs/{id}/${verb}`,
    operationId: `${verb}Job`,
    tags: ["Jobs"],
    summary,
    description,
    security,
    request: { params: idParam },
    responses: { 200: json("The job", jobSchema), ...keyedProblems("not_found", "wrong_state") },
  });
  return {
    contract,
    scope: "jobs",
    async handle(call: KeyedCall): Promise<Response | Problem> {
      const id = call.param("id");
      const { services } = call;
      const tenantId = call.caller.key.tenant_id;
      const before = isUuid(id) ? await readJob(services.database, tenantId, id) : null;
      if (before === null) return { slug: "not_found" };
      const commanded = before.state === already ? "done" : await run(services, tenantId, id);
      const job = await readJob(services.database, tenantId, id);
      if (job === null) return { slug: "not_found" };
      if (commanded === "refused" && job.state !== already) return wrongState(job.state);
      return Response.json(presentJob(job, Date.now()));
    },
  };
}

const wrongState = (state: string): Problem => ({
  slug: "wrong_state",
  detail: `The job is ${state}.`,
  extra: { state },
});

/** `POST /v1/jobs/{id}/pause` */
export const pauseJobRoute = commandRoute(
  "pause",
  "Hold a job",
  "What a probe has in hand is finished and counts; nothing more is asked. Another waiting job gets the slot.",
  pause,
  "paused",
);

/** `POST /v1/jobs/{id}/resume` */
export const resumeJobRoute = commandRoute(
  "resume",
  "Let a paused job go on",
  "It goes on where it stood, as soon as the plan has a slot for it.",
  resume,
  "running",
);

/** `POST /v1/jobs/{id}/cancel` */
export const cancelJobRoute = commandRoute(
  "cancel",
  "End a job before its end",
  "Exactly what was verified until now is billed, and the hold for the rest is released. Rows that were not asked are " +
    "exported as `unknown`, `not_checked`.",
  cancel,
  "cancelled",
);

const deleteContract = createRoute({
  method: "delete",
  path: "/v1/jobs/{id}",
  operationId: "deleteJob",
  tags: ["Jobs"],
  summary: "Remove a job from the history",
  description:
    "A job that still works is cancelled first. The uploaded list is deleted, and the job can no longer be read. What it " +
    "found stays in the look-up by address until it is erased (`DELETE /v1/addresses`).",
  security,
  request: { params: idParam },
  responses: { 204: { description: "It is gone" }, ...keyedProblems("not_found", "wrong_state") },
});

/** `DELETE /v1/jobs/{id}` */
export const deleteJobRoute: Endpoint = {
  contract: deleteContract,
  scope: "jobs",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const tenantId = call.caller.key.tenant_id;
    if (!isUuid(id)) return { slug: "not_found" };
    if ((await remove(call.services, tenantId, id)) === "done") return new Response(null, { status: 204 });
    const job = await readJob(call.services.database, tenantId, id);
    return job === null ? { slug: "not_found" } : wrongState(job.state);
  },
};
