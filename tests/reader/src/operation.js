/** Decoding of operations and their effects (PROTOCOL §11, §12). */
import { boolean, bytes, bytesOf, list, nullable, optional, read, struct, unsigned, variantEnum } from "./schema.js";
import { deviceKeys, history, identifier, kind, references, requireVersionAndSuite, role, wrapMethod } from "./common.js";
import { TooLargeError } from "./errors.js";
import { operationId, spaceId } from "./identifiers.js";
import * as limits from "./limits.js";

const signedOperation = struct([
  ["body", bytes],
  ["signature", bytesOf(64)],
]);

/** Whom an `Add` names; of a device also the one element of its join request (PROTOCOL §21). */
export const member = variantEnum({
  0: {
    type: "device",
    fields: [
      ["keys", deviceKeys],
      ["countersignature", bytesOf(64)],
    ],
  },
  1: { type: "space", fields: [["space", identifier(32)]] },
});

const invitationProof = struct([
  ["invitation", bytesOf(32)],
  ["signature", bytesOf(64)],
]);

const recipient = struct([
  ["id", identifier(32)],
  ["key", identifier(32)],
  ["method", wrapMethod],
  ["wrapHash", identifier(32)],
]);

/** In the order in which they came; replay asks for theirs. */
const recipients = list(recipient);

const branchItem = struct([
  ["operation", bytes],
  ["receipt", bytes],
]);

const effect = variantEnum({
  0: {
    type: "Create",
    fields: [
      ["kind", kind],
      ["nonce", bytesOf(16)],
      ["guardian", optional(identifier(32))],
      ["founder", optional(deviceKeys)],
    ],
  },
  1: {
    type: "Add",
    fields: [
      ["grant", identifier(16)],
      ["member", member],
      ["role", role],
      ["history", history],
      ["basis", optional(bytes)],
      ["notAfterMs", optional(unsigned(64))],
      ["invitation", optional(invitationProof)],
    ],
  },
  2: {
    type: "Confirm",
    fields: [
      ["grant", identifier(16)],
      ["keyId", optional(identifier(32))],
    ],
  },
  3: {
    type: "Wrap",
    fields: [
      ["keyId", identifier(32)],
      ["recipients", recipients],
      ["suspended", list(identifier(16))],
    ],
  },
  4: {
    type: "Link",
    fields: [
      ["keyId", identifier(32)],
      ["previous", identifier(32)],
      ["link", bytes],
    ],
  },
  5: {
    type: "Remove",
    fields: [
      ["grant", optional(identifier(16))],
      ["member", optional(identifier(32))],
      ["reason", unsigned(8)],
    ],
  },
  6: {
    type: "SetRole",
    fields: [
      ["grant", identifier(16)],
      ["role", role],
    ],
  },
  7: { type: "Expire", fields: [["grant", identifier(16)]] },
  8: {
    type: "Epoch",
    fields: [
      ["keyId", identifier(32)],
      ["kem", optional(bytes)],
      ["previous", optional(identifier(32))],
      ["link", optional(bytes)],
      ["label", optional(bytes)],
      ["recipients", recipients],
      ["cut", boolean],
      ["suspended", list(identifier(16))],
    ],
  },
  9: {
    type: "BadWrap",
    fields: [
      ["keyId", identifier(32)],
      ["recipient", identifier(32)],
    ],
  },
  10: {
    type: "Void",
    fields: [
      ["envelopes", list(identifier(32))],
      ["grants", list(identifier(16))],
    ],
  },
  11: { type: "Heal", fields: [["branch", list(branchItem)]] },
  12: { type: "SetRelay", fields: [["key", bytesOf(32)]] },
  13: { type: "Close", fields: [] },
  14: {
    type: "Invite",
    fields: [
      ["invitation", bytesOf(32)],
      ["role", role],
      ["notAfterMs", unsigned(64)],
    ],
  },
  // 15 is no effect, for ever.
  16: {
    type: "Policy",
    fields: [
      ["administrators", unsigned(8)],
      ["compares", boolean],
    ],
  },
});

const operationBody = struct([
  ["version", unsigned(8)],
  ["suite", unsigned(8)],
  ["space", nullable(identifier(32))],
  ["index", unsigned(64)],
  ["previous", nullable(identifier(32))],
  ["author", identifier(32)],
  ["claimedAtMs", unsigned(64)],
  ["references", references],
  ["effects", list(effect, limits.EFFECTS)],
]);

/** One effect alone, from its decoded CBOR; what the test values of PROTOCOL §27 show. */
export const readEffect = effect;

/**
 * @param {Uint8Array} signed exact bytes of a signed operation
 * @returns {{id: string, space: string, bodyBytes: Uint8Array, signature: Uint8Array, body: object}} `space` also for
 *   operation 0, whose body names none
 * @throws {MalformedError|NeedsNewerError|TooLargeError}
 */
export function decodeOperation(signed) {
  if (signed.length > limits.SIGNED_OPERATION_BYTES) throw new TooLargeError("operation too large");
  const { body: bodyBytes, signature } = read(signedOperation, signed);
  requireVersionAndSuite(bodyBytes);
  const body = read(operationBody, bodyBytes);
  body.effects.forEach(requireSizes);
  const space = body.index === 0 ? spaceId(signed) : body.space;
  return { id: operationId(signed), space, bodyBytes, signature, body };
}

/** What is measured once all of it was decoded (PROTOCOL §2, 8). */
function requireSizes({ recipients: named = [], label = null, basis = null }) {
  if (named.length > limits.RECIPIENTS) throw new TooLargeError("too many recipients");
  for (const sealed of [label, basis]) {
    if ((sealed?.length ?? 0) > limits.SEALED_LABEL_BYTES) throw new TooLargeError("a sealed label or basis is too large");
  }
}
