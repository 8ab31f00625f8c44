/** Texts that bring in relays, institutions and persons, and what is sent under them (PROTOCOL §20, §21). */
import { concat, equal, fromHex, toHex, utf8 } from "./bytes.js";
import { identifier } from "./common.js";
import { MalformedError, TooLargeError } from "./errors.js";
import * as limits from "./limits.js";
import { derive, digest, hash, verifySignature, verifyingKeyOf } from "./primitives.js";
import { receiptShape } from "./receipt.js";
import { bytes, bytesOf, list, nullable, plainEnum, readMessage, struct, text, unsigned } from "./schema.js";
import { openSelfContained } from "./sealing.js";
import { pushShape } from "./sync.js";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

const claimShape = struct([
  ["version", unsigned(8)],
  ["url", text],
  ["relay", bytesOf(32)],
  ["seed", bytesOf(32)],
]);

const invitationShape = struct([
  ["version", unsigned(8)],
  ["url", text],
  ["relay", bytesOf(32)],
  ["network", identifier(32)],
  ["space", identifier(32)],
  ["guardian", nullable(identifier(32))],
  ["seed", bytesOf(32)],
]);

/** @param {string} typed */
export function readClaim(typed) {
  return withKey(readMessage(claimShape, bodyOf(typed, "nahtlos-claim-")));
}

/** @param {string} typed */
export function readInvitation(typed) {
  return withKey(readMessage(invitationShape, bodyOf(typed, "nahtlos-invite-")));
}

function withKey(value) {
  if (value.version !== 1) throw new MalformedError(`version ${value.version}`);
  return { ...value, key: verifyingKeyOf(value.seed) };
}

/** Prefix and checksum taken off. */
function bodyOf(typed, prefix) {
  const spelled = typed.replace(/\s/g, "").toLowerCase();
  if (!spelled.startsWith(prefix)) throw new MalformedError(`it does not begin with ${prefix}`);
  const decoded = readBase32(spelled.slice(prefix.length));
  const body = decoded.subarray(0, -4);
  if (!equal(digest(utf8(prefix), body).subarray(0, 4), decoded.subarray(-4))) throw new MalformedError("a mistyped character");
  return body;
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
  if (width >= 5 || bits !== 0 || found.length < 4) throw new MalformedError("not base 32 of whole bytes");
  return Uint8Array.from(found);
}

const claimRequest = struct([
  ["network", identifier(32)],
  ["signature", bytesOf(64)],
  ["push", pushShape],
]);

/** @param {Uint8Array} encoded @param {object} claim as `readClaim` gives it @throws {CryptoError} */
export function readClaimRequest(encoded, claim) {
  const request = readMessage(claimRequest, encoded);
  verifySignature(claim.key, "claim/sign", concat(claim.relay, fromHex(request.network)), request.signature);
  return request;
}

const signedJoinRequest = struct([
  ["body", bytes],
  ["signature", bytesOf(64)],
]);

const joinRequest = struct([
  ["version", unsigned(8)],
  ["space", identifier(32)],
  ["newcomer", identifier(32)],
  ["proof", struct([["invitation", bytesOf(32)], ["signature", bytesOf(64)]])],
  ["operations", list(bytes, limits.JOIN_OPERATIONS)],
  ["introduction", bytes],
]);

/**
 * A join request, both of its signatures verified.
 * @param {Uint8Array} encoded
 * @throws {MalformedError|TooLargeError|CryptoError}
 */
export function readJoinRequest(encoded) {
  if (encoded.length > limits.JOIN_REQUEST_BYTES) throw new TooLargeError("join request too large");
  const { body, signature } = readMessage(signedJoinRequest, encoded);
  const request = readMessage(joinRequest, body);
  const { invitation, signature: proof } = request.proof;
  verifySignature(invitation, "join/sign", body, signature);
  verifySignature(invitation, "invitation/sign", concat(fromHex(request.space), fromHex(request.newcomer)), proof);
  return { id: toHex(hash("join", encoded)), ...request };
}

/** What a newcomer says of itself, for holders of the invitation. @param {Uint8Array} seed the invitation's */
export function openIntroduction(seed, sealed) {
  const plain = openSelfContained(derive(seed, "introduction"), "introduction", new Uint8Array(0), sealed);
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
}

const joinAnswer = struct([
  ["status", plainEnum({ 1: "accepted", 2: "duplicate" })],
  ["receipt", receiptShape],
]);

/** @param {Uint8Array} encoded */
export function readJoinAnswer(encoded) {
  return readMessage(joinAnswer, encoded);
}
