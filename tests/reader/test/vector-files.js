/** The files of `tests/vectors/v1`, one test per vector, and what is asked of many of them. */
import test from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toHex } from "../src/bytes.js";
import { decode, encode } from "../src/cbor.js";
import { ReaderError } from "../src/errors.js";

export const ROOT = fileURLToPath(new URL("../../vectors/v1/", import.meta.url));

/** @param {string} file for example `forms/keys.json` */
export function vectorsOf(file) {
  return JSON.parse(readFileSync(`${ROOT}${file}`, "utf8")).vectors;
}

/** One test per vector. */
export function each(file, check) {
  for (const vector of vectorsOf(file)) test(`${file}: ${vector.name}`, () => check(vector));
}

/** The bytes are the only encoding of what they hold. */
export function requireOnlyEncoding(bytes) {
  assert.equal(toHex(encode(decode(bytes))), toHex(bytes));
}

/** The word for which something is refused, or null where it is taken. */
export function verdictOf(check) {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof ReaderError) return error.code;
    throw error;
  }
}
