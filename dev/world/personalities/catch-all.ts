import type { BoxAnswer, HostDefinition, Personality, ReasonList } from "../types.ts";
import { personality, takesAll, unknownAs, withAlternatives } from "./define.ts";

const LEAVER: BoxAnswer = {
  reply: "550 5.1.1 <{addr}>: Recipient address rejected: User unknown, has left the company",
  now: "mailbox_not_found",
  also: ["mailbox_disabled"],
};

/** A gateway's hosts, with its real names. */
function gateway(names: readonly string[], banner: string): readonly HostDefinition[] {
  return names.map((name) => ({ name, script: { banner } }));
}

const PROOFPOINT = gateway(
  ["mxa-00169c01.gslb.pphosted.com", "mxb-00169c01.gslb.pphosted.com"],
  "220 mx0a-00169c01.pphosted.com ESMTP mfa-m0104231",
);
const MIMECAST = gateway(
  ["eu-smtp-inbound-1.mimecast.com", "eu-smtp-inbound-2.mimecast.com"],
  "220 eu-smtp-1.mimecast.com ESMTP; Fri, 20 Nov 2026 08:00:00 +0000",
);
const BARRACUDA = gateway(
  ["d100000a.ess.barracudanetworks.com", "d100000b.ess.barracudanetworks.com"],
  "220 mx-inbound1-2.us-east-2b.ess.aws.cudaops.com ESMTP (d41d8cd98f00b204e9800998)",
);
const CISCO = gateway(
  ["mx1.hc100-10.eu.iphmx.com", "mx2.hc100-10.eu.iphmx.com"],
  "220 esa.hc100-10.eu.iphmx.com ESMTP",
);

/** The same gateways where the customer switched the recipient check on; a label of their own keeps hosts apart. */
const strict = (hosts: readonly HostDefinition[], from: string, to: string): readonly HostDefinition[] =>
  hosts.map((host) => ({ ...host, name: host.name.replace(from, to) }));

const CLOSED_BOOK: ReasonList = ["gateway_protected", "catch_all", "unconfirmed"];

/** Domains and gateways that take recipients without knowing them. */
export const CATCH_ALL: readonly Personality[] = [
  personality({
    name: "catchall",
    description: "takes every recipient",
    box: takesAll("250 2.1.5 Ok", "catch_all"),
  }),
  personality({
    name: "catchall-leavers",
    description: "takes every recipient but people who left",
    box: { ...takesAll("250 2.1.5 Ok", "catch_all"), gone: LEAVER },
  }),
  personality({
    name: "cannot-verify",
    description: "252 for known users, refusals for the others",
    box: { exists: { reply: "252 2.1.5 Cannot VRFY user, but will accept message", now: "accepted" } },
  }),
  personality({
    name: "proofpoint",
    description: "Proofpoint that accepts and bounces later",
    hosts: PROOFPOINT,
    box: takesAll("250 2.1.5 Ok", "gateway_protected"),
  }),
  personality({
    name: "mimecast",
    description: "Mimecast that accepts and bounces later",
    hosts: MIMECAST,
    box: takesAll("250 Ok", "gateway_protected"),
  }),
  personality({
    name: "barracuda",
    description: "Barracuda that accepts and bounces later",
    hosts: BARRACUDA,
    box: takesAll("250 2.1.5 Ok", "gateway_protected"),
  }),
  personality({
    name: "cisco",
    description: "Cisco Secure Email that accepts and bounces later",
    hosts: CISCO,
    box: takesAll("250 recipient <{addr}> ok", "gateway_protected"),
  }),
  personality({
    name: "proofpoint-strict",
    description: "Proofpoint with recipient verification: 5.7.1 marked as invalid is about the recipient",
    hosts: strict(PROOFPOINT, "00169c01", "00273d02"),
    box: unknownAs({
      reply: "550 5.7.1 <{addr}>: Recipient address rejected: marked as invalid",
      now: "mailbox_not_found",
    }),
  }),
  personality({
    name: "mimecast-strict",
    description: "Mimecast that knows its recipients",
    hosts: strict(MIMECAST, "eu-", "us-"),
    box: unknownAs({
      reply: "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [a1b2c3d4-MC]",
      now: "mailbox_not_found",
    }),
  }),
  personality({
    name: "barracuda-strict",
    description: "Barracuda that knows its recipients",
    hosts: strict(BARRACUDA, "d10", "d20"),
    box: unknownAs({
      reply: "550 permanent failure for one or more recipients ({addr}:550 5.1.1 User unknown)",
      now: "mailbox_not_found",
    }),
  }),
  personality({
    name: "cisco-strict",
    description: "Cisco that knows its recipients",
    hosts: strict(CISCO, "hc100", "hc200"),
    box: unknownAs({ reply: "550 #5.1.0 Address rejected.", now: "mailbox_not_found" }),
  }),
  personality({
    name: "control-guarded",
    description: "knows its users, and takes names that look made up for an attack",
    script: { madeUp: "554 5.7.1 Dictionary attack suspected, your session is logged" },
    // Three strangers refused in the same words are as good as a control; fewer are not.
    box: withAlternatives({}, ["unconfirmed"]),
  }),
  personality({
    name: "cisco-silent",
    description: "Cisco's harvest guard: after ten refusals in a session everybody is accepted",
    hosts: strict(CISCO, "hc100", "hc300").map((host) => ({
      ...host,
      script: { ...host.script, refusalsMax: 10 },
    })),
    box: withAlternatives(
      {
        exists: { reply: "250 recipient <{addr}> ok", now: "accepted" },
        ...unknownAs({ reply: "550 #5.1.0 Address rejected.", now: "mailbox_not_found" }),
      },
      CLOSED_BOOK,
    ),
  }),
];
