/** Decoding, verifying and opening of envelopes (PROTOCOL §15). */
import { ascending, bytes, bytesOf, list, optional, plainEnum, read, readMessage, struct, text, unsigned } from "./schema.js";
import { accessHeads, identifier, requireVersionAndSuite } from "./common.js";
import { concat, fromHex } from "./bytes.js";
import { EnvelopeError, MalformedError, TooLargeError } from "./errors.js";
import { envelopeId } from "./identifiers.js";
import * as limits from "./limits.js";
import { digest, verifySignature } from "./primitives.js";
import { open } from "./sealing.js";

const sealedEnvelope = struct([
  ["header", bytes],
  ["commitment", bytesOf(32)],
  ["ciphertext", bytes],
  ["signature", bytesOf(64)],
]);

const envelopeHeader = struct([
  ["version", unsigned(8)],
  ["suite", unsigned(8)],
  ["kind", plainEnum({ 1: "changes", 2: "snapshot", 3: "blob", 4: "attest", 5: "dispute", 6: "erasure" })],
  ["space", identifier(32)],
  ["keyId", identifier(32)],
  ["author", identifier(32)],
  ["authorSequence", unsigned(64)],
  ["accessHeads", accessHeads],
  ["parents", ascending(identifier(32), fromHex, limits.PARENTS)],
  ["salt", bytesOf(32)],
]);

const changesPayload = struct([
  ["runNonces", list(bytesOf(16), limits.RUN_NONCES)],
  ["changes", list(bytes, limits.CHANGES)],
]);

/** Their order is no matter of decoding (PROTOCOL §2, 10): who relies on a list compares it with one that ascends. */
const hashes = (limit) => list(identifier(32), limit);

const snapshotPayload = struct([
  ["document", bytes],
  ["documentBytes", unsigned(64)],
  ["heads", hashes(limits.HEADS)],
  ["actors", list(struct([["actor", identifier(16)], ["device", identifier(32)]]), limits.SNAPSHOT_ACTORS)],
  ["covered", hashes(limits.SNAPSHOT_COVERED)],
]);

/** Both lists are empty. */
const erasurePayload = struct([
  ["runNonces", list(bytesOf(16), 0)],
  ["changes", list(bytes, 0)],
  ["reason", optional(text)],
]);

const headsPayload = struct([["heads", hashes(limits.HEADS)]]);

/** A header alone, from its bytes; what the vectors show. */
export function decodeHeader(bytesOfHeader) {
  requireVersionAndSuite(bytesOfHeader);
  return read(envelopeHeader, bytesOfHeader);
}

/**
 * @param {Uint8Array} sealed exact bytes of an envelope
 * @returns {{id: string, header: object, headerBytes: Uint8Array, commitment: Uint8Array, ciphertext: Uint8Array,
 *   signature: Uint8Array}}
 * @throws {MalformedError|NeedsNewerError}
 */
export function decodeEnvelope(sealed) {
  if (sealed.length > limits.ENVELOPE_BYTES) throw new TooLargeError("envelope too large");
  const { header: headerBytes, commitment, ciphertext, signature } = read(sealedEnvelope, sealed);
  if (headerBytes.length > limits.HEADER_BYTES) throw new TooLargeError("header too large");
  requireVersionAndSuite(headerBytes);
  const header = read(envelopeHeader, headerBytes);
  if (header.authorSequence === 0) throw new MalformedError("author sequences begin with 1");
  return { id: envelopeId(sealed), header, headerBytes, commitment, ciphertext, signature };
}

/**
 * @param {object} envelope as decoded
 * @param {Uint8Array} verifyingKey the author's, from the logs
 * @throws {CryptoError} `bad_signature`
 */
export function verifyEnvelope(envelope, verifyingKey) {
  const message = concat(digest(envelope.headerBytes), envelope.commitment, digest(envelope.ciphertext));
  verifySignature(verifyingKey, "envelope/sign", message, envelope.signature);
}

/**
 * @param {object} envelope as decoded
 * @param {object} epoch the one its header names
 * @returns {Uint8Array} the payload, still encoded
 * @throws {CryptoError|EnvelopeError}
 */
export function openPayload(envelope, epoch) {
  if (epoch.id !== envelope.header.keyId) throw new EnvelopeError("other_epoch", "sealed under another epoch");
  const payload = open({
    key: epoch.contentKey,
    salt: envelope.header.salt,
    labelName: `envelope/${envelope.header.kind}`,
    header: envelope.headerBytes,
    commitment: envelope.commitment,
    ciphertext: envelope.ciphertext,
  });
  if (payload.length > limits.PAYLOAD_BYTES) throw new TooLargeError("payload too large");
  return payload;
}

/** Payload of kind 6: the code of a reason, or null. */
export function decodeErasure(payload) {
  return readMessage(erasurePayload, payload).reason;
}

/** Payload of kind 1. @returns {{runNonces: Uint8Array[], changes: Uint8Array[]}} */
export function decodeChanges(payload) {
  return readMessage(changesPayload, payload);
}

/** Payload of kind 2. */
export function decodeSnapshot(payload) {
  return readMessage(snapshotPayload, payload);
}

/** Payload of kinds 4 and 5: the heads that their author came to. @returns {string[]} */
export function decodeHeads(payload) {
  return readMessage(headsPayload, payload).heads;
}
