import type { ReplyRow } from "../types.ts";
import { AMERICA_ROWS } from "./america.ts";
import { ASIA_ROWS } from "./asia.ts";
import { BLOCKLIST_ROWS, NAMED_BLOCKLIST_ROWS } from "./blocklist.ts";
import { CALLOUT_ROWS } from "./callout.ts";
import { CODE_ROWS, STATUS_ROWS } from "./codes.ts";
import { DISABLED_ROWS } from "./disabled.ts";
import { EUROPE_ROWS } from "./europe.ts";
import { FULL_ROWS, PLAIN_FULL_ROWS } from "./full.ts";
import { GATEWAY_ROWS } from "./gateways.ts";
import { GOOGLE_ROWS } from "./google.ts";
import { GREYLIST_ROWS } from "./greylist.ts";
import { HOST_ROWS } from "./host.ts";
import { MICROSOFT_ROWS } from "./microsoft.ts";
import { MOVED_ROWS } from "./moved.ts";
import { PERSON_ROWS } from "./persons.ts";
import { POLICY_ROWS } from "./policy.ts";
import { PROTOCOL_ROWS } from "./protocol.ts";
import { RATE_ROWS } from "./rate.ts";
import { RDNS_ROWS } from "./rdns.ts";
import { RELAY_ROWS } from "./relay.ts";
import { RESTRICTED_ROWS } from "./restricted.ts";
import { SENDER_ROWS } from "./sender.ts";
import { SERVER_ROWS } from "./servers.ts";
import { TEMPORARY_ROWS } from "./temporary.ts";
import { TLS_ROWS } from "./tls.ts";
import { PLAIN_UNKNOWN_ROWS, UNKNOWN_ROWS } from "./unknown.ts";
import { YAHOO_ROWS } from "./yahoo.ts";

/**
 * The whole table in the order in which it is tried. Quotations of our sender come first, then the exact replies of
 * single operators, then what is about us, and only then what is about the recipient: a reply that could be read both
 * ways never condemns a mailbox. Codes without words come last.
 */
export const REPLY_ROWS: readonly ReplyRow[] = [
  ...CALLOUT_ROWS,
  ...MICROSOFT_ROWS,
  ...GOOGLE_ROWS,
  ...YAHOO_ROWS,
  ...ASIA_ROWS,
  ...EUROPE_ROWS,
  ...AMERICA_ROWS,
  ...SERVER_ROWS,
  ...NAMED_BLOCKLIST_ROWS,
  ...GATEWAY_ROWS,
  ...TLS_ROWS,
  ...GREYLIST_ROWS,
  ...RATE_ROWS,
  ...RDNS_ROWS,
  ...SENDER_ROWS,
  ...PLAIN_UNKNOWN_ROWS,
  ...PLAIN_FULL_ROWS,
  ...RELAY_ROWS,
  ...BLOCKLIST_ROWS,
  ...POLICY_ROWS,
  ...FULL_ROWS,
  ...RESTRICTED_ROWS,
  ...DISABLED_ROWS,
  ...MOVED_ROWS,
  ...PROTOCOL_ROWS,
  ...PERSON_ROWS,
  ...UNKNOWN_ROWS,
  ...HOST_ROWS,
  ...STATUS_ROWS,
  ...TEMPORARY_ROWS,
  ...CODE_ROWS,
];
