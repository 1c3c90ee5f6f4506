/**
 * From a runtime's certificate to one in our own shape. `tls_info.ts` calls it.
 *
 * The runtime says what is hashed and when it is valid. Names are read from the certificate itself, because the runtimes
 * write them as one text, each in its way, and Deno's can be forged: it writes one DNS name `a.test, DNS:b.test` like two
 * (seen on 2.9.6; Node quotes since CVE-2021-44532).
 *
 * @module
 */

import type { DistinguishedName, NameAttribute, PeerCertificate, SubjectAltName } from "../duplex/tls_info.ts";
import {
  asciiText,
  contentOf,
  derText,
  type DerValue,
  derValues,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  oidText,
  SEQUENCE,
  SET,
} from "./der.ts";

/** As much of `X509Certificate` of `node:crypto` as is used. */
export interface X509 {
  readonly raw: Uint8Array;
  readonly fingerprint256: string;
  readonly validFrom: string;
  readonly validTo: string;
}

/** The names in a certificate. */
export type CertificateNames = Pick<PeerCertificate, "subject" | "issuer" | "subjectAltNames">;

/** Short names (RFC 4514 §3, and those that OpenSSL has beside them). */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.42": "GN",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};

const SUBJECT_ALT_NAME = "2.5.29.17";

/** Tags in a `TBSCertificate` (RFC 5280 §4.1). */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/** Kinds of `GeneralName` whose value is text. */
const TEXTS: Readonly<Record<number, "dns" | "email" | "uri">> = { 0x81: "email", 0x82: "dns", 0x86: "uri" };
const ADDRESS = 0x87;

/**
 * Reads a certificate.
 *
 * @throws {TypeError} It is no certificate.
 */
export function readCertificate({ raw, fingerprint256, validFrom, validTo }: X509): PeerCertificate {
  const bytes = new Uint8Array(raw); // a Buffer is not the same on all
  return {
    ...certificateNames(bytes),
    fingerprint256,
    validFrom: new Date(validFrom),
    validTo: new Date(validTo),
    raw: bytes,
  };
}

/**
 * Reads the names in a certificate (RFC 5280 §4.1).
 *
 * @throws {TypeError} It is no certificate.
 */
export function certificateNames(raw: Uint8Array): CertificateNames {
  const [certificate] = derValues(raw);
  const [toBeSigned] = derValues(contentOf(certificate, SEQUENCE));
  const fields = derValues(contentOf(toBeSigned, SEQUENCE));
  if (fields[0]?.tag === VERSION) fields.shift();
  const [, , issuer, , subject, , ...others] = fields;
  return {
    subject: distinguishedName(contentOf(subject, SEQUENCE)),
    issuer: distinguishedName(contentOf(issuer, SEQUENCE)),
    subjectAltNames: subjectAltNames(others.find(({ tag }) => tag === EXTENSIONS)),
  };
}

function distinguishedName(content: Uint8Array): DistinguishedName {
  return derValues(content).flatMap((relative) => derValues(contentOf(relative, SET)).map(nameAttribute));
}

function nameAttribute(attribute: DerValue): NameAttribute {
  const [oid, value] = derValues(contentOf(attribute, SEQUENCE));
  const number = oidText(contentOf(oid, OBJECT_IDENTIFIER));
  if (value === undefined) throw new TypeError("Cannot read the certificate: an attribute has no value");
  return { type: ATTRIBUTES[number] ?? number, value: derText(value) };
}

function subjectAltNames(extensions: DerValue | undefined): SubjectAltName[] {
  if (extensions === undefined) return [];
  const [list] = derValues(extensions.content);
  const found = derValues(contentOf(list, SEQUENCE)).flatMap((extension) => {
    const [oid, ...parts] = derValues(contentOf(extension, SEQUENCE)); // whether it is critical may stand in between
    return oidText(contentOf(oid, OBJECT_IDENTIFIER)) === SUBJECT_ALT_NAME
      ? [contentOf(parts.at(-1), OCTET_STRING)]
      : [];
  });
  if (found.length > 1) throw new TypeError("Cannot read the certificate: an extension stands there twice");
  return found.flatMap((content) => derValues(contentOf(derValues(content)[0], SEQUENCE)).flatMap(subjectAltName));
}

/** None for a name of another kind. */
function subjectAltName({ tag, content }: DerValue): SubjectAltName[] {
  const type = tag === ADDRESS ? "ip" : TEXTS[tag];
  const value = tag === ADDRESS ? addressText(content) : asciiText(content);
  return type === undefined || value === null ? [] : [{ type, value }];
}

function addressText(content: Uint8Array): string | null {
  if (content.byteLength === 4) return content.join(".");
  if (content.byteLength !== 16) return null;
  const groups = hex(content).match(/.{4}/g)!.join(":");
  return new URL(`http://[${groups}]/`).hostname.slice(1, -1); // in the short form of RFC 5952
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
