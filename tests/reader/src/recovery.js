/**
 * A recovery member: a person whose device's seed is split (PROTOCOL §21). Its card in the directory says how, each share is
 * sealed to its custodian's devices, and a share text hands one over.
 */
import { fromHex, toHex } from "./bytes.js";
import { identifier } from "./common.js";
import { MalformedError, RecoveryError } from "./errors.js";
import { deviceFromSeed, openHybridSecret, wrapInfo } from "./keys.js";
import * as limits from "./limits.js";
import { hash } from "./primitives.js";
import { list, readMessage, struct, unsigned } from "./schema.js";
import { isConfirmed } from "./rights.js";
import { combine } from "./shamir.js";
import { liveGrants } from "./state.js";
import { wrapShape } from "./sync.js";
import { bodyOf, requireVersion } from "./texts.js";

const PREFIX = "nahtlos-share-";
/** One share alone would be the key. */
const LEAST_THRESHOLD = 2;

const shareShape = struct([
  ["version", unsigned(8)],
  ["member", identifier(32)],
  ["index", unsigned(8)],
  ["wraps", list(wrapShape)],
]);

/**
 * A share on its way to the devices of one person.
 * @param {string} typed
 * @returns {{member: string, index: number, wraps: Array<{recipient: string, bytes: Uint8Array}>}} `index` from 1
 */
export function readShareText(typed) {
  const share = requireVersion(readMessage(shareShape, bodyOf(typed, PREFIX, limits.SHARE_BODY_BYTES)));
  if (share.index < 1 || share.index > limits.SHARES) throw new MalformedError(`no share has the number ${share.index}`);
  return share;
}

/** By what everybody tells a share from a wrong one. @param {string} member its space id @returns {string} hexadecimal */
export function commitmentOf(member, index, share) {
  return toHex(hash("recovery/share", fromHex(member), Uint8Array.of(index), share));
}

/** What a share's wrap is bound to: as an epoch's, with the commitment in place of the key id. */
export function shareInfo(nonce, commitment, device) {
  return wrapInfo(nonce, commitment, device, device);
}

/**
 * A share as it was sealed to a device, if it is the one that was published.
 * @param {{member: string, index: number, nonce: Uint8Array, commitment: string}} published `nonce`: of the member's founding
 * @param {object} device as `deviceFromSeed` gives it
 * @param {Uint8Array} wrap
 * @throws {CryptoError|RecoveryError}
 */
export async function openShare({ member, index, nonce, commitment }, device, wrap) {
  const share = await openHybridSecret(device.kemSeed, shareInfo(nonce, commitment, device.id), wrap);
  if (commitmentOf(member, index, share) !== commitment) throw new RecoveryError("other_share", `share ${index} is not the one that was published`);
  return share;
}

/** The wrap of a share text for a device. @throws {RecoveryError} `not_for_this_device` */
export function wrapFor(text, device) {
  const found = text.wraps.find(({ recipient }) => recipient === device.id);
  if (found === undefined) throw new RecoveryError("not_for_this_device", "the text holds nothing for this device");
  return found.bytes;
}

const isId = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isBase64 = (value) => typeof value === "string" && Buffer.from(value, "base64").toString("base64") === value;

/**
 * The set that a recovery member's card publishes.
 * @param {string} card JSON, as it stands in the directory
 * @returns {{threshold: number, shares: Array<{custodian: string, commitment: string, sealed: Map<string, Uint8Array>}>}}
 *   the share at position *n* has the number *n* + 1
 * @throws {MalformedError}
 */
export function readRecoveryCard(card) {
  const { function: office, recovery } = parsed(card);
  if (office !== "recovery" || !Array.isArray(recovery?.shares)) throw new MalformedError("no card of a recovery member");
  const { threshold, shares } = recovery;
  if (shares.length > limits.SHARES) throw new MalformedError(`a set of ${shares.length} shares`);
  const isThreshold = Number.isInteger(threshold) && threshold >= LEAST_THRESHOLD && threshold <= shares.length;
  if (!isThreshold) throw new MalformedError(`${threshold} of ${shares.length} shares`);
  return { threshold, shares: shares.map(readPublished) };
}

function parsed(card) {
  try {
    return JSON.parse(card) ?? {};
  } catch {
    throw new MalformedError("a card is JSON");
  }
}

function readPublished({ custodian, commitment, sealed }) {
  if (!isId(custodian) || !isId(commitment)) throw new MalformedError("a share's custodian and commitment are 32 bytes each");
  const wraps = Object.entries(sealed ?? {});
  if (!wraps.every(([device, wrap]) => isId(device) && isBase64(wrap))) throw new MalformedError("a sealed share is Base64, by device id");
  return { custodian, commitment, sealed: new Map(wraps.map(([device, wrap]) => [device, new Uint8Array(Buffer.from(wrap, "base64"))])) };
}

/**
 * The recovery key, from shares that are those published. Only the log says that it is the right one: the card does not.
 * @param {{member: string, admitted: string}} log the member's space id, and the device that its log admitted
 * @param {{threshold: number, shares: Array<object>}} set as `readRecoveryCard` gives it
 * @param {Array<{index: number, share: Uint8Array}>} given
 * @throws {RecoveryError} `other_share`, `too_few_shares` or `other_device`
 */
export async function recoveryDevice({ member, admitted }, { threshold, shares }, given) {
  const good = new Map();
  for (const { index, share } of given) {
    const published = shares[index - 1];
    if (published === undefined) throw new RecoveryError("other_share", `the set has no share ${index}`);
    if (commitmentOf(member, index, share) !== published.commitment) {
      throw new RecoveryError("other_share", `the share of ${published.custodian} is not the one that was published`);
    }
    good.set(index, share);
  }
  if (good.size < threshold) throw new RecoveryError("too_few_shares", `${good.size} of the ${threshold} shares it takes`);
  const device = await deviceFromSeed(combine(good));
  if (device.id !== admitted) throw new RecoveryError("other_device", "the shares make another device than the member's");
  return device;
}

/** The device that a recovery member's log admitted; a member has one. @throws {RecoveryError} `no_recovery_member` */
export function admittedDevice(logs, member) {
  const state = logs.newest(member);
  const grants = state?.kind === "person" ? [...state.grants.values()] : [];
  if (grants.length !== 1) throw new RecoveryError("no_recovery_member", "no person of one device");
  return grants[0].member.id;
}

/** The groups that a recovery member still manages. Of two sets the present one is that whose member is in one. */
export function coveredBy(logs, member) {
  return [...logs.logs.keys()].filter((space) => {
    return [...liveGrants(logs.newest(space))].some((grant) => grant.member.id === member && grant.role === "manage" && isConfirmed(grant));
  });
}

/** What the recovery key was used for: operations of its device in other logs than the one it founded as itself. */
export function usesOf(logs, member) {
  const device = admittedDevice(logs, member);
  return [...logs.logs].filter(([space]) => space !== member).flatMap(([space, { operations }]) => {
    return operations.filter(({ body }) => body.author === device).map(({ id }) => ({ space, operation: id }));
  });
}
