import { is } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as tables from "../../../shared/schema/tables.ts";
import { freshDatabase, type TestDatabase } from "../../support/database.ts";

type Column = { name: string; type: string; notNull: boolean; hasDefault: boolean };

const declared = Object.values(tables).filter((value) => is(value, PgTable));
let db: TestDatabase;
let actual: Map<string, Column[]>;

beforeAll(async () => {
  db = await freshDatabase();
  const client = new Client({ connectionString: db.superuserUrl });
  await client.connect();
  const { rows } = await client.query<Column & { table: string }>(
    `SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
            a.attnotnull AS "notNull", (a.atthasdef OR a.attidentity <> '') AS "hasDefault"
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname <> 'schema_migrations'
      ORDER BY c.relname, a.attnum`,
  );
  actual = new Map();
  for (const { table, ...column } of rows) actual.set(table, [...(actual.get(table) ?? []), column]);
  await client.end();
});
afterAll(() => db.drop());

describe("the declared tables", () => {
  it("are exactly those of the database", () => {
    expect(declared.map((table) => getTableConfig(table).name).sort()).toEqual([...actual.keys()].sort());
  });

  it.each(declared.map((table) => [getTableConfig(table).name, table] as const))(
    "have the columns of the database: %s",
    (name, table) => {
      const { columns, primaryKeys } = getTableConfig(table);
      const keys = new Set(primaryKeys.flatMap((key) => key.columns.map((column) => column.name)));
      const ours = columns.map((column): Column => {
        const identity = column.generatedIdentity !== undefined;
        return {
          name: column.name,
          type: column.getSQLType(),
          notNull: column.notNull || column.primary || keys.has(column.name),
          hasDefault: column.hasDefault || identity,
        };
      });
      expect(ours).toEqual(actual.get(name));
    },
  );
});
