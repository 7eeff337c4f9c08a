import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

const DAY_MS = 86_400_000;
const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
/** Object identifiers, already in DER: ecdsa-with-SHA256, commonName, subjectAltName. */
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
const SUBJECT_ALT_NAME = Buffer.from("0603551d11", "hex");

/** A key and a certificate in PEM. */
export type Certificate = { readonly key: string; readonly cert: string };

/**
 * Makes a self-signed X.509 v3 certificate (RFC 5280) for a DNS name with a fresh P-256 key. It is valid from
 * `fromMs` to `untilMs` (Unix time in milliseconds).
 */
function selfSigned(name: string, fromMs: number, untilMs: number): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const body = toBeSigned(name, publicKey, fromMs, untilMs);
  const signature = sign("sha256", body, privateKey);
  const der = seq(body, seq(ECDSA_WITH_SHA256), bits(signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}

/** A certificate valid around `nowMs`, and one that expired a month ago. */
export function worldCertificates(
  name: string,
  nowMs: number,
): { readonly good: Certificate; readonly expired: Certificate } {
  return {
    good: selfSigned(name, nowMs - DAY_MS, nowMs + 30 * DAY_MS),
    expired: selfSigned(name, nowMs - 60 * DAY_MS, nowMs - 30 * DAY_MS),
  };
}

function toBeSigned(name: string, publicKey: KeyObject, fromMs: number, untilMs: number): Buffer {
  const version = der(0xa0, der(INTEGER, Buffer.from([2])));
  const serial = randomBytes(12);
  // A serial number is positive and has no leading zero byte (RFC 5280 4.1.2.2).
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
  const subject = seq(der(SET, seq(COMMON_NAME, der(UTF8_STRING, Buffer.from(name)))));
  const altNames = seq(der(0x82, Buffer.from(name)));
  const extensions = der(0xa3, seq(seq(SUBJECT_ALT_NAME, der(OCTET_STRING, altNames))));
  return seq(
    version,
    der(INTEGER, serial),
    seq(ECDSA_WITH_SHA256),
    subject,
    seq(utcTime(fromMs), utcTime(untilMs)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    extensions,
  );
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

const seq = (...parts: Buffer[]): Buffer => der(SEQUENCE, Buffer.concat(parts));
const bits = (content: Buffer): Buffer => der(BIT_STRING, Buffer.concat([Buffer.from([0]), content]));

/** YYMMDDHHMMSSZ (RFC 5280 4.1.2.5.1). */
function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, "").slice(2, 14);
  return der(UTC_TIME, Buffer.from(`${digits}Z`));
}
