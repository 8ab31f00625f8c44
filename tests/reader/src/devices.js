/** The devices of one person: how a further one asks to be let in (PROTOCOL §21), and what they are called (§15, §9). */
import { concat, equal, fromHex } from "./bytes.js";
import { CryptoError, MalformedError } from "./errors.js";
import { deviceId } from "./identifiers.js";
import { openIntroduction, readJoinRequest } from "./joining.js";
import { member } from "./operation.js";
import { checkKemKey, parseVerifyingKey, verifySignature } from "./primitives.js";
import { readMessage } from "./schema.js";
import { openBasis } from "./sealing.js";

/**
 * The device that answers an invitation of its person, as the inviting device looks at it before it lets it in. Whether the
 * hour is over and nobody else came by the invitation, only that device knows.
 * @param {Logs} logs
 * @param {object} invitation as `readDeviceText` gives it
 * @param {Uint8Array} encoded the join request
 * @returns {{id: string, keys: object, countersignature: Uint8Array, name: string}}
 * @throws {MalformedError|TooLargeError|CryptoError}
 */
export function readDeviceRequest(logs, invitation, encoded) {
  const request = readJoinRequest(encoded);
  if (request.space !== invitation.person || !equal(request.proof.invitation, invitation.key)) {
    throw new CryptoError("other_invitation", "the request answers another invitation");
  }
  const { keys, countersignature } = onlyDevice(request.operations);
  parseVerifyingKey(keys.verifying);
  checkKemKey(keys.kem);
  const id = deviceId(keys);
  if (id !== request.newcomer) throw new CryptoError("other_device", "the keys are of another device than the one that asks");
  verifySignature(keys.verifying, "admission/sign", concat(fromHex(invitation.person), fromHex(id)), countersignature);
  if (personsWith(logs, id).length > 0) throw new CryptoError("known_device", "the device was let in before, here or by somebody else");
  return { id, keys, countersignature, name: openIntroduction(invitation.seed, request.introduction).name };
}

/** What stands where a newcomer's founding operations stand otherwise: one `member` of an `Add`. */
function onlyDevice(operations) {
  if (operations.length !== 1) throw new MalformedError(`${operations.length} elements, where one device is to come`);
  const newcomer = readMessage(member, operations[0]);
  if (newcomer.type !== "device") throw new MalformedError("who comes is no device");
  return newcomer;
}

/** The spaces whose logs ever admitted a device, of all that are here: persons, and one alone where the relay is honest. */
export function personsWith(logs, device) {
  return [...logs.logs.keys()].filter((space) => {
    return [...logs.newest(space).grants.values()].some((grant) => grant.member.id === device);
  });
}

/**
 * What a person's devices are called: by the person's document, else by the basis of the grant that let them in.
 * @param {object} state the person's newest
 * @param {SpaceDocument|null} document
 * @param {Keyring} keyring
 * @returns {{names: Map<string, string>, failures: Array<{grant: string, error: Error}>}} by device id
 */
export function deviceNames(state, document, keyring) {
  const given = document?.toJson().devices ?? {};
  const names = new Map();
  const failures = [];
  for (const grant of state.grants.values()) {
    const device = grant.member.id;
    try {
      const name = typeof given[device] === "string" ? given[device] : nameAtAdmission(state, grant, keyring);
      if (name !== null) names.set(device, name);
    } catch (error) {
      failures.push({ grant: grant.id, error });
    }
  }
  return { names, failures };
}

function nameAtAdmission(state, { id, basis, addedAt }, keyring) {
  const sealedUnder = basis === null ? undefined : epochOfBasis(state, addedAt);
  const epoch = sealedUnder === undefined ? null : keyring.epoch(state.space, sealedUnder.keyId);
  return epoch === null ? null : openBasis(epoch.labelKey, id, basis);
}

/** The epoch that was current before the operation; of a founding operation the one that it begins. */
function epochOfBasis({ epochs }, addedAt) {
  return addedAt === 0 ? epochs.find(({ at }) => at === 0) : epochs.findLast(({ at }) => at < addedAt);
}
