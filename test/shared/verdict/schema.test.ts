import { expect, test } from "vitest";
import { z } from "zod";
import { verdictSchema } from "../../../shared/verdict/schema.ts";
import { REASONS } from "../../../shared/verdict/vocabulary.ts";

test("the schema can be written as JSON Schema, with every reason in it", () => {
  const schema = z.toJSONSchema(verdictSchema);
  expect(schema.required).toContain("evidence");
  expect(JSON.stringify(schema)).toContain(JSON.stringify(REASONS));
});
