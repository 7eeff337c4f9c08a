import { expect, it } from "vitest";
import { wayTo } from "../../../probe/check/way.ts";

const FOUR = { address: "192.0.2.1", helo: "a.us.net" };
const SIX = { address: "2001:db8::1", helo: "b.us.net" };
const ANY = { address: "any", helo: "c.us.net" };
const BOTH = ["198.51.100.1", "2001:db8:1::1"];
const none = () => null;

it.each([
  ["its own family", FOUR, BOTH, none, { source: FOUR, addresses: ["198.51.100.1"] }],
  ["its own family first, by IPv6", SIX, BOTH, () => FOUR, { source: SIX, addresses: ["2001:db8:1::1"] }],
  [
    "another source where the host has one family",
    FOUR,
    ["2001:db8:1::1"],
    () => SIX,
    { source: SIX, addresses: ["2001:db8:1::1"] },
  ],
  ["nothing without a source of the family", FOUR, ["2001:db8:1::1"], none, null],
  ["all addresses when the system chooses", ANY, BOTH, none, { source: ANY, addresses: BOTH }],
])("a host is dialled by %s", (_name, source, addresses, other, expected) => {
  expect(wayTo(source, addresses, other)).toEqual(expected);
});
