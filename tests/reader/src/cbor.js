/**
 * The part of deterministic CBOR (RFC 8949 §4.2.1) that the protocol uses (PROTOCOL §2): unsigned integers, byte and
 * text strings, arrays, booleans and null. Everything else, and every longer form of the same value, is refused.
 *
 * Integers decode to `number` up to 2^53 − 1 and to `bigint` above. Byte strings are views into the input.
 *
 * Since the first failure decides, and only a shape knows what an enum number means, `parse` reads as far as it can: what
 * cannot be read becomes a `Broken` in its place, and what another encoding of the same value shows is told at the end.
 */
import { MalformedError } from "./errors.js";
import { concat, utf8 } from "./bytes.js";

const MAJOR_UNSIGNED = 0;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_SIMPLE = 7;

const SIMPLE_VALUES = new Map([
  [20, false],
  [21, true],
  [22, null],
]);

/** No object of this protocol nests deeper than this; it bounds the reader's own stack. */
const MAX_DEPTH = 32;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Stands where a value cannot be read. No shape takes it. */
export class Broken {
  /** @param {string} why */
  constructor(why) {
    this.why = why;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {{value: *, late: string|null}} number, bigint, Uint8Array, string, boolean, null, `Broken` or an array of these
 *   (with `declared`, its length as written); `late`: why these bytes are not the one encoding of the value, if they are not
 */
export function parse(bytes) {
  const input = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0, late: null, broken: false };
  const value = readValue(input, 0);
  if (!input.broken && input.offset !== bytes.length) input.late ??= "bytes after the value";
  return { value, late: input.late };
}

/**
 * @param {Uint8Array} bytes exactly one value and nothing after it
 * @returns {*} number, bigint, Uint8Array, string, boolean, null or an array of these
 * @throws {MalformedError}
 */
export function decode(bytes) {
  const { value, late } = parse(bytes);
  requireWhole(value);
  if (late !== null) throw new MalformedError(late);
  return value;
}

function requireWhole(value) {
  if (value instanceof Broken) throw new MalformedError(value.why);
  if (Array.isArray(value)) value.forEach(requireWhole);
}

/**
 * The first unsigned integers of an array, without looking at what follows: a newer version may hold what this codec
 * refuses (PROTOCOL §2, 9).
 * @param {Uint8Array} bytes
 * @param {number} count
 * @returns {Array<number|bigint>}
 * @throws {MalformedError} if it is no array that begins with as many integers
 */
export function peekIntegers(bytes, count) {
  const input = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0, late: null };
  const integers = [];
  const length = readHead(input, MAJOR_ARRAY);
  if (length < count) throw new MalformedError("array too short");
  while (integers.length < count) integers.push(readHead(input, MAJOR_UNSIGNED));
  return integers;
}

function readHead(input, major) {
  const initial = take(input, 1)[0];
  if (initial >> 5 !== major) throw new MalformedError("another type than expected");
  return readArgument(input, initial & 0x1f);
}

function readValue(input, depth) {
  try {
    return readWholeValue(input, depth);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    input.broken = true;
    return new Broken(error.message);
  }
}

function readWholeValue(input, depth) {
  if (depth > MAX_DEPTH) throw new MalformedError("nested too deeply");
  const initial = take(input, 1)[0];
  const major = initial >> 5;
  const additional = initial & 0x1f;
  if (major === MAJOR_SIMPLE) return simpleValue(additional);
  const argument = readArgument(input, additional);
  switch (major) {
    case MAJOR_UNSIGNED:
      return argument;
    case MAJOR_BYTES:
      return take(input, argument);
    case MAJOR_TEXT:
      return decodeText(take(input, argument));
    case MAJOR_ARRAY:
      return readArray(input, argument, depth);
    default:
      throw new MalformedError(`major type ${major} is not used`);
  }
}

function simpleValue(additional) {
  if (!SIMPLE_VALUES.has(additional)) throw new MalformedError(`simple value ${additional} is not used`);
  return SIMPLE_VALUES.get(additional);
}

/** The number behind the initial byte, in its shortest form only. */
function readArgument(input, additional) {
  if (additional < 24) return additional;
  if (additional > 27) throw new MalformedError("indefinite length or reserved form");
  const width = 1 << (additional - 24);
  const start = input.offset;
  take(input, width);
  const value = readInteger(input.view, start, width);
  const smallest = width === 1 ? 24n : 1n << BigInt(4 * width);
  if (BigInt(value) < smallest) input.late ??= "integer not in its shortest form";
  return value;
}

function readInteger(view, offset, width) {
  if (width === 1) return view.getUint8(offset);
  if (width === 2) return view.getUint16(offset);
  if (width === 4) return view.getUint32(offset);
  const wide = view.getBigUint64(offset);
  return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : wide;
}

function readArray(input, length, depth) {
  const items = [];
  Object.defineProperty(items, "declared", { value: length });
  for (let index = 0; index < length && !input.broken; index += 1) items.push(readValue(input, depth + 1));
  return items;
}

function decodeText(bytes) {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new MalformedError("text is not UTF-8");
  }
}

function take(input, length) {
  if (length > input.bytes.length - input.offset) throw new MalformedError("ends too early");
  const part = input.bytes.subarray(input.offset, input.offset + length);
  input.offset += length;
  return part;
}

/**
 * @param {*} value as `decode` returns it
 * @returns {Uint8Array} its only encoding
 */
export function encode(value) {
  if (value === null) return Uint8Array.of(0xf6);
  if (value === false) return Uint8Array.of(0xf4);
  if (value === true) return Uint8Array.of(0xf5);
  if (typeof value === "number" || typeof value === "bigint") return head(MAJOR_UNSIGNED, value);
  if (value instanceof Uint8Array) return concat(head(MAJOR_BYTES, value.length), value);
  if (typeof value === "string") {
    const text = utf8(value);
    return concat(head(MAJOR_TEXT, text.length), text);
  }
  if (Array.isArray(value)) return concat(head(MAJOR_ARRAY, value.length), ...value.map(encode));
  throw new TypeError("a value this protocol does not use");
}

function head(major, argument) {
  const value = BigInt(argument);
  if (value < 0n || value >= 1n << 64n) throw new RangeError("not an unsigned 64-bit integer");
  const type = major << 5;
  if (value < 24n) return Uint8Array.of(type | Number(value));
  const widthExponent = value < 1n << 8n ? 0 : value < 1n << 16n ? 1 : value < 1n << 32n ? 2 : 3;
  const width = 1 << widthExponent;
  const bytes = new Uint8Array(1 + width);
  bytes[0] = type | (24 + widthExponent);
  for (let index = 0; index < width; index += 1) {
    bytes[width - index] = Number((value >> BigInt(8 * index)) & 0xffn);
  }
  return bytes;
}
