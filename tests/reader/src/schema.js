/**
 * Shapes of the protocol's objects over decoded CBOR (PROTOCOL §2, rules 1–5 and 8).
 *
 * A shape is a function from a decoded value to what the reader works with; it throws `MalformedError` for what no
 * encoder writes, and `NeedsNewerError` for an enum number this version does not know.
 */
import { parse } from "./cbor.js";
import { MalformedError, NeedsNewerError } from "./errors.js";
import { compare } from "./bytes.js";

/** What the comparison with the encoder's bytes would find; it is told after everything else was read (rule 10). */
let lateFailures = [];

/**
 * Bytes as an object of this shape: the first failure decides, and what only a comparison with the encoder's bytes shows
 * comes last.
 * @template T
 * @param {(value: *) => T} shape
 * @param {Uint8Array} encoded
 * @returns {T}
 * @throws {MalformedError|NeedsNewerError}
 */
export function read(shape, encoded) {
  const outer = lateFailures;
  lateFailures = [];
  try {
    const { value, late } = parse(encoded);
    const result = shape(value);
    const first = late ?? lateFailures[0];
    if (first !== undefined) throw new MalformedError(first);
    return result;
  } finally {
    lateFailures = outer;
  }
}

/** The same for messages that no newer program writes: an unknown enum number in them is malformed (rule 9). */
export function readMessage(shape, encoded) {
  try {
    return read(shape, encoded);
  } catch (error) {
    if (error instanceof NeedsNewerError) throw new MalformedError(error.message);
    throw error;
  }
}

/** @param {number} length @returns bytes of exactly this length */
export function bytesOf(length) {
  return (value) => {
    if (!(value instanceof Uint8Array) || value.length !== length) {
      throw new MalformedError(`expected ${length} bytes`);
    }
    return value;
  };
}

/** Bytes of any length. */
export function bytes(value) {
  if (!(value instanceof Uint8Array)) throw new MalformedError("expected bytes");
  return value;
}

/** Text (UTF-8, already checked by the codec). */
export function text(value) {
  if (typeof value !== "string") throw new MalformedError("expected text");
  return value;
}

/** `true` or `false`. */
export function boolean(value) {
  if (typeof value !== "boolean") throw new MalformedError("expected a boolean");
  return value;
}

/** @param {number} bits 8, 16, 32 or 64 @returns an unsigned integer of at most that many bits */
export function unsigned(bits) {
  const limit = 1n << BigInt(bits);
  return (value) => {
    if (typeof value !== "number" && typeof value !== "bigint") throw new MalformedError("expected an integer");
    if (BigInt(value) >= limit) throw new MalformedError(`integer above ${bits} bits`);
    return value;
  };
}

/** A field that may be absent: `null` before a present field, left out at the end of the array. */
export function optional(shape) {
  return { optional: true, shape };
}

/**
 * A struct: an array of its fields in this order.
 * @param {Array<[string, Function|{optional: true, shape: Function}]>} fields
 */
export function struct(fields) {
  return (value) => {
    if (!Array.isArray(value)) throw new MalformedError("expected an array");
    const result = {};
    fields.forEach(([name, field], index) => {
      result[name] = readField(name, field, value, index);
    });
    if (value.length > fields.length) lateFailures.push("unknown further elements");
    else noteTrailingNull(value, fields);
    return result;
  };
}

function noteTrailingNull(value, fields) {
  if (value.length === 0) return;
  const last = value.length - 1;
  const [, field] = fields[last];
  if (field.optional && value[last] === null) lateFailures.push("null at the end of an array");
}

function readField(name, field, value, index) {
  if (!field.optional) {
    if (index >= value.length) throw new MalformedError(`field ${name} is missing`);
    return field(value[index]);
  }
  if (index >= value.length || value[index] === null) return null;
  return field.shape(value[index]);
}

/** A field that must be there but may be `null` and is never left out, because a field that is not optional follows. */
export function nullable(shape) {
  return (value) => (value === null ? null : shape(value));
}

/** An array of one shape. @param {number} [limit] most elements (PROTOCOL §25) */
export function list(shape, limit = Infinity) {
  return (value) => {
    if (!Array.isArray(value)) throw new MalformedError("expected an array");
    if ((value.declared ?? value.length) > limit) throw new MalformedError(`more than ${limit} elements`);
    return value.map((item) => shape(item));
  };
}

/** A list whose keys ascend without repetition. @param {(item: any) => Uint8Array} keyOf */
export function ascending(shape, keyOf, limit = Infinity) {
  const read = list(shape, limit);
  return (value) => {
    const items = read(value);
    for (let index = 1; index < items.length; index += 1) {
      if (compare(keyOf(items[index - 1]), keyOf(items[index])) >= 0) {
        throw new MalformedError("list does not ascend");
      }
    }
    return items;
  };
}

/** An enum without fields. @param {Record<number, string>} names by number */
export function plainEnum(names) {
  return (value) => {
    if (typeof value !== "number" || value > 255) throw new MalformedError("expected an enum number");
    const name = names[Number(value)];
    if (name === undefined) throw new NeedsNewerError(`unknown enum number ${value}`);
    return name;
  };
}

/**
 * An enum with fields: `[number, [fields…]]`. The result is the fields with `type` added.
 * @param {Record<number, {type: string, fields: Array}>} variants by number
 */
export function variantEnum(variants) {
  return (value) => {
    if (!Array.isArray(value) || value.length === 0) throw new MalformedError("expected [number, [fields]]");
    const [number, fields] = value;
    if (typeof number !== "number" && typeof number !== "bigint") throw new MalformedError("expected an enum number");
    const variant = variants[Number(number)];
    if (variant === undefined) throw new NeedsNewerError(`unknown enum number ${number}`);
    if (value.length > 2) lateFailures.push("unknown further elements");
    return { type: variant.type, ...struct(variant.fields)(fields) };
  };
}
