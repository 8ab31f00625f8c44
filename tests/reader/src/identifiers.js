/** Identifiers and fingerprints (PROTOCOL §5). Inside the reader an identifier is its lower-case hexadecimal text. */
import { hash } from "./primitives.js";
import { toHex, fromHex } from "./bytes.js";
import { MalformedError } from "./errors.js";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const FINGERPRINT_BYTES = 10;

/** @param {{verifying: Uint8Array, kem: Uint8Array}} keys */
export function deviceId(keys) {
  return toHex(hash("device", keys.verifying, keys.kem));
}

/** @param {Uint8Array} signedOperation exact bytes of the signed operation 0 */
export function spaceId(signedOperation) {
  return toHex(hash("space", signedOperation));
}

/** @param {Uint8Array} signedOperation exact bytes */
export function operationId(signedOperation) {
  return toHex(hash("operation", signedOperation));
}

/** @param {Uint8Array} envelope exact bytes */
export function envelopeId(envelope) {
  return toHex(hash("envelope", envelope));
}

/** @param {Uint8Array} seed of an epoch */
export function keyId(seed) {
  return toHex(hash("key-id", seed));
}

/** @param {Uint8Array} wrap its bytes */
export function wrapHash(wrap) {
  return toHex(hash("wrap/hash", wrap));
}

/** @param {string} home space id of the institution @param {Uint8Array} nonce 16 bytes @returns {string} 16 bytes */
export function caseId(home, nonce) {
  return toHex(hash("case", fromHex(home), nonce).subarray(0, 16));
}

/** @param {string} space @param {string} device @param {Uint8Array} runNonce @returns {string} 16 bytes */
export function actorId(space, device, runNonce) {
  return toHex(hash("actor", fromHex(space), fromHex(device), runNonce).subarray(0, 16));
}

/** @param {string} id in hexadecimal @returns {string} four groups of four, by hyphens */
export function fingerprint(id) {
  const bytes = fromHex(id).subarray(0, FINGERPRINT_BYTES);
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let shift = 75n; shift >= 0n; shift -= 5n) text += CROCKFORD[Number((bits >> shift) & 31n)];
  return text.match(/.{4}/g).join("-");
}

/** A fingerprint as people type it, in its one form: hyphens, spaces and case ignored, O read as 0, I and L as 1. */
export function readFingerprint(typed) {
  const text = typed.replace(/[-\s]/g, "").toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1");
  if (text.length !== 16 || [...text].some((letter) => !CROCKFORD.includes(letter))) {
    throw new MalformedError("not a fingerprint");
  }
  return text.match(/.{4}/g).join("-");
}
