import { MalformedError } from "./errors.js";

/** @param {...Uint8Array} parts @returns {Uint8Array} the parts one after the other, nothing between them */
export function concat(...parts) {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const joined = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Byte by byte, as unsigned numbers; a prefix comes first. Negative, zero or positive. */
export function compare(left, right) {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    if (left[index] !== right[index]) return left[index] - right[index];
  }
  return left.length - right.length;
}

/** @returns {boolean} whether both hold the same bytes; not for secrets */
export function equal(left, right) {
  return left.length === right.length && compare(left, right) === 0;
}

/** The same, in a time that does not depend on where they differ. */
export function equalConstantTime(left, right) {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index += 1) difference |= left[index] ^ right[index];
  return difference === 0;
}

/** @param {Uint8Array} bytes @returns {string} lower-case hexadecimal */
export function toHex(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** @param {string} text lower- or upper-case hexadecimal, nothing else */
export function fromHex(text) {
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw new MalformedError("not hexadecimal");
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** @param {string} text */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** @param {number|bigint} value @returns {Uint8Array} 8 bytes, big-endian */
export function u64BigEndian(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** @param {number} value @returns {Uint8Array} 4 bytes, big-endian */
export function u32BigEndian(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
