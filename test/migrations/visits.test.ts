import type { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createVisitLog } from "../../probe/settle/visits.ts";
import { connect, only } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let admin: Client;
let probe: Client;
beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  probe = await connect(db.roleUrl("probe"));
});
afterAll(async () => {
  await Promise.all([admin.end(), probe.end()]);
  await db.drop();
});
beforeEach(() => admin.query("TRUNCATE domain_facts"));

const visit = async (region: string, domain = "a.example", fact = "unreachable") =>
  only(
    (await probe.query("SELECT * FROM note_visits('{}', $1, $2)", [JSON.stringify([{ domain, fact }]), region])).rows,
  );
const reach = (...domains: string[]) => probe.query("SELECT * FROM note_visits($1, '[]', 'eu')", [domains]);
const passTime = (interval: string) =>
  admin.query(
    "UPDATE domain_facts SET learned_at = learned_at - $1::interval, expires_at = expires_at - $1::interval",
    [interval],
  );

describe("visits to a domain", () => {
  it("are counted over all regions, with the time since the first, and since the first elsewhere", async () => {
    expect(await visit("eu")).toMatchObject({ visits: 1, regions: 1, elsewhere_ms: null });
    await passTime("3 days");
    expect(await visit("eu")).toMatchObject({ visits: 2, regions: 1 });
    await passTime("2 days");
    const third = await visit("us");
    expect(third).toMatchObject({ visits: 3, regions: 2 });
    expect(Number(third.age_ms)).toBeGreaterThanOrEqual(5 * 86_400_000);
    expect(Number(third.elsewhere_ms)).toBeGreaterThanOrEqual(5 * 86_400_000);
    expect(Number((await visit("eu")).elsewhere_ms)).toBeLessThan(60_000);
  });

  it("that follow each other closely are one", async () => {
    for (let i = 0; i < 5; i++) await visit("eu");
    await passTime("59 minutes");
    expect(await visit("eu")).toMatchObject({ visits: 1 });
    await passTime("2 minutes");
    expect(await visit("eu")).toMatchObject({ visits: 2 });
  });

  it("are forgotten as soon as somebody there answers, and after two weeks of nothing", async () => {
    await visit("eu");
    await visit("us", "a.example", "relay_denied");
    await visit("eu", "b.example");
    await reach("a.example", "c.example");
    expect((await admin.query("SELECT domain FROM domain_facts")).rows).toEqual([{ domain: "b.example" }]);
    await passTime("15 days");
    expect(await visit("eu", "b.example")).toMatchObject({ visits: 1 });
  });

  it("that were turned away are a story of their own", async () => {
    await visit("eu", "a.example", "reset");
    await passTime("20 minutes");
    const second = await visit("us", "a.example", "reset");
    expect(second).toMatchObject({ visits: 2, regions: 2 });
    expect(Number(second.elsewhere_ms)).toBeGreaterThanOrEqual(900_000);
    expect(await visit("us")).toMatchObject({ visits: 1, regions: 1 });
    await reach("a.example");
    expect((await admin.query("SELECT 1 FROM domain_facts")).rows).toEqual([]);
  });

  it("do not touch what else is known of the domain, and of trouble only the known kinds are kept", async () => {
    await admin.query(
      "INSERT INTO domain_facts VALUES ('a.example', '', 'second_opinion', 'eu', 1, now(), now() + interval '1 hour')",
    );
    await reach("a.example");
    const odd = JSON.stringify([{ domain: "a.example", fact: "second_opinion" }]);
    expect((await probe.query("SELECT * FROM note_visits('{}', $1, 'eu')", [odd])).rows).toEqual([]);
    expect((await admin.query("SELECT fact, value FROM domain_facts")).rows).toEqual([
      { fact: "second_opinion", value: "eu" },
    ]);
  });
});

describe("the probe's memory of domains", () => {
  it("asks about many domains in one statement, and tells each its past", async () => {
    await visit("us", "b.example");
    const log = createVisitLog(db.roleUrl("probe"), "eu", (message) => {
      throw new Error(message);
    });
    log.reached("c.example");
    const pasts = await Promise.all([
      log.troubled("a.example", "unreachable"),
      log.troubled("b.example", "unreachable"),
      log.troubled("b.example", "relay_denied"),
    ]);
    expect(pasts).toMatchObject([
      { visits: 1, regions: 1, elsewhereMs: null },
      { visits: 2, regions: 2 },
      { visits: 1, regions: 1, elsewhereMs: null },
    ]);
    await log.close();
  });

  it("tells what was reached before it closes", async () => {
    await visit("us", "d.example");
    const log = createVisitLog(db.roleUrl("probe"), "eu", () => {});
    log.reached("d.example");
    await log.close();
    expect((await admin.query("SELECT 1 FROM domain_facts")).rows).toEqual([]);
  });

  it("knows nothing while Postgres is away, and says so at once", async () => {
    const troubles: string[] = [];
    const log = createVisitLog("postgres://probe@127.0.0.1:1/none", "eu", (message) => troubles.push(message));
    expect(await log.troubled("a.example", "unreachable")).toBeNull();
    expect(troubles).toHaveLength(1);
    await log.close();
  });
});
