/** Shapes that operations and envelopes share (PROTOCOL §2, §5, §10, §15). */
import { ascending, bytesOf, list, plainEnum, struct, unsigned } from "./schema.js";
import { fromHex, toHex } from "./bytes.js";
import { peekIntegers } from "./cbor.js";
import { MalformedError, NeedsNewerError } from "./errors.js";
import * as limits from "./limits.js";
import { KEM_KEY_LENGTH } from "./primitives.js";

export const VERSION = 1;
export const SUITE = 2;

/** @param {number} length bytes @returns an identifier as lower-case hexadecimal */
export function identifier(length) {
  const shape = bytesOf(length);
  return (value) => toHex(shape(value));
}

export const role = plainEnum({ 1: "read", 2: "write", 3: "manage", 8: "administer" });
export const history = plainEnum({ 1: "full", 2: "from_now" });
export const kind = plainEnum({ 1: "person", 2: "team", 3: "institution", 4: "network", 5: "section" });
export const wrapMethod = plainEnum({ 1: "hybrid", 2: "symmetric" });

export const deviceKeys = struct([
  ["verifying", bytesOf(32)],
  ["kem", bytesOf(KEM_KEY_LENGTH)],
]);

const logHead = struct([
  ["space", identifier(32)],
  ["index", unsigned(64)],
  ["operation", identifier(32)],
]);

/** References: `[space, index, operation id]`; replay asks for their order. */
export const references = list(logHead, limits.REFERENCES);
const spaceOfHead = (head) => fromHex(head.space);
/** Access heads: the same, ascending by space. */
export const accessHeads = ascending(logHead, spaceOfHead, limits.REFERENCES);
/** Heads of a statement: the same, bounded by the bytes around them. */
export const logHeads = ascending(logHead, spaceOfHead);

/** The highest number that a version or a suite may have. */
const HIGHEST = 255;

function requireKnown(what, number, known) {
  if (number > HIGHEST) throw new MalformedError(`${what} ${number}`);
  if (number !== known) throw new NeedsNewerError(`${what} ${number}`);
}

/** Looks at the version before anything else is decoded, by value. @throws {NeedsNewerError|MalformedError} */
export function requireVersion(bytes) {
  requireKnown("version", peekIntegers(bytes, 1)[0], VERSION);
}

/** The same for version and suite (PROTOCOL §2, 9). */
export function requireVersionAndSuite(bytes) {
  requireVersion(bytes);
  requireKnown("suite", peekIntegers(bytes, 2)[1], SUITE);
}
