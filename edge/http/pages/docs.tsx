import { z } from "zod";
import { page } from "./layout.tsx";

/** The part of an OpenAPI 3.1 document that the page shows; whatever else stands in it is ignored. */
const schemaSchema = z.record(z.string(), z.unknown());
const content = z.record(z.string(), z.object({ schema: schemaSchema.optional() }));
const operation = z.object({
  operationId: z.string().default(""),
  summary: z.string().default(""),
  description: z.string().default(""),
  tags: z.array(z.string()).default([]),
  security: z.array(z.unknown()).default([]),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.string(),
        required: z.boolean().default(false),
        description: z.string().optional(),
        schema: schemaSchema.default({}),
      }),
    )
    .default([]),
  requestBody: z.object({ content }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), content: content.optional() })),
});
const documentSchema = z.object({
  info: z.object({ title: z.string(), version: z.string(), description: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.object({ schemas: z.record(z.string(), schemaSchema).default({}) }),
});

type Operation = z.infer<typeof operation>;
type Schema = z.infer<typeof schemaSchema>;

/** Filters the operations by what is typed; without JavaScript the whole list simply stays. */
const SEARCH = `
const box = document.getElementById("search");
box.hidden = false;
box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\\s+/);
  for (const one of document.querySelectorAll("[data-search]"))
    one.hidden = !words.every((word) => one.dataset.search.includes(word));
});
`;

/** The API reference, rendered from its own description. `origin` stands in the examples. */
export function docsPage(document: unknown, origin: string): Response {
  const { info, paths, components } = documentSchema.parse(document);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ path, method, one })),
  );
  const tags = [...new Set(operations.flatMap(({ one }) => one.tags))];
  return page(
    "API reference",
    <main>
      <h1>{info.title} API</h1>
      <p>{info.description}</p>
      <p class="muted">
        Version {info.version}. Machine-readable: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).
      </p>
      <h2>Keys</h2>
      <p>
        Send your key as <code>Authorization: Bearer ev_live_…</code> or <code>X-API-Key</code>. A test key (
        <code>ev_test_…</code>) answers sandbox addresses such as <code>catch-all@sandbox.test</code>: any reason, with
        dashes. Failures are problem documents (RFC 9457); their type is a page of its own.
      </p>
      <p>
        <input id="search" type="search" aria-label="Search operations" placeholder="Search operations" hidden />
      </p>
      {tags.map((tag) => (
        <section>
          <h2>{tag}</h2>
          {operations
            .filter(({ one }) => one.tags.includes(tag))
            .map(({ path, method, one }) => (
              <OperationView path={path} method={method} one={one} origin={origin} schemas={components.schemas} />
            ))}
        </section>
      ))}
      <h2>Schemas</h2>
      {Object.entries(components.schemas).map(([name, schema]) => (
        <details id={`schema-${name}`} data-search={name.toLowerCase()}>
          <summary>
            <code>{name}</code>
          </summary>
          <SchemaView schema={schema} />
        </details>
      ))}
      <script dangerouslySetInnerHTML={{ __html: SEARCH }} />
    </main>,
  );
}

type OperationProps = {
  path: string;
  method: string;
  one: Operation;
  origin: string;
  schemas: Record<string, Schema>;
};

