/**
 * The primitives of suite 2 and their labels (PROTOCOL §3, §4). Each is another implementation than the reference's:
 * `@noble/*` for hashes, Ed25519 and the AEAD, `@hpke/*` for HPKE over X-Wing.
 */
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { CipherSuite, HkdfSha256 } from "@hpke/core";
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { XWing } from "@hpke/hybridkem-x-wing";
import { concat, equal, utf8 } from "./bytes.js";
import { CryptoError } from "./errors.js";

/** Bytes of an X-Wing public key: ML-KEM-768 (1,184) and X25519 (32). */
export const KEM_KEY_LENGTH = 1216;
/** Bytes of an X-Wing encapsulation: ML-KEM-768 (1,088) and X25519 (32). */
export const ENCAPSULATION_LENGTH = 1120;

const ML_KEM_ENCODED_COEFFICIENTS = 1152;
const ML_KEM_MODULUS = 3329;
const EMPTY = new Uint8Array(0);
const ZERO_NONCE = new Uint8Array(12);

/** @param {string} name for example `operation/sign` @returns {Uint8Array} the label's bytes, with its closing zero */
export function label(name) {
  return concat(utf8(`nahtlos/v1/${name}`), Uint8Array.of(0));
}

/** Plain SHA-256 over the parts. */
export function digest(...parts) {
  return sha256(concat(...parts));
}

/** `H(label, parts…)` of PROTOCOL §3. */
export function hash(name, ...parts) {
  return sha256(concat(label(name), ...parts));
}

/** `KDF(secret, label, context…)` of PROTOCOL §3: 32 bytes. */
export function derive(secret, name, ...context) {
  return hkdf(sha256, secret, EMPTY, concat(label(name), ...context), 32);
}

/** HKDF-SHA256 with a salt of its own. */
export function expand(secret, salt, info, length) {
  return hkdf(sha256, secret, salt, info, length);
}

/**
 * An Ed25519 public key, refused if it is no point, not canonical, of small order or with a torsion component.
 * @param {Uint8Array} key 32 bytes
 * @throws {CryptoError} `bad_key`
 */
export function parseVerifyingKey(key) {
  let point;
  try {
    point = ed25519.Point.fromBytes(key, false);
  } catch {
    throw new CryptoError("bad_key", "the verifying key is no canonical point");
  }
  if (point.isSmallOrder() || !point.isTorsionFree()) {
    throw new CryptoError("bad_key", "the verifying key has a torsion component");
  }
  return point;
}

/**
 * Verifies a signature over `label ‖ message`.
 * @param {Uint8Array} key 32 bytes
 * @param {string} name the label
 * @param {Uint8Array} message
 * @param {Uint8Array} signature 64 bytes
 * @throws {CryptoError} `bad_key` or `bad_signature`
 */
export function verifySignature(key, name, message, signature) {
  verifyStrictly(key, concat(label(name), message), signature);
}

/**
 * Strict verification of plain Ed25519: `S` reduced, `R` canonical and not of small order, and the equation without
 * cofactor, comparing the bytes of `R`.
 */
export function verifyStrictly(key, message, signature) {
  const refuse = (why) => {
    throw new CryptoError("bad_signature", why);
  };
  const publicPoint = parseVerifyingKey(key);
  if (signature.length !== 64) refuse("a signature has 64 bytes");
  const encodedR = signature.subarray(0, 32);
  const scalar = littleEndian(signature.subarray(32));
  const order = ed25519.Point.Fn.ORDER;
  if (scalar >= order) refuse("S is not reduced");
  let pointR;
  try {
    pointR = ed25519.Point.fromBytes(encodedR, false);
  } catch {
    refuse("R is no canonical point");
  }
  if (pointR.isSmallOrder()) refuse("R is of small order");
  const challenge = littleEndian(sha512(concat(encodedR, key, message))) % order;
  const expected = timesBase(scalar).subtract(publicPoint.multiplyUnsafe(challenge));
  if (!equal(expected.toBytes(), encodedR)) refuse("the signature does not verify");
}

