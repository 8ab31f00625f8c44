/** Shapes that operations and envelopes share (PROTOCOL §2, §5, §10, §15). */
import { ascending, bytesOf, list, plainEnum, struct, unsigned } from "./schema.js";
import { fromHex, toHex } from "./bytes.js";
import { peekIntegers } from "./cbor.js";
import { NeedsNewerError } from "./errors.js";
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
/** Access heads: the same, ascending by space. */
export const accessHeads = ascending(logHead, (head) => fromHex(head.space), limits.REFERENCES);

/** Looks at version and suite before anything else is decoded (PROTOCOL §2, 9). @throws {NeedsNewerError} */
export function requireVersionAndSuite(bytes) {
  const [version] = peekIntegers(bytes, 1);
  if (version !== VERSION) throw new NeedsNewerError(`version ${version}`);
  const [, suite] = peekIntegers(bytes, 2);
  if (suite !== SUITE) throw new NeedsNewerError(`suite ${suite}`);
}
