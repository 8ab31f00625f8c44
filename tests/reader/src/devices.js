/** The devices of one person: how a further one asks to be let in (PROTOCOL §21), and what they are called (§15, §9). */
import { concat, equal, fromHex } from "./bytes.js";
import { CryptoError, MalformedError, ReaderError } from "./errors.js";
import { deviceId } from "./identifiers.js";
import { openIntroduction, readJoinRequest } from "./joining.js";
import { member } from "./operation.js";
import { checkKemKey, parseVerifyingKey, verifySignature } from "./primitives.js";
import { readMessage } from "./schema.js";
import { openBasis } from "./sealing.js";
import { liveGrants } from "./state.js";

/**
 * The device that answers an invitation of its person, as the inviting device looks at it before it lets it in. Whether the
 * hour is over and nobody else came by the invitation, only that device knows.
 * @param {Logs} logs
 * @param {object} invitation as `readDeviceText` gives it
 * @param {Uint8Array} encoded the join request
 * @returns {{id: string, keys: object, countersignature: Uint8Array, name: string}}
 * @throws {MalformedError|TooLargeError|NeedsNewerError} the request's form
 * @throws {CryptoError} `bad_signature`, `other_invitation`, `no_device`, `other_device`, `not_agreed`, `already_here`,
 *   `known_device`, `other_person` or `unreadable`, the first of them that holds
 */
export function readDeviceRequest(logs, invitation, encoded) {
  const request = readJoinRequest(encoded);
  if (request.space !== invitation.person || !equal(request.proof.invitation, invitation.key)) {
    throw new CryptoError("other_invitation", "the request answers another invitation");
  }
  const { keys, countersignature } = as("no_device", () => onlyDevice(request.operations));
  const id = deviceId(keys);
  if (id !== request.newcomer) throw new CryptoError("other_device", "the keys are of another device than the one that asks");
  const agreed = concat(fromHex(invitation.person), fromHex(id));
  as("not_agreed", () => verifySignature(keys.verifying, "admission/sign", agreed, countersignature));
  requireNew(logs, invitation.person, id);
  const { name } = as("unreadable", () => openIntroduction(invitation.seed, request.introduction));
  return { id, keys, countersignature, name };
}

/** Runs a check, and gives its failure the word that an inviting device has for it. */
function as(code, check) {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    throw new CryptoError(code, error.message);
  }
}

/** A device is of one person for ever: one that is in already is no newcomer, one that was removed comes back no more. */
function requireNew(logs, person, device) {
  const persons = personsWith(logs, device);
  const state = logs.newest(person);
  const isHere = state !== null && [...liveGrants(state)].some((grant) => grant.member.id === device);
  if (isHere) throw new CryptoError("already_here", "the device is one of this person's");
  if (persons.includes(person)) throw new CryptoError("known_device", "the device was one of this person's before");
  if (persons.length > 0) throw new CryptoError("other_person", "the device is somebody else's");
}

/** What stands where a newcomer's founding operations stand otherwise: one `member` of an `Add`. */
function onlyDevice(operations) {
  if (operations.length !== 1) throw new MalformedError(`${operations.length} elements, where one device is to come`);
  const newcomer = readMessage(member, operations[0]);
  if (newcomer.type !== "device") throw new MalformedError("who comes is no device");
  parseVerifyingKey(newcomer.keys.verifying);
  checkKemKey(newcomer.keys.kem);
  return newcomer;
}

/** The spaces whose logs ever admitted a device, of all that are here: persons, and one alone where the relay is honest. */
export function personsWith(logs, device) {
  return [...logs.logs.keys()].filter((space) => {
    return [...logs.newest(space).grants.values()].some((grant) => grant.member.id === device);
  });
}

/**
 * What a person's devices are called: by the person's document, else by the basis of the grant that let them in. An empty
 * name is one, too.
 * @param {object} state the person's newest
 * @param {SpaceDocument|null} document
 * @param {Keyring} keyring
 * @returns {Map<string, string>} by device id
 */
export function deviceNames(state, document, keyring) {
  const given = document?.toJson().devices ?? {};
  const names = new Map();
  for (const grant of state.grants.values()) {
    const device = grant.member.id;
    const name = typeof given[device] === "string" ? given[device] : nameAtAdmission(state, grant, keyring);
    if (name !== null) names.set(device, name);
  }
  return names;
}

/** What does not open, or is no text, names nobody, and is nobody's problem. */
function nameAtAdmission(state, { id, basis, addedAt }, keyring) {
  const sealedUnder = basis === null ? undefined : epochOfBasis(state, addedAt);
  const epoch = sealedUnder === undefined ? null : keyring.epoch(state.space, sealedUnder.keyId);
  if (epoch === null) return null;
  try {
    return openBasis(epoch.labelKey, id, basis);
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    return null;
  }
}

/** The epoch that was current after the operation: the one that it begins, if it begins one. */
function epochOfBasis({ epochs }, addedAt) {
  return epochs.findLast(({ at }) => at <= addedAt);
}
