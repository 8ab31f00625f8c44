/** The relay's receipts: that it took an item in, and where (PROTOCOL §17). */
import { bytesOf, list, readMessage, struct, unsigned } from "./schema.js";
import { concat, fromHex, toHex, u32BigEndian, u64BigEndian } from "./bytes.js";
import { CryptoError } from "./errors.js";
import * as limits from "./limits.js";
import { hash, verifySignature } from "./primitives.js";

/** A receipt inside another message. */
export const receiptShape = struct([
  ["journal", bytesOf(16)],
  ["sequence", unsigned(64)],
  ["acceptedAtMs", unsigned(64)],
  ["count", unsigned(32)],
  ["position", unsigned(32)],
  ["path", list(bytesOf(32))],
  ["signature", bytesOf(64)],
]);

/** A journal mark inside another message. */
export const markShape = struct([
  ["journal", bytesOf(16)],
  ["sequence", unsigned(64)],
  ["hash", bytesOf(32)],
  ["beganAfter", unsigned(64)],
]);

/** The journal's chain after one more item. @param {Uint8Array} before 32 bytes @returns {Uint8Array} */
export function chainAfter(before, sequence, itemId) {
  return hash("journal", before, u64BigEndian(sequence), fromHex(itemId));
}

/** @param {Uint8Array} bytes a receipt that travels as bytes of its own */
export function decodeReceipt(bytes) {
  return readMessage(receiptShape, bytes);
}

/**
 * @param {object} receipt
 * @param {string} itemId 32 bytes in hexadecimal
 * @param {Uint8Array} relayKey
 * @throws {CryptoError} `bad_receipt`, `bad_signature` or `bad_key`
 */
export function verifyReceipt(receipt, itemId, relayKey) {
  const root = rootOf(receipt, itemId);
  const message = concat(receipt.journal, u64BigEndian(receipt.acceptedAtMs), u32BigEndian(receipt.count), root);
  verifySignature(relayKey, "receipt/sign", message, receipt.signature);
}

/** Whether a receipt is for this item and by this key. */
export function isReceiptOf(receipt, itemId, relayKey) {
  try {
    verifyReceipt(receipt, itemId, relayKey);
    return true;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

/** Walks from the leaf to the root of a tree in the shape of RFC 6962. */
function rootOf({ sequence, count, position, path }, itemId) {
  const refuse = (why) => {
    throw new CryptoError("bad_receipt", why);
  };
  if (position >= count) refuse("the position is outside the tree");
  if (path.length > limits.RECEIPT_PATH) refuse("too many siblings");
  let node = hash("receipt/leaf", u64BigEndian(sequence), fromHex(itemId));
  let place = position;
  let used = 0;
  for (let width = count; width > 1; width = Math.ceil(width / 2)) {
    const onTheRight = place % 2 === 1;
    if (onTheRight || place + 1 < width) {
      if (used === path.length) refuse("a sibling is missing");
      const sibling = path[used];
      node = onTheRight ? hash("receipt/node", sibling, node) : hash("receipt/node", node, sibling);
      used += 1;
    }
    place = Math.floor(place / 2);
  }
  if (used !== path.length) refuse("a sibling is left over");
  return node;
}

/**
 * Whether one place in the relay's journals is before another; journals sort by their ids.
 * @param {{journal: Uint8Array, sequence: number|bigint}} left
 */
export function isEarlier(left, right) {
  const [first, second] = [toHex(left.journal), toHex(right.journal)];
  if (first !== second) return first < second;
  return BigInt(left.sequence) < BigInt(right.sequence);
}
