/**
 * Statements: what the recording device signs of an entry, so that it verifies without the document that it stands in
 * (PROTOCOL §30).
 */
import { compare, fromHex, utf8 } from "./bytes.js";
import { encode } from "./cbor.js";
import { identifier, logHeads, requireVersion, VERSION } from "./common.js";
import { knowledgeOf } from "./counting.js";
import { personsOf } from "./belonging.js";
import { CryptoError, MalformedError, MissingError } from "./errors.js";
import * as limits from "./limits.js";
import { verifySignature } from "./primitives.js";
import { contentRole, findDeviceKeys } from "./rights.js";
import { ascending, bytesOf, plainEnum, read, readMessage, struct, text, unsigned } from "./schema.js";
import { View } from "./state.js";

/** What a statement is about. */
export const CONSENT_EVENT = 1;
export const PLAN_AGREEMENT = 2;

const field = struct([
  ["name", text],
  ["value", text],
]);

const statementShape = struct([
  ["version", unsigned(8)],
  ["kind", plainEnum({ [CONSENT_EVENT]: CONSENT_EVENT, [PLAN_AGREEMENT]: PLAN_AGREEMENT })],
  ["space", identifier(32)],
  ["entry", text],
  ["fields", ascending(field, ({ name }) => utf8(name))],
  ["device", identifier(32)],
  ["signedAtMs", unsigned(64)],
  ["heads", logHeads],
]);

const signatureShape = struct([
  ["version", unsigned(8)],
  ["device", identifier(32)],
  ["signedAtMs", unsigned(64)],
  ["heads", logHeads],
  ["signature", bytesOf(64)],
]);

/**
 * What is signed, from its bytes.
 * @param {Uint8Array} encoded
 * @returns {{version: number, kind: number, space: string, entry: string, fields: Array<{name: string, value: string}>,
 *   device: string, signedAtMs: number|bigint, heads: Array<object>}}
 * @throws {MalformedError|NeedsNewerError}
 */
export function decodeStatement(encoded) {
  requireVersion(encoded);
  return read(statementShape, encoded);
}

/**
 * What stands beside an entry.
 * @param {Uint8Array} encoded
 * @returns {{version: number, device: string, signedAtMs: number|bigint, heads: Array<object>, signature: Uint8Array}}
 * @throws {MalformedError|NeedsNewerError}
 */
export function decodeSignature(encoded) {
  if (encoded.length > limits.STATEMENT_SIGNATURE_BYTES) throw new MalformedError("the signature of a statement is too large");
  requireVersion(encoded);
  return readMessage(signatureShape, encoded);
}

/** The same as an entry stores it: base64 with padding, in its one form. @param {string} stored */
export function readStoredSignature(stored) {
  return decodeSignature(fromBase64(stored));
}

/** RFC 4648 §4, with padding and nothing else between. @throws {MalformedError} */
export function fromBase64(stored) {
  const decoded = Buffer.from(stored, "base64");
  if (decoded.toString("base64") !== stored) throw new MalformedError("not base64");
  return new Uint8Array(decoded);
}

/**
 * The bytes that are signed.
 * @param {{kind: number, space: string, entry: string, fields: Record<string, string>}} said `fields`: all that the entry
 *   stores but its signature
 * @param {{device: string, signedAtMs: number|bigint, heads: Array<{space: string, index: number, operation: string}>}} signed
 * @returns {Uint8Array}
 */
export function statementBytes({ kind, space, entry, fields }, { device, signedAtMs, heads }) {
  const named = Object.entries(fields).sort(([left], [right]) => compare(utf8(left), utf8(right)));
  const known = heads.map((head) => [fromHex(head.space), head.index, fromHex(head.operation)]);
  return encode([VERSION, kind, fromHex(space), entry, named, fromHex(device), signedAtMs, known]);
}

/**
 * Whether a statement holds for an institution. What became of its device later makes no difference.
 * @param {Logs} logs
 * @param {string} institution
 * @param {{kind: number, space: string, entry: string, fields: Record<string, string>}} said
 * @param {Uint8Array} encoded its signature
 * @returns {{device: string, persons: string[], signedAtMs: number|bigint}} who signed, and the persons beneath the institution
 *   whose logs ever admitted that device, as the heads say: one, where the relay is honest
 * @throws {MalformedError|NeedsNewerError} its form
 * @throws {MissingError} `unknown_log`
 * @throws {CryptoError} `unknown_signer`, `bad_signature` or `not_of_the_institution`
 */
export function verifyStatement(logs, institution, said, encoded) {
  const signed = decodeSignature(encoded);
  const { device, heads, signedAtMs } = signed;
  const knowledge = knownBy(logs, heads);
  const view = View.known(logs, knowledge);
  const keys = findDeviceKeys(view, [...knowledge.keys()], device);
  if (keys === null) throw new CryptoError("unknown_signer", "no log that it names knows the device's keys");
  requireSignature(keys.verifying, statementBytes(said, signed), signed.signature);
  const isMember = view.state(institution)?.kind === "institution" && contentRole(view, device, institution) !== "none";
  if (!isMember) throw new CryptoError("not_of_the_institution", "the device had no keys of the institution");
  return { device, persons: [...personsOf(view, institution, device)].sort(), signedAtMs };
}

/** The logs as far as the heads come after them. */
function knownBy(logs, heads) {
  try {
    return knowledgeOf(logs, heads);
  } catch (error) {
    if (error.code !== "unknown_reference") throw error;
    throw new MissingError("unknown_log", "it names an operation that is not here", error.missing);
  }
}

function requireSignature(key, message, signature) {
  try {
    verifySignature(key, "statement/sign", message, signature);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new CryptoError("bad_signature", error.message);
  }
}
