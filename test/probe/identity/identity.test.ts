import { expect, test } from "vitest";
import { identityPage } from "../../../probe/identity/page.ts";
import { readIdentityConfig, serveIdentity } from "../../../probe/identity/server.ts";
import { configOf } from "../doctor/fakes.ts";

const OPERATOR = { name: "Example Ltd", abuseContact: "abuse@example.net", names: ["probe-1.example.net"] };
const config = configOf({
  PROBE_HELO_NAME: "probe-1.example.net",
  PROBE_SOURCE_ADDRESSES: "192.0.2.1,192.0.2.2=probe-2.example.net",
});

test("the page tells purpose, operator, opt-out and abuse contact, and needs nothing from elsewhere", () => {
  const { body } = identityPage(OPERATOR);
  for (const text of ["Example Ltd", "probe-1.example.net", "_mailsonar.", "probe=no", "mailto:abuse@example.net"]) {
    expect(body).toContain(text);
  }
  expect(body).not.toMatch(/<script|src=|@import|https?:\/\//);
});

test("what the operator sets cannot become markup", () => {
  const { body } = identityPage({ ...OPERATOR, name: '<img src=x onerror="a()">', abuseContact: '"><b>@x' });
  expect(body).not.toMatch(/<img|<b>/);
});

test("the page is served at the root alone, to GET and HEAD", async () => {
  const server = await serveIdentity({ port: 0, operator: OPERATOR });
  const url = `http://127.0.0.1:${server.port}`;
  const page = await fetch(`${url}/?from=log`);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(await page.text()).toContain("Example Ltd");
  expect(await (await fetch(url, { method: "HEAD" })).text()).toBe("");
  expect((await fetch(`${url}/../../etc/passwd`)).status).toBe(404);
  expect((await fetch(url, { method: "DELETE" })).status).toBe(405);
  await server.close();
});

test("no page unless a port is set; with one, operator and contact must be", () => {
  expect(readIdentityConfig({}, config)).toEqual({ ok: true, value: null });
  expect(readIdentityConfig({ PROBE_HTTP_PORT: "80" }, config)).toMatchObject({ ok: false });
  const set = { PROBE_HTTP_PORT: "80", PROBE_OPERATOR_NAME: "X" };
  expect(readIdentityConfig(set, config)).toMatchObject({ error: expect.stringContaining("PROBE_ABUSE_CONTACT") });
  expect(readIdentityConfig({ ...set, PROBE_ABUSE_CONTACT: "a@x.net" }, config)).toMatchObject({
    value: { port: 80, operator: { names: ["probe-1.example.net", "probe-2.example.net"] } },
  });
});
