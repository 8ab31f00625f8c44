/** Texts that people hand over: a prefix, and base 32 of a body and its checksum (PROTOCOL §20, §21). */
import { concat, equal, utf8 } from "./bytes.js";
import { MalformedError, TooLargeError } from "./errors.js";
import { digest } from "./primitives.js";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const CHECKSUM_BYTES = 4;

/**
 * The body of a text, its prefix and checksum taken off; white space and case do not matter.
 * @param {string} typed
 * @param {string} prefix for example `nahtlos-claim-`
 * @param {number} limit bytes of the body
 * @returns {Uint8Array}
 * @throws {MalformedError|TooLargeError}
 */
export function bodyOf(typed, prefix, limit) {
  const spelled = typed.replace(/\s/g, "").toLowerCase();
  if (!spelled.startsWith(prefix)) throw new MalformedError(`it does not begin with ${prefix}`);
  const decoded = readBase32(spelled.slice(prefix.length));
  const body = decoded.subarray(0, -CHECKSUM_BYTES);
  if (body.length > limit) throw new TooLargeError(`a body of more than ${limit} bytes`);
  if (!equal(checksumOf(prefix, body), decoded.subarray(-CHECKSUM_BYTES))) throw new MalformedError("a mistyped character");
  return body;
}

/** The other way; only tests need it. */
export function textOf(prefix, body) {
  return prefix + writeBase32(concat(body, checksumOf(prefix, body)));
}

/** A text's body of the only version there is. */
export function requireVersion(value) {
  if (value.version !== 1) throw new MalformedError(`version ${value.version}`);
  return value;
}

/** It finds mistyped characters; it authenticates nothing. */
function checksumOf(prefix, body) {
  return digest(utf8(prefix), body).subarray(0, CHECKSUM_BYTES);
}

function readBase32(letters) {
  const found = [];
  let bits = 0;
  let width = 0;
  for (const letter of letters) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) throw new MalformedError("not base 32");
    bits = (bits << 5) | value;
    width += 5;
    if (width < 8) continue;
    width -= 8;
    found.push(bits >> width);
    bits &= (1 << width) - 1;
  }
  if (width >= 5 || bits !== 0) throw new MalformedError("not base 32 of whole bytes");
  return Uint8Array.from(found);
}

function writeBase32(bytes) {
  let letters = "";
  let bits = 0;
  let width = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    for (width += 8; width >= 5; width -= 5) letters += ALPHABET[(bits >> (width - 5)) & 31];
    bits &= (1 << width) - 1;
  }
  return width === 0 ? letters : letters + ALPHABET[(bits << (5 - width)) & 31];
}
