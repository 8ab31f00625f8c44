/** Decoding, verifying and opening of envelopes (PROTOCOL §15). */
import { decode } from "./cbor.js";
import { ascending, bytes, bytesOf, list, plainEnum, struct, unsigned } from "./schema.js";
import { identifier, logHeads, requireVersionAndSuite } from "./common.js";
import { concat, fromHex } from "./bytes.js";
import { EnvelopeError, MalformedError } from "./errors.js";
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
  ["kind", plainEnum({ 1: "changes", 2: "snapshot", 3: "blob", 4: "attest", 5: "dispute" })],
  ["space", identifier(32)],
  ["keyId", identifier(32)],
  ["author", identifier(32)],
  ["authorSequence", unsigned(64)],
  ["accessHeads", logHeads],
  ["parents", ascending(identifier(32), fromHex, limits.PARENTS)],
  ["salt", bytesOf(32)],
]);

const changesPayload = struct([
  ["runNonces", list(bytesOf(16), limits.RUN_NONCES)],
  ["changes", list(bytes, limits.CHANGES)],
]);

/**
 * @param {Uint8Array} sealed exact bytes of an envelope
 * @returns {{id: string, header: object, headerBytes: Uint8Array, commitment: Uint8Array, ciphertext: Uint8Array,
 *   signature: Uint8Array}}
 * @throws {MalformedError|NeedsNewerError}
 */
export function decodeEnvelope(sealed) {
  if (sealed.length > limits.ENVELOPE_BYTES) throw new MalformedError("envelope too large");
  const { header: headerBytes, commitment, ciphertext, signature } = sealedEnvelope(decode(sealed));
  if (headerBytes.length > limits.HEADER_BYTES) throw new MalformedError("header too large");
  requireVersionAndSuite(headerBytes);
  const header = envelopeHeader(decode(headerBytes));
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
  if (payload.length > limits.PAYLOAD_BYTES) throw new MalformedError("payload too large");
  return payload;
}

/** Payload of kind 1. @returns {{runNonces: Uint8Array[], changes: Uint8Array[]}} */
export function decodeChanges(payload) {
  return changesPayload(decode(payload));
}