function OperationView({ path, method, one, origin, schemas }: OperationProps) {
  const body = one.requestBody?.content ?? {};
  return (
    <details id={one.operationId} data-search={`${method} ${path} ${one.summary} ${one.description}`.toLowerCase()}>
      <summary>
        <span class="method">{method}</span> <code>{path}</code> <span class="muted">{one.summary}</span>
      </summary>
      <p>{one.description}</p>
      {one.parameters.length > 0 && (
        <>
          <h3>Parameters</h3>
          <table>
            {one.parameters.map((parameter) => (
              <tr>
                <td>
                  <code>{parameter.name}</code>
                </td>
                <td>
                  {parameter.in}
                  {parameter.required ? ", required" : ""}
                </td>
                <td>
                  {typeName(parameter.schema)} {parameter.description}
                </td>
              </tr>
            ))}
          </table>
        </>
      )}
      {Object.entries(body).map(([type, { schema }]) => (
        <>
          <h3>
            Body, <code>{type}</code>
          </h3>
          {schema !== undefined && <SchemaView schema={schemas[refName(schema) ?? ""] ?? schema} />}
        </>
      ))}
      <h3>Answers</h3>
      <table>
        {Object.entries(one.responses).map(([status, response]) => (
          <tr>
            <td>
              <code>{status}</code>
            </td>
            <td>
              {response.description}{" "}
              {Object.values(response.content ?? {}).map(
                ({ schema }) => schema !== undefined && <TypeLink schema={schema} />,
              )}
            </td>
          </tr>
        ))}
      </table>
      <h3>Example</h3>
      <pre>
        <code>{curl(path, method, one, origin, schemas)}</code>
      </pre>
    </details>
  );
}

function SchemaView({ schema }: { schema: Schema }) {
  const properties = recordOf(schema.properties);
  if (properties === null) return <TypeLink schema={schema} />;
  const required = Array.isArray(schema.required) ? schema.required : [];
  return (
    <table>
      {Object.entries(properties).map(([name, property]) => (
        <tr>
          <td>
            <code>{name}</code>
            {required.includes(name) ? "" : "?"}
          </td>
          <td>
            <TypeLink schema={recordOf(property) ?? {}} />
          </td>
          <td>{String(recordOf(property)?.description ?? "")}</td>
        </tr>
      ))}
    </table>
  );
}

function TypeLink({ schema }: { schema: Schema }) {
  const name = refName(schema);
  return name === null ? <span>{typeName(schema)}</span> : <a href={`#schema-${name}`}>{name}</a>;
}

const recordOf = (value: unknown): Schema | null => schemaSchema.safeParse(value).data ?? null;

const refName = (schema: Schema): string | null =>
  typeof schema.$ref === "string" ? (schema.$ref.split("/").at(-1) ?? null) : null;

function typeName(schema: Schema): string {
  const name = refName(schema);
  if (name !== null) return name;
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  const options = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(options)) return options.map((option) => typeName(recordOf(option) ?? {})).join(" | ");
  if (schema.type === "array") return `${typeName(recordOf(schema.items) ?? {})}[]`;
  return Array.isArray(schema.type) ? schema.type.join(" | ") : String(schema.type ?? "any");
}

function curl(path: string, method: string, one: Operation, origin: string, schemas: Record<string, Schema>): string {
  const parts = [`curl -sS ${method === "get" ? "" : `-X ${method.toUpperCase()} `}'${origin}${path}'`];
  if (one.security.length > 0) parts.push(`-H 'Authorization: Bearer $MAILSONAR_KEY'`.replaceAll("'", '"'));
  const body = one.requestBody?.content ?? {};
  const [type] = Object.keys(body);
  const schema = type === "application/json" ? body[type]?.schema : undefined;
  if (schema !== undefined)
    parts.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(sample(schema, schemas, 0))}'`);
  else if (type === "multipart/form-data") parts.push("-F 'file=@list.csv'");
  return parts.join(" \\\n  ");
}

/** An example value of a schema: its own example, its default, or the plainest value of its type. */
function sample(schema: Schema, schemas: Record<string, Schema>, depth: number): unknown {
  const target = refName(schema);
  if (target !== null) return depth > 4 ? null : sample(schemas[target] ?? {}, schemas, depth + 1);
  if ("example" in schema) return schema.example;
  if ("default" in schema) return schema.default;
  const properties = recordOf(schema.properties);
  if (properties !== null) {
    const required = Array.isArray(schema.required) ? schema.required : [];
    return Object.fromEntries(
      required.map((name: string) => [name, sample(recordOf(properties[name]) ?? {}, schemas, depth + 1)]),
    );
  }
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (schema.type === "array") return [sample(recordOf(schema.items) ?? {}, schemas, depth + 1)];
  return schema.type === "string" ? "…" : schema.type === "boolean" ? false : 0;
}
