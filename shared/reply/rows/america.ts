import type { ReplyRow } from "../types.ts";

/** GoDaddy, Cox, Charter/Spectrum, Comcast, Apple, Facebook. */
export const AMERICA_ROWS: readonly ReplyRow[] = [
  {
    rule: "godaddy-rate",
    class: "rate",
    reason: "rate_limited",
    text: [" ib101", " ib007", " ib504", " ib510", " ib605", " ib607", "has sent to too many recipients"],
    examples: [
      "550 5.1.1 <user@example.com>  - 203.0.113.222 has sent to too many recipients this hour. IB607  <http://x.co/rlbounce>",
    ],
  },
  {
    rule: "godaddy-block",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: [" ib103", " ib104", " ib105", " ib106", " ib110", " ib111", " ib112", " ib113", "rbl reject"],
    examples: [
      "554 p3plibsmtp01-02.prod.phx3.secureserver.net bizsmtp Temporarily rejected. Reverse DNS for 192.0.2.1 failed. IB113 <http://x.co/rblbounce>",
    ],
  },
  {
    rule: "godaddy-sender",
    class: "sender",
    reason: "sender_rejected",
    text: [" ib401", " ib501", " ib502", " ib506", " ib508", " ib212", " ib705"],
    examples: [
      "550 5.1.0 192.0.2.222 is not allowed to send from <example.net> per it's SPF Record. Please inspect your SPF settings, and try again. IB508  <http://x.co/srbounce>",
    ],
  },
  {
    rule: "cox-block",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: ["cxbl", "cdrbl", "ipbl0", "ipbl1", "urlbl", "cox too many bad commands"],
    examples: [
      "554 cox.net - IP 192.0.2.1 Blocked. CXBL. Please refer to http://postmaster.cox.net/confluence/display/postmaster/Error+Codes for more information.",
    ],
  },
  {
    rule: "cox-client",
    class: "policy",
    reason: "policy_rejected",
    secondOpinion: true,
    text: ["cxdns", "cxsndr", "cxsmtp", "cxcnct", "cxmxrt", "cxthrt", "cxmj"],
    examples: ["421 cox.net Too many sessions from 192.0.2.1. CXCNCT. Please refer to http://postmaster.cox.net"],
  },
  {
    // Charter numbers its refusals "AUP#In-1310"; all of them are about the client or the sender.
    rule: "spectrum-aup",
    class: "policy",
    reason: "policy_rejected",
    secondOpinion: true,
    text: ["aup#in-", "aup#i-", "aup#o-", "aup#out-", "aup#bl"],
    examples: [
      "550 5.1.0 <probe@sender.example> sender rejected. Please see https://www.spectrum.net/support/internet/understanding-email-error-codes for more information. AUP#In-1310",
    ],
  },
  {
    rule: "comcast-block",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: ["#bl0", "postmaster.comcast.net*blocked", "#rl0", "comcast block for spam"],
    examples: [
      "554 resimta-po-01v.sys.comcast.net resimta-po-01v.sys.comcast.net 192.0.2.1 Comcast block for spam. Please see http://postmaster.comcast.net/smtp-error-codes.php#BL000001",
    ],
  },
  {
    // Hidden addresses take mail from registered senders alone and answer any other as if nobody were there.
    rule: "apple-relay-unregistered",
    class: "sender",
    reason: "provider_unverifiable",
    providers: ["apple_relay"],
    stages: ["rcpt"],
    digit: 5,
    examples: ["550 5.1.1 <hidden@privaterelay.appleid.com>: unauthorized sender"],
  },
  {
    rule: "apple-gone",
    class: "recipient",
    reason: "mailbox_not_found",
    flags: ["moved"],
    text: ["recipient no longer on server"],
    examples: ["550 5.1.6 recipient no longer on server: user@me.com"],
  },
  {
    rule: "apple-not-accepting",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: ["esmtp not accepting connections", "not accepting connections"],
    examples: ["554 st11p00im-smtpin013.me.com ESMTP not accepting connections"],
  },
  {
    rule: "apple-unknown",
    class: "recipient",
    reason: "mailbox_not_found",
    text: ["unknown or illegal alias", "inactive email address"],
    examples: [
      "550 5.1.1 unknown or illegal alias: user@icloud.com",
      "550 5.1.1 <user@icloud.com>: inactive email address",
    ],
  },
  {
    // facebook.com/postmaster/response_codes
    rule: "facebook-unknown",
    class: "recipient",
    reason: "mailbox_not_found",
    text: ["rcp-p1", "int-p1", "int-p3", "int-p4"],
    examples: [
      "550 5.1.1 RCP-P1 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#rcp The attempted recipient address does not exist.",
    ],
  },
  {
    rule: "facebook-deactivated",
    class: "recipient",
    reason: "mailbox_disabled",
    flags: ["disabled"],
    text: ["rcp-t4"],
    examples: ["550 5.2.1 RCP-T4 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#rcp"],
  },
  {
    rule: "facebook-preferences",
    class: "recipient",
    reason: "restricted",
    flags: ["exists"],
    text: ["rcp-p2", "rcp-p3", "refused due to recipient preferences"],
    examples: [
      "550 5.1.1 RCP-P2 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#rcp Refused due to recipient preferences",
    ],
  },
  {
    rule: "facebook-reverse-dns",
    class: "policy",
    reason: "rdns_required",
    secondOpinion: true,
    text: ["dns-p3", "dns-t2"],
    examples: ["554 5.7.1 DNS-P3 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#dns"],
  },
  {
    rule: "facebook-sender",
    class: "sender",
    reason: "sender_rejected",
    text: ["dns-p1", "dns-p2", "dns-t1", "pol-p7"],
    examples: ["554 5.7.1 POL-P7 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#pol"],
  },
  {
    rule: "facebook-block",
    class: "policy",
    reason: "probe_blocklisted",
    secondOpinion: true,
    text: ["pol-p1", "pol-p2", "pol-p3", "pol-p4", "pol-t1", "pol-t2", "pol-t3"],
    examples: [
      "554 5.7.1 POL-P1 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#pol Your mail server's IP Address is listed on the Spamhaus PBL.",
    ],
  },
  {
    rule: "facebook-rate",
    class: "rate",
    reason: "rate_limited",
    text: ["con-t1", "con-t2", "con-t3", "con-t4", "msg-t1"],
    examples: ["421 4.7.0 CON-T3 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#con"],
  },
  {
    rule: "aol-refused",
    class: "policy",
    reason: "policy_rejected",
    secondOpinion: true,
    text: ["will not accept delivery"],
    examples: ["521 5.2.1 : AOL will not accept delivery of this message."],
  },
];
