/** Sealing with a key commitment, padding, and sealed labels (PROTOCOL §9). */
import * as primitives from "./primitives.js";
import { concat, equalConstantTime, fromHex, toHex } from "./bytes.js";
import { bytesOf, readMessage, struct, text } from "./schema.js";
import { CryptoError, MalformedError } from "./errors.js";
import { caseId } from "./identifiers.js";

const LENGTH_PREFIX = 4;
const PLAIN_STEP = 256;
const PLAIN_LIMIT = 4096;
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Opens what was sealed under a content or label key.
 * @param {{key: Uint8Array, salt: Uint8Array, labelName: string, header: Uint8Array, commitment: Uint8Array,
 *   ciphertext: Uint8Array}} sealed
 * @returns {Uint8Array} the plaintext without its padding
 * @throws {CryptoError} `wrong_commitment`, `does_not_open` or `bad_padding`
 */
export function open({ key, salt, labelName, header, commitment, ciphertext }) {
  const derived = messageKeys(key, salt, labelName, header);
  if (!equalConstantTime(derived.commitment, commitment)) {
    throw new CryptoError("wrong_commitment", "the commitment is not to this key");
  }
  return unpad(primitives.openAead(derived.key, derived.nonce, concat(header, commitment), ciphertext));
}

/** The other way; only tests need it. */
export function seal({ key, salt, labelName, header, plaintext }) {
  const derived = messageKeys(key, salt, labelName, header);
  const associated = concat(header, derived.commitment);
  const ciphertext = primitives.sealAead(derived.key, derived.nonce, associated, pad(plaintext));
  return { commitment: derived.commitment, ciphertext };
}

function messageKeys(key, salt, labelName, header) {
  const info = concat(primitives.label(labelName), primitives.digest(header));
  const material = primitives.expand(key, salt, info, 76);
  return { key: material.subarray(0, 32), nonce: material.subarray(32, 44), commitment: material.subarray(44) };
}

/** @param {number} length of the plaintext, bytes @returns {number} total after padding, its length field included */
export function paddedLength(length) {
  const needed = length + LENGTH_PREFIX;
  if (needed <= PLAIN_LIMIT) return Math.ceil(needed / PLAIN_STEP) * PLAIN_STEP;
  const exponent = floorLog2(needed);
  const mantissaBits = floorLog2(exponent) + 1;
  const step = 2 ** (exponent - mantissaBits);
  return Math.ceil(needed / step) * step;
}

function floorLog2(value) {
  return 31 - Math.clz32(value);
}

/** Length (u32, little-endian) ‖ plaintext ‖ zeros. */
export function pad(plaintext) {
  const padded = new Uint8Array(paddedLength(plaintext.length));
  new DataView(padded.buffer).setUint32(0, plaintext.length, true);
  padded.set(plaintext, LENGTH_PREFIX);
  return padded;
}

/** @throws {CryptoError} `bad_padding` for any total but the one `pad` makes and any filling byte that is not zero */
export function unpad(padded) {
  const refuse = () => {
    throw new CryptoError("bad_padding", "the padding is not the one of this length");
  };
  if (padded.length < LENGTH_PREFIX) refuse();
  const length = new DataView(padded.buffer, padded.byteOffset, padded.length).getUint32(0, true);
  if (length > padded.length - LENGTH_PREFIX || paddedLength(length) !== padded.length) refuse();
  const end = LENGTH_PREFIX + length;
  if (padded.subarray(end).some((byte) => byte !== 0)) refuse();
  return padded.subarray(LENGTH_PREFIX, end);
}

/** Opens `salt ‖ commitment ‖ ciphertext` under a label key. */
export function openSealedLabel(labelKey, context, sealed) {
  return openSelfContained(labelKey, "sealed-label", context, sealed);
}

/** Opens `salt ‖ commitment ‖ ciphertext`. */
export function openSelfContained(key, labelName, header, sealed) {
  if (sealed.length < 64) throw new CryptoError("does_not_open", "too short to be sealed");
  return open({
    key,
    labelName,
    header,
    salt: sealed.subarray(0, 32),
    commitment: sealed.subarray(32, 64),
    ciphertext: sealed.subarray(64),
  });
}

const sectionLabel = struct([
  ["code", text],
  ["home", bytesOf(32)],
  ["nonce", bytesOf(16)],
]);

/**
 * A section's label.
 * @param {object} epoch the epoch it stands in
 * @param {Uint8Array} sealed
 * @returns {{code: string, home: string, nonce: string, caseId: string}}
 */
export function openSectionLabel(epoch, sealed) {
  const plain = openSealedLabel(epoch.labelKey, fromHex(epoch.id), sealed);
  const value = readMessage(sectionLabel, plain);
  const home = toHex(value.home);
  return { code: value.code, home, nonce: toHex(value.nonce), caseId: caseId(home, value.nonce) };
}

/** A grant's basis: why it was made. @param {string} grant grant id */
export function openBasis(labelKey, grant, sealed) {
  try {
    return strictUtf8.decode(openSealedLabel(labelKey, fromHex(grant), sealed));
  } catch (error) {
    if (error instanceof CryptoError) throw error;
    throw new MalformedError("a basis is UTF-8 text");
  }
}
