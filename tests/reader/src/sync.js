/** What a device and the relay say to each other (PROTOCOL §17–§19). */
import { concat, fromHex, u64BigEndian } from "./bytes.js";
import { decode, encode } from "./cbor.js";
import { identifier } from "./common.js";
import { CryptoError, MalformedError, TooLargeError } from "./errors.js";
import * as limits from "./limits.js";
import { digest, hash, verifySignature } from "./primitives.js";
import { markShape, receiptShape } from "./receipt.js";
import { boolean, bytes, bytesOf, list, nullable, optional, plainEnum, readMessage, struct, unsigned, variantEnum } from "./schema.js";

/** A wrap beside its operation, or in a share text. */
export const wrapShape = struct([
  ["recipient", identifier(32)],
  ["bytes", bytes],
]);

const pushItem = variantEnum({
  0: { type: "operation", fields: [["bytes", bytes], ["wraps", list(wrapShape)], ["receipt", optional(receiptShape)]] },
  1: { type: "envelope", fields: [["bytes", bytes], ["receipt", optional(receiptShape)]] },
  2: { type: "question", fields: [["id", identifier(32)]] },
});

/** What is pushed: in a sync request, and in a claim. */
export const pushShape = list(pushItem, limits.RESULTS);

/** An item as a response serves it; reader bundles hold the same. */
export const itemShape = struct([
  ["kind", plainEnum({ 1: "operation", 2: "envelope", 3: "join_request" })],
  ["bytes", bytes],
  ["wraps", list(wrapShape)],
  ["receipt", receiptShape],
]);

const requestShape = struct([
  ["version", unsigned(8)],
  ["cursor", unsigned(64)],
  ["journalMark", nullable(markShape)],
  ["push", pushShape],
  ["maxBytes", unsigned(32)],
]);

const CODES = [
  "malformed", "too_large", "bad_signature", "not_entitled", "log_moved", "invalid", "not_exact", "wrap_mismatch", "unknown_space",
  "not_admitted", "quota", "needs_newer", "unsupported", "access_ended", "access_reduced", "closed",
  "voided",
];

const resultShape = struct([
  ["id", identifier(32)],
  ["status", plainEnum({ 1: "accepted", 2: "duplicate", 3: "stale_access", 4: "missing_parents", 5: "held", 6: "rejected" })],
  ["code", optional(plainEnum(Object.fromEntries(CODES.map((code, index) => [index + 1, code]))))],
  ["receipt", optional(receiptShape)],
  ["missing", list(identifier(32))],
]);

const responseShape = struct([
  ["version", unsigned(8)],
  ["results", list(resultShape, limits.RESULTS)],
  ["items", list(itemShape, limits.SERVED_ITEMS)],
  ["cursor", unsigned(64)],
  ["more", boolean],
  ["journalMark", markShape],
  ["timeMs", unsigned(64)],
  ["signature", bytesOf(64)],
]);

/** @param {Uint8Array} encoded */
export function decodeSyncRequest(encoded) {
  return requireVersion(readMessage(requestShape, encoded));
}

/** @param {Uint8Array} encoded */
export function decodeSyncResponse(encoded) {
  return requireVersion(readMessage(responseShape, encoded));
}

/** @param {Uint8Array} encoded one result that stands alone */
export function decodeResult(encoded) {
  return readMessage(resultShape, encoded);
}

/** @param {Uint8Array} encoded a journal mark that stands alone */
export function decodeMark(encoded) {
  return readMessage(markShape, encoded);
}

function requireVersion(message) {
  if (message.version !== 1) throw new MalformedError(`version ${message.version}`);
  return message;
}

/**
 * What the relay signs in an answer.
 * @param {Uint8Array} encoded the response
 * @param {string} device to whom it answers
 * @returns {Uint8Array} 145 bytes
 */
export function statementOf(encoded, device) {
  const { journalMark, cursor, more, timeMs } = decodeSyncResponse(encoded);
  const { journal, sequence, hash: chain, beganAfter } = journalMark;
  const [, results] = decode(encoded);
  return concat(
    journal, u64BigEndian(sequence), chain, u64BigEndian(beganAfter), u64BigEndian(timeMs), fromHex(device),
    u64BigEndian(cursor), Uint8Array.of(more ? 1 : 0), hash("results", encode(results)),
  );
}

/** @throws {CryptoError} `bad_signature` */
export function verifyResponse(encoded, device, relayKey) {
  verifySignature(relayKey, "response/sign", statementOf(encoded, device), decodeSyncResponse(encoded).signature);
}

const tokenShape = struct([
  ["token", struct([
    ["version", unsigned(8)],
    ["device", identifier(32)],
    ["relay", bytesOf(32)],
    ["issuedAtMs", unsigned(64)],
    ["expiresAtMs", unsigned(64)],
  ])],
  ["signature", bytesOf(64)],
]);

/** @param {string} text as it stands behind `Bearer ` @returns {{token: object, signature: Uint8Array, signed: Uint8Array}} */
export function decodeToken(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new MalformedError("not base64url");
  const encoded = new Uint8Array(Buffer.from(text, "base64url"));
  if (encoded.length > limits.TOKEN_BYTES) throw new TooLargeError("token too large");
  const { token, signature } = readMessage(tokenShape, encoded);
  return { token: requireVersion(token), signature, signed: encode(decode(encoded)[0]) };
}

/**
 * The relay's time beside a refused token.
 * @returns {number} Unix milliseconds
 * @throws {CryptoError}
 */
export function relayTime(header, token, relayKey) {
  const [milliseconds, signature] = header.split(".");
  if (!/^[0-9]+$/.test(milliseconds) || signature === undefined) throw new CryptoError("bad_time", "not a time and a signature");
  const message = concat(u64BigEndian(BigInt(milliseconds)), digest(new TextEncoder().encode(token)));
  verifySignature(relayKey, "response/sign", message, new Uint8Array(Buffer.from(signature, "base64url")));
  return Number(milliseconds);
}
