/** Texts that bring in relays, institutions and persons, and what is sent under them (PROTOCOL §20, §21). */
import { concat, fromHex, toHex } from "./bytes.js";
import { identifier, requireVersion } from "./common.js";
import { MalformedError, TooLargeError } from "./errors.js";
import * as limits from "./limits.js";
import { derive, hash, verifySignature, verifyingKeyOf } from "./primitives.js";
import { receiptShape } from "./receipt.js";
import { bytes, bytesOf, list, nullable, plainEnum, readMessage, struct, text, unsigned } from "./schema.js";
import { openSelfContained } from "./sealing.js";
import { pushShape } from "./sync.js";
import { readText } from "./texts.js";

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

const deviceTextShape = struct([
  ["version", unsigned(8)],
  ["url", text],
  ["relay", bytesOf(32)],
  ["network", identifier(32)],
  ["person", identifier(32)],
  ["institution", identifier(32)],
  ["team", identifier(32)],
  ["seed", bytesOf(32)],
]);

/** @param {string} typed */
export function readClaim(typed) {
  return withKey(readText(typed, { prefix: "nahtlos-claim-", limit: limits.TEXT_BODY_BYTES, shape: claimShape }));
}

/** @param {string} typed */
export function readInvitation(typed) {
  return withKey(readText(typed, { prefix: "nahtlos-invite-", limit: limits.TEXT_BODY_BYTES, shape: invitationShape }));
}

/** The text by which a person's device invites a further one of theirs. @param {string} typed */
export function readDeviceText(typed) {
  return withKey(readText(typed, { prefix: "nahtlos-device-", limit: limits.TEXT_BODY_BYTES, shape: deviceTextShape }));
}

function withKey(value) {
  return { ...value, key: verifyingKeyOf(value.seed) };
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
  requireVersion(body);
  const request = readMessage(joinRequest, body);
  if (request.introduction.length > limits.INTRODUCTION_BYTES) throw new TooLargeError("introduction too large");
  const { invitation, signature: proof } = request.proof;
  verifySignature(invitation, "join/sign", body, signature);
  verifySignature(invitation, "invitation/sign", concat(fromHex(request.space), fromHex(request.newcomer)), proof);
  return { id: toHex(hash("join", encoded)), ...request };
}

/**
 * What a newcomer says of itself, for holders of the invitation.
 * @param {Uint8Array} seed the invitation's
 * @returns {{name: string, function: string}}
 * @throws {CryptoError|MalformedError}
 */
export function openIntroduction(seed, sealed) {
  const plain = openSelfContained(derive(seed, "introduction"), "introduction", new Uint8Array(0), sealed);
  const said = jsonOf(plain);
  if (typeof said?.name !== "string" || typeof said.function !== "string") throw new MalformedError("an introduction has a name and a function");
  return said;
}

function jsonOf(plain) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
  } catch {
    throw new MalformedError("an introduction is JSON");
  }
}

const joinAnswer = struct([
  ["status", plainEnum({ 1: "accepted", 2: "duplicate" })],
  ["receipt", receiptShape],
]);

/** @param {Uint8Array} encoded */
export function readJoinAnswer(encoded) {
  return readMessage(joinAnswer, encoded);
}
