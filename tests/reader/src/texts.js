/** Texts that people hand over: a prefix, and base 32 of a body and its checksum (PROTOCOL §20, §21). */
import { concat, equal, utf8 } from "./bytes.js";
import { requireVersion } from "./common.js";
import { MalformedError, TextError, TooLargeError } from "./errors.js";
import { digest } from "./primitives.js";
import { readMessage } from "./schema.js";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const CHECKSUM_BYTES = 4;

/**
 * What a text holds; white space and case do not matter. Its version is looked at before its form: a newer program's text is
 * of another form, and nobody mistyped it.
 * @template T
 * @param {string} typed
 * @param {{prefix: string, limit: number, shape: (value: *) => T}} kind `prefix`: for example `nahtlos-claim-`; `limit`: bytes
 *   of the body
 * @returns {T}
 * @throws {TextError} `other_text` or `mistyped`
 * @throws {NeedsNewerError}
 */
export function readText(typed, { prefix, limit, shape }) {
  const spelled = typed.replace(/\p{White_Space}/gu, "").toLowerCase();
  if (!spelled.startsWith(prefix)) throw new TextError("other_text", `it does not begin with ${prefix}`);
  try {
    const body = bodyOf(spelled, prefix, limit);
    requireVersion(body);
    return readMessage(shape, body);
  } catch (error) {
    if (error instanceof MalformedError || error instanceof TooLargeError) throw new TextError("mistyped", error.message);
    throw error;
  }
}

/** The body of a text, its prefix and checksum taken off. */
function bodyOf(spelled, prefix, limit) {
  const decoded = readBase32(spelled.slice(prefix.length));
  const body = decoded.subarray(0, -CHECKSUM_BYTES);
  if (!equal(checksumOf(prefix, body), decoded.subarray(-CHECKSUM_BYTES))) throw new MalformedError("a mistyped character");
  if (body.length > limit) throw new TooLargeError(`a body of more than ${limit} bytes`);
  return body;
}

/** The other way; only tests need it. */
export function textOf(prefix, body) {
  return prefix + writeBase32(concat(body, checksumOf(prefix, body)));
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
