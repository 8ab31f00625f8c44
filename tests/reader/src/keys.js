/** Keys of devices and epochs, wraps and history links (PROTOCOL §6–§8). */
import * as primitives from "./primitives.js";
import { concat, fromHex } from "./bytes.js";
import { deviceId, keyId } from "./identifiers.js";
import { CryptoError } from "./errors.js";

const HYBRID_WRAP_LENGTH = 1168;
const SYMMETRIC_WRAP_LENGTH = 48;
const LINK_LENGTH = 48;

/** Length of a wrap by method. */
export const WRAP_LENGTHS = { hybrid: HYBRID_WRAP_LENGTH, symmetric: SYMMETRIC_WRAP_LENGTH };

/**
 * A device from its master seed.
 * @param {Uint8Array} masterSeed 32 bytes
 * @returns {Promise<{id: string, keys: {verifying: Uint8Array, kem: Uint8Array}, signSeed: Uint8Array, kemSeed: Uint8Array}>}
 */
export async function deviceFromSeed(masterSeed) {
  const signSeed = primitives.derive(masterSeed, "device/sign");
  const kemSeed = primitives.derive(masterSeed, "device/kem");
  const keys = { verifying: primitives.verifyingKeyOf(signSeed), kem: await primitives.kemKeyOf(kemSeed) };
  return { id: deviceId(keys), keys, signSeed, kemSeed };
}

/**
 * Everything derived from an epoch's seed.
 * @param {Uint8Array} seed 32 bytes
 */
export function epochFromSeed(seed) {
  return {
    id: keyId(seed),
    seed,
    kemSeed: primitives.derive(seed, "epoch/kem"),
    contentKey: primitives.derive(seed, "epoch/content"),
    historyKey: primitives.derive(seed, "epoch/history"),
    wrapKey: primitives.derive(seed, "epoch/wrap"),
    labelKey: primitives.derive(seed, "epoch/label"),
  };
}

/**
 * What a wrap is bound to.
 * @param {Uint8Array} foundingNonce of the space whose epoch is wrapped
 * @param {string} epochKeyId
 * @param {string} recipient recipient id
 * @param {string} recipientKey its epoch's key id, or for a device the device id again
 */
export function wrapInfo(foundingNonce, epochKeyId, recipient, recipientKey) {
  return concat(foundingNonce, fromHex(epochKeyId), fromHex(recipient), fromHex(recipientKey));
}

/**
 * @param {Uint8Array} kemSeed the recipient's X-Wing seed
 * @param {Uint8Array} info
 * @param {Uint8Array} wrap
 * @param {string} expectedKeyId
 * @returns {Promise<object>} the epoch
 * @throws {CryptoError}
 */
export async function openHybridWrap(kemSeed, info, wrap, expectedKeyId) {
  return announcedEpoch(await openHybridSecret(kemSeed, info, wrap), expectedKeyId);
}

/** What a hybrid wrap holds, 32 bytes, before anybody asked whether it is the announced secret. */
export async function openHybridSecret(kemSeed, info, wrap) {
  requireLength(wrap, HYBRID_WRAP_LENGTH, "a hybrid wrap");
  return primitives.openHybrid(kemSeed, concat(primitives.label("wrap/hybrid"), info), wrap);
}

/** The same with the wrap key of the recipient's epoch. */
export function openSymmetricWrap(wrapKey, info, wrap, expectedKeyId) {
  requireLength(wrap, SYMMETRIC_WRAP_LENGTH, "a symmetric wrap");
  const key = primitives.derive(wrapKey, "wrap/symmetric", info);
  return announcedEpoch(primitives.openOnce(key, wrap), expectedKeyId);
}

/**
 * The previous epoch, from the newer one.
 * @param {object} epoch the newer one
 * @param {string} previousKeyId
 * @param {Uint8Array} link 48 bytes
 */
export function openHistoryLink(epoch, previousKeyId, link) {
  requireLength(link, LINK_LENGTH, "a history link");
  const key = primitives.derive(epoch.historyKey, "history-link", fromHex(epoch.id), fromHex(previousKeyId));
  return announcedEpoch(primitives.openOnce(key, link), previousKeyId);
}

function announcedEpoch(seed, expectedKeyId) {
  if (seed.length !== 32) throw new CryptoError("does_not_open", "a seed has 32 bytes");
  const epoch = epochFromSeed(seed);
  if (epoch.id !== expectedKeyId) {
    throw new CryptoError("other_epoch", "the seed is not the one announced under this key id");
  }
  return epoch;
}

function requireLength(bytes, length, what) {
  if (bytes.length !== length) throw new CryptoError("wrong_length", `${what} has ${length} bytes`);
}