function timesBase(scalar) {
  return scalar === 0n ? ed25519.Point.ZERO : ed25519.Point.BASE.multiplyUnsafe(scalar);
}

function littleEndian(bytes) {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index -= 1) value = (value << 8n) | BigInt(bytes[index]);
  return value;
}

/** Ed25519 public key of a secret seed of 32 bytes. */
export function verifyingKeyOf(seed) {
  return ed25519.getPublicKey(seed);
}

/** Signs `label ‖ message`; only tests need it. */
export function sign(seed, name, message) {
  return ed25519.sign(concat(label(name), message), seed);
}

/**
 * An X-Wing public key: its length, and that every ML-KEM coefficient is below the modulus (FIPS 203 §7.2).
 * @throws {CryptoError} `bad_key`
 */
export function checkKemKey(key) {
  if (key.length !== KEM_KEY_LENGTH) throw new CryptoError("bad_key", `a KEM key has ${KEM_KEY_LENGTH} bytes`);
  for (let offset = 0; offset < ML_KEM_ENCODED_COEFFICIENTS; offset += 3) {
    const low = key[offset] | ((key[offset + 1] & 0x0f) << 8);
    const high = (key[offset + 1] >> 4) | (key[offset + 2] << 4);
    if (low >= ML_KEM_MODULUS || high >= ML_KEM_MODULUS) {
      throw new CryptoError("bad_key", "an ML-KEM coefficient is not reduced");
    }
  }
}

const hpke = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });

/** X-Wing public key of a secret seed of 32 bytes. @returns {Promise<Uint8Array>} */
export async function kemKeyOf(seed) {
  const pair = await new XWing().generateKeyPairDerand(seed);
  return new Uint8Array(await hpke.kem.serializePublicKey(pair.publicKey));
}

/**
 * HPKE base mode, single shot. The protocol's AAD is empty; published vectors have another.
 * @param {Uint8Array} seed X-Wing secret seed
 * @param {Uint8Array} info
 * @param {Uint8Array} sealed encapsulation ‖ ciphertext ‖ tag
 * @throws {CryptoError} `does_not_open`
 */
export async function openHybrid(seed, info, sealed, associated = EMPTY) {
  try {
    const pair = await new XWing().generateKeyPairDerand(seed);
    const opened = await hpke.open(
      { recipientKey: pair.privateKey, enc: copy(sealed.subarray(0, ENCAPSULATION_LENGTH)), info: copy(info) },
      copy(sealed.subarray(ENCAPSULATION_LENGTH)),
      copy(associated),
    );
    return new Uint8Array(opened);
  } catch {
    throw new CryptoError("does_not_open", "the hybrid wrap does not open");
  }
}

/** The packages take an `ArrayBuffer` whole, so a view must not drag its neighbours along. */
function copy(bytes) {
  return new Uint8Array(bytes).buffer;
}

/**
 * ChaCha20-Poly1305.
 * @throws {CryptoError} `does_not_open`
 */
export function openAead(key, nonce, associated, sealed) {
  try {
    return chacha20poly1305(key, nonce, associated).decrypt(sealed);
  } catch {
    throw new CryptoError("does_not_open", "the ciphertext does not open");
  }
}

/** Opens what a one-time key sealed: zero nonce, no associated data. */
export function openOnce(key, sealed) {
  return openAead(key, ZERO_NONCE, EMPTY, sealed);
}

/** Seals under a one-time key; only tests need it. */
export function sealOnce(key, plaintext) {
  return chacha20poly1305(key, ZERO_NONCE, EMPTY).encrypt(plaintext);
}

/** ChaCha20-Poly1305 the other way; only tests need it. */
export function sealAead(key, nonce, associated, plaintext) {
  return chacha20poly1305(key, nonce, associated).encrypt(plaintext);
}
