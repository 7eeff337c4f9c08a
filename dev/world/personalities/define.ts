import type { Reason } from "../../../shared/verdict/vocabulary.ts";
import type { Box, BoxAnswer, HostDefinition, HostScript, Personality, ReasonList } from "../types.ts";

/** The mailboxes of a Postfix server: what a personality says unless it says otherwise. */
export const POSTFIX_BOX: Box = {
  exists: { reply: "250 2.1.5 Ok", now: "accepted" },
  role: { reply: "250 2.1.5 Ok", now: "accepted" },
  unknown: {
    reply: "550 5.1.1 <{addr}>: Recipient address rejected: User unknown in virtual mailbox table",
    now: "mailbox_not_found",
  },
  gone: {
    reply: "550 5.1.1 <{addr}>: Recipient address rejected: User unknown in virtual mailbox table",
    now: "mailbox_not_found",
  },
  full: { reply: "452 4.2.2 <{addr}>: Recipient address rejected: Mailbox is full, over quota", now: "mailbox_full" },
  disabled: {
    reply: "550 5.2.1 <{addr}>: Recipient address rejected: This mailbox is disabled",
    now: "mailbox_disabled",
  },
  grey: {
    reply: "450 4.2.0 <{addr}>: Recipient address rejected: Greylisted, please try again later",
    now: "greylisted",
    later: "accepted",
  },
  restricted: {
    reply: "550 5.7.1 <{addr}>: Recipient address rejected: Only members may post to this list",
    now: "restricted",
  },
  moved: { reply: "551 5.1.6 <{addr}> has moved; please try <{local}@elsewhere.net>", now: "mailbox_not_found" },
  forwarded: { reply: "251 2.1.5 User not local; will forward to <{local}@elsewhere.net>", now: "accepted" },
  busy: {
    reply: "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend later.",
    now: "temporary_error",
  },
};

type Input = Pick<Personality, "name" | "description"> &
  Partial<Omit<Personality, "box" | "hosts">> & {
    readonly box?: Partial<Box>;
    readonly hosts?: readonly HostDefinition[];
    /** Script of all hosts that have none of their own. */
    readonly script?: HostScript;
  };

/** Completes a personality: Postfix mailboxes, one host named `mx`, nothing special about DNS or time. */
export function personality(input: Input): Personality {
  const { script, hosts = [{ name: "mx" }], box, ...rest } = input;
  const all: Box = { ...POSTFIX_BOX, ...box };
  return {
    domains: [],
    outcome: null,
    spread: false,
    zone: null,
    greylist: null,
    slow: false,
    unsafe: false,
    ...rest,
    hosts: script ? hosts.map((host) => ({ ...host, script: { ...script, ...host.script } })) : hosts,
    box: { ...all, grey: greyLike(all) },
  };
}

/** A greylisted mailbox turns out to be an ordinary one in the end. */
function greyLike({ grey, exists }: Box): BoxAnswer {
  return grey.later === undefined ? grey : { ...grey, later: exists.later ?? exists.now };
}

/** Mailboxes of a server that answers unknown users so, leavers too. */
export function unknownAs(answer: BoxAnswer): Pick<Box, "unknown" | "gone"> {
  return { unknown: answer, gone: answer };
}

/** Postfix mailboxes with these changes, where other verdicts are as defensible whatever the mailbox. */
export function withAlternatives(changes: Partial<Box>, also: ReasonList): Box {
  const box: Box = { ...POSTFIX_BOX, ...changes };
  return Object.fromEntries(Object.entries(box).map(([kind, answer]) => [kind, { ...answer, also }])) as Box;
}

/**
 * The same mailboxes behind a host of second preference, where the first does not speak: an acceptance there is not
 * confirmed, whatever a control address is told.
 */
export function onBackup(box: Box): Box {
  const worth = (reason: Reason): Reason => (reason === "accepted" || reason === "catch_all" ? "unconfirmed" : reason);
  const weaker = ({ reply, now, later, also = [] }: BoxAnswer): BoxAnswer => ({
    reply,
    now: worth(now),
    ...(later === undefined ? {} : { later: worth(later) }),
    also: also.map(worth),
  });
  return Object.fromEntries(Object.entries(box).map(([kind, answer]) => [kind, weaker(answer)])) as Box;
}

/** Mailboxes of a server that takes every recipient with one reply; all earn the same verdict. */
export function takesAll(reply: string, now: "catch_all" | "gateway_protected"): Box {
  const answer: BoxAnswer = { reply, now, also: now === "gateway_protected" ? ["catch_all"] : [] };
  return {
    exists: answer,
    role: answer,
    ...unknownAs(answer),
    full: answer,
    disabled: answer,
    grey: answer,
    restricted: answer,
    moved: answer,
    forwarded: answer,
    busy: answer,
  };
}
