import { createRoute, z } from "@hono/zod-openapi";
import { parseAddress } from "../../../shared/address/parse.ts";
import { JSON_BODY_MAX_BYTES } from "../../../shared/limits.ts";
import { compileRules, matchRule, type Rule, validateRule } from "../../../shared/rules/rules.ts";
import { addRule, listRules, removeRule, type StoredRule } from "../../data/rules.ts";
import { isUuid, uuidv7 } from "../../ids.ts";
import { RULES_MAX } from "../../limits.ts";
import { checked, readJson } from "../body.ts";
import { idParam, json, jsonBody, keyedProblems, security } from "../contract.ts";
import type { Endpoint, KeyedCall } from "../endpoint.ts";
import type { Problem } from "../problems.ts";

const newRule = z
  .object({
    kind: z.enum(["allow", "block"]).describe("A block decides; an allow lifts disposable and possible_typo only"),
    match: z.enum(["address", "domain", "pattern"]).describe("A domain covers all names below it"),
    value: z.string().min(1).max(500).openapi({ example: "accepted@example.com" }),
  })
  .openapi("NewRule");

const ruleSchema = newRule.extend({ id: z.uuid(), created_at: z.string() }).openapi("Rule");

const present = (rule: StoredRule) => ({ ...rule, created_at: rule.created_at.toISOString() });

const createContract = createRoute({
  method: "post",
  path: "/v1/rules",
  operationId: "createRule",
  tags: ["Rules"],
  summary: "Add an allow or block rule",
  description: "The most specific rule wins: address, then the longest domain, then pattern; a block wins a tie.",
  security,
  request: { body: jsonBody(newRule) },
  responses: {
    201: json("The rule; it applies at once here and within ten seconds everywhere", ruleSchema),
    ...keyedProblems("malformed_json", "invalid_request", "invalid_rule", "duplicate", "unsupported_media_type"),
  },
});

/** `POST /v1/rules` */
export const createRuleRoute: Endpoint = {
  contract: createContract,
  scope: "rules",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
    if (!raw.ok) return raw.error;
    const body = checked(newRule, raw.value);
    if (!body.ok) return body.error;
    const rule = validateRule({ id: uuidv7(call.startedMs), ...body.value });
    if (!rule.ok)
      return { slug: "invalid_rule", detail: rule.error, errors: [{ pointer: "/value", detail: rule.error }] };
    const tenantId = call.caller.key.tenant_id;
    const stored = await addRule(call.services.database, tenantId, rule.value, RULES_MAX);
    if (stored === "duplicate") return { slug: "duplicate", detail: "There is such a rule already." };
    if (stored === "full") return { slug: "invalid_rule", detail: `An account has at most ${RULES_MAX} rules.` };
    await call.services.meter.change(tenantId);
    return Response.json(present(stored), { status: 201 });
  },
};

const listContract = createRoute({
  method: "get",
  path: "/v1/rules",
  operationId: "listRules",
  tags: ["Rules"],
  summary: "All rules",
  security,
  responses: { 200: json("The rules, oldest first", z.object({ data: z.array(ruleSchema) })), ...keyedProblems() },
});

/** `GET /v1/rules` */
export const listRulesRoute: Endpoint = {
  contract: listContract,
  scope: "rules",
  async handle(call: KeyedCall): Promise<Response> {
    const rules = await listRules(call.services.database, call.caller.key.tenant_id);
    return Response.json({ data: rules.map(present) });
  },
};

const deleteContract = createRoute({
  method: "delete",
  path: "/v1/rules/{id}",
  operationId: "deleteRule",
  tags: ["Rules"],
  summary: "Remove a rule",
  security,
  request: { params: idParam },
  responses: { 204: { description: "Removed" }, ...keyedProblems("not_found") },
});

/** `DELETE /v1/rules/{id}` */
export const deleteRuleRoute: Endpoint = {
  contract: deleteContract,
  scope: "rules",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const id = call.param("id");
    const tenantId = call.caller.key.tenant_id;
    const removed = isUuid(id) && (await removeRule(call.services.database, tenantId, id));
    if (!removed) return { slug: "not_found" };
    await call.services.meter.change(tenantId);
    return new Response(null, { status: 204 });
  },
};

const testBody = z
  .object({
    email: z.string().openapi({ example: "someone@example.com" }),
    rules: z.array(newRule).max(RULES_MAX).optional().describe("Try these instead of the stored ones"),
  })
  .openapi("RuleTest");

const testContract = createRoute({
  method: "post",
  path: "/v1/rules/test",
  operationId: "testRules",
  tags: ["Rules"],
  summary: "Which rule matches an address",
  description: "A dry run: nothing is stored, checked or billed.",
  security,
  request: { body: jsonBody(testBody) },
  responses: {
    200: json(
      "The rule that decides, or null",
      z.object({ email: z.string(), matched: ruleSchema.omit({ created_at: true }).nullable() }),
    ),
    ...keyedProblems("malformed_json", "invalid_request", "invalid_rule", "unsupported_media_type"),
  },
});

/** `POST /v1/rules/test` */
export const testRulesRoute: Endpoint = {
  contract: testContract,
  scope: "rules",
  async handle(call: KeyedCall): Promise<Response | Problem> {
    const raw = await readJson(call.request, JSON_BODY_MAX_BYTES);
    if (!raw.ok) return raw.error;
    const body = checked(testBody, raw.value);
    if (!body.ok) return body.error;
    const { email, rules } = body.value;
    const parsed = parseAddress(email);
    if (!parsed.ok) {
      return { slug: "invalid_request", errors: [{ pointer: "/email", detail: parsed.error.message }] };
    }
    const tried: Rule[] = [];
    for (const [index, rule] of (rules ?? []).entries()) {
      const valid = validateRule({ id: uuidv7(call.startedMs), ...rule });
      if (!valid.ok)
        return { slug: "invalid_rule", errors: [{ pointer: `/rules/${index}/value`, detail: valid.error }] };
      tried.push(valid.value);
    }
    const stored = rules === undefined ? await listRules(call.services.database, call.caller.key.tenant_id) : tried;
    const matched = matchRule(compileRules(stored), parsed.value);
    const shown = matched && { id: matched.id, kind: matched.kind, match: matched.match, value: matched.value };
    return Response.json({ email, matched: shown });
  },
};
