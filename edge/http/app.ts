import { OpenAPIHono } from "@hono/zod-openapi";
import { VERSION } from "../../shared/version.ts";
import { type EdgeApp, type Endpoint, methodsAt, mount } from "./endpoint.ts";
import { traceOf } from "./middleware/trace.ts";
import { docsPage } from "./pages/docs.tsx";
import { problemPage } from "./pages/problem.tsx";
import { type Problem, problemResponse } from "./problems.ts";
import { eraseAddressRoute, lookUpRoute } from "./routes/addresses.ts";
import { cacheRoute, dropCachedRoute, setCacheRoute } from "./routes/cache.ts";
import { domainTrendRoute } from "./routes/domain-trend.ts";
import { FLEET_ROUTES } from "./routes/fleet.ts";
import { healthRoute, readyRoute } from "./routes/health.ts";
import { cancelJobRoute, deleteJobRoute, pauseJobRoute, resumeJobRoute } from "./routes/job-commands.ts";
import { compareJobsRoute } from "./routes/job-compare.ts";
import { jobEventsRoute } from "./routes/job-events.ts";
import { jobDuplicatesRoute, jobResultsRoute } from "./routes/job-results.ts";
import { reverifyJobRoute } from "./routes/job-reverify.ts";
import { jobSummaryRoute } from "./routes/job-summary.ts";
import { jobRoute, labelJobRoute, listJobsRoute } from "./routes/jobs.ts";
import { createJobRoute } from "./routes/jobs-create.ts";
import { metaRoute } from "./routes/meta.ts";
import { probesConnectRoute } from "./routes/probes-connect.ts";
import { deleteResultsRoute, exportResultsRoute } from "./routes/results.ts";
import { createRuleRoute, deleteRuleRoute, listRulesRoute, testRulesRoute } from "./routes/rules.ts";
import { createUploadRoute, deleteUploadRoute, uploadRoute } from "./routes/uploads.ts";
import { completeUploadRoute, putPartRoute } from "./routes/uploads-parts.ts";
import { verificationRoute } from "./routes/verification.ts";
import { verifyRoute } from "./routes/verify.ts";
import { verifyBatchRoute } from "./routes/verify-batch.ts";
import { createWebhookRoute, listWebhooksRoute } from "./routes/webhooks.ts";

/** Every route of the API, in the order of its description. */
const ENDPOINTS: readonly Endpoint[] = [
  verifyRoute,
  verifyBatchRoute,
  verificationRoute,
  createJobRoute,
  listJobsRoute,
  jobRoute,
  labelJobRoute,
  pauseJobRoute,
  resumeJobRoute,
  cancelJobRoute,
  reverifyJobRoute,
  deleteJobRoute,
  jobResultsRoute,
  jobDuplicatesRoute,
  jobSummaryRoute,
  jobEventsRoute,
  createUploadRoute,
  uploadRoute,
  putPartRoute,
  completeUploadRoute,
  deleteUploadRoute,
  compareJobsRoute,
  domainTrendRoute,
  lookUpRoute,
  eraseAddressRoute,
  exportResultsRoute,
  deleteResultsRoute,
  cacheRoute,
  setCacheRoute,
  dropCachedRoute,
  createWebhookRoute,
  listWebhooksRoute,
  testRulesRoute,
  createRuleRoute,
  listRulesRoute,
  deleteRuleRoute,
  healthRoute,
  readyRoute,
  metaRoute,
  probesConnectRoute,
  ...FLEET_ROUTES,
];

const INFO = {
  openapi: "3.1.0",
  info: {
    title: "Mailsonar",
    version: VERSION,
    description: "Tells whether mail to an address will arrive: one address in milliseconds, a list as a job.",
  },
} as const;

/** Builds the Worker's HTTP side: routes, their description, pages, and problems for whatever is none of them. */
export function createApp(): EdgeApp {
  const app: EdgeApp = new OpenAPIHono();
  const patterns: { method: string; path: RegExp }[] = [];
  app.openAPIRegistry.registerComponent("securitySchemes", "ApiKey", {
    type: "http",
    scheme: "bearer",
    description: "`Authorization: Bearer ev_live_…`, or the same key as `X-API-Key`.",
  });
  for (const endpoint of ENDPOINTS) mount(app, endpoint, patterns);
  let document: unknown;
  const description = (): unknown => {
    document ??= app.getOpenAPI31Document(INFO);
    return document;
  };
  app.get("/openapi.json", () => Response.json(description()));
  app.get("/docs", (c) => docsPage(description(), new URL(c.req.url).origin));
  app.get("/problems/:slug", (c) => problemPage(c.req.param("slug")) ?? c.notFound());
  app.get("/", (c) => c.redirect("/docs"));
  app.notFound((c) => {
    const { traceId, traceparent } = traceOf(c.req.header("traceparent"));
    const methods = methodsAt(patterns, c.req.path);
    const problem: Problem =
      methods.length === 0
        ? { slug: "not_found", detail: `There is no ${c.req.path} in this API.` }
        : { slug: "method_not_allowed", headers: { allow: methods.join(", ") } };
    const response = problemResponse(problem, traceId);
    response.headers.set("traceparent", traceparent);
    return response;
  });
  return app;
}
