/**
 * A recovery member: a person whose device's seed is split (PROTOCOL §21). Its card in the directory says how, each share is
 * sealed to its custodian's devices, and a share text hands one over.
 */
import { fromHex, toHex } from "./bytes.js";
import { identifier } from "./common.js";
import { MalformedError, ReaderError, RecoveryError } from "./errors.js";
import { deviceFromSeed, openHybridSecret, wrapInfo } from "./keys.js";
import * as limits from "./limits.js";
import { readWords } from "./paper.js";
import { hash } from "./primitives.js";
import { list, struct, unsigned } from "./schema.js";
import { isConfirmed } from "./rights.js";
import { combine } from "./shamir.js";
import { liveGrants } from "./state.js";
import { wrapShape } from "./sync.js";
import { readText } from "./texts.js";

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
 * A share on its way to the devices of one person. What is wrong with its number is said when shares are put together.
 * @param {string} typed
 * @returns {{member: string, index: number, wraps: Array<{recipient: string, bytes: Uint8Array}>}} `index` from 1
 */
export function readShareText(typed) {
  return readText(typed, { prefix: PREFIX, limit: limits.SHARE_BODY_BYTES, shape: shareShape });
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
  if (commitmentOf(member, index, share) !== commitment) throw new RecoveryError("share_wrong", `share ${index} is not the one that was published`);
  return share;
}

const isId = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isBase64 = (value) => typeof value === "string" && Buffer.from(value, "base64").toString("base64") === value;

/**
 * The set that a recovery member's card publishes. Its `function` and `team` are for people.
 * @param {Logs} logs
 * @param {string} member its space id
 * @param {string} card JSON, as it stands in the directory
 * @returns {{member: string, institution: string, threshold: number,
 *   shares: Array<{custodian: string, commitment: string, sealed: Map<string, Uint8Array>}>}}
 *   the share at position *n* has the number *n* + 1
 * @throws {MalformedError|RecoveryError}
 */
export function readRecoveryCard(logs, member, card) {
  const { institution, recovery } = parsed(card);
  if (!Array.isArray(recovery?.shares)) throw new MalformedError("no card of a recovery member");
  const { threshold, shares } = recovery;
  if (shares.length > limits.SHARES) throw new MalformedError(`a set of ${shares.length} shares`);
  const isThreshold = Number.isInteger(threshold) && threshold >= LEAST_THRESHOLD && threshold <= shares.length;
  if (!isThreshold) throw new MalformedError(`${threshold} of ${shares.length} shares`);
  const published = shares.map(readPublished);
  const state = logs.newest(member);
  if (state?.kind !== "person" || state.guardian === null || state.guardian !== institution) {
    throw new RecoveryError("other_institution", "the member's own log names another institution than the card");
  }
  return { member, institution, threshold, shares: published };
}

function parsed(card) {
  try {
    return JSON.parse(card) ?? {};
  } catch {
    throw new MalformedError("a card is JSON");
  }
}

/** An entry of another form than a wrap for a device is for nobody. */
function readPublished(share) {
  const { custodian, commitment, sealed } = share ?? {};
  if (!isId(custodian) || !isId(commitment)) throw new MalformedError("a share's custodian and commitment are 32 bytes each");
  const wraps = Object.entries(sealed ?? {}).filter(([device, wrap]) => isId(device) && isBase64(wrap));
  return { custodian, commitment, sealed: new Map(wraps.map(([device, wrap]) => [device, new Uint8Array(Buffer.from(wrap, "base64"))])) };
}

/**
 * The present set of an institution: that whose member is in a group still; of several the one founded last. Of two that claim
 * the same time it is the one with the lower id, so that every reader says the same.
 * @param {Logs} logs
 * @param {Array<object>} sets as `readRecoveryCard` gives them
 * @returns {object|null}
 */
export function presentSet(logs, sets) {
  const foundedAt = ({ member }) => logs.operationAt(member, 0).body.claimedAtMs;
  const isLater = (left, right) => foundedAt(left) > foundedAt(right) || (foundedAt(left) === foundedAt(right) && left.member < right.member);
  const present = sets.filter(({ member }) => grantsOf(logs, member, GROUPS).some(({ grant }) => isStanding(grant)));
  return present.reduce((best, set) => (best !== null && !isLater(set, best) ? best : set), null);
}

/**
 * A share that its custodian printed, as it was typed in.
 * @param {number} index
 * @param {string} typed 24 words
 * @returns {{index: number, share: Uint8Array}}
 * @throws {RecoveryError} `share_words`
 */
export function readPrintedShare(index, typed) {
  try {
    return { index, share: readWords(typed) };
  } catch (error) {
    if (!(error instanceof RecoveryError)) throw error;
    throw new RecoveryError("share_words", error.message);
  }
}

/** What a custodian's own device has of a set, in the form of a text that hands it over. */
export function ownShares({ member, shares }, device) {
  const held = shares.map(({ sealed }, position) => ({ index: position + 1, bytes: sealed.get(device.id) }));
  return held.filter(({ bytes }) => bytes !== undefined).map(({ index, bytes }) => ({ member, index, wraps: [{ recipient: device.id, bytes }] }));
}

/**
 * The recovery key, from shares that are all those published; one that is not stops it. As many as the threshold says make
 * it, the lowest numbers first. Only the log says that it is the right one: the card does not.
 * @param {Logs} logs
 * @param {object} set the present one, as `readRecoveryCard` gives it
 * @param {object} device that puts them together, as `deviceFromSeed` gives it
 * @param {Array<object>} handed as `ownShares`, `readPrintedShare` or `readShareText` gives them: one's own first, then what was
 *   printed, then texts
 * @throws {RecoveryError} `share_other_set`, `share_not_for_this_device`, `share_wrong`, `shares_too_few` or `recovery_other_device`
 */
export async function recoveryDevice(logs, set, device, handed) {
  const good = new Map();
  for (const text of handed) good.set(text.index, await shareOf(logs, set, device, text));
  if (good.size < set.threshold) throw new RecoveryError("shares_too_few", `${good.size} of the ${set.threshold} shares it takes`);
  const lowest = [...good].sort(([left], [right]) => left - right).slice(0, set.threshold);
  const made = await deviceFromSeed(combine(new Map(lowest)));
  const isLive = [...liveGrants(logs.newest(set.member))].some((grant) => grant.member.id === made.id);
  if (!isLive) throw new RecoveryError("recovery_other_device", "the shares make another device than one of the member's");
  return made;
}

/** A printed share names no set: the present one's commitment alone says whether it is one of it. */
function printedOf({ member, shares }, { index, share }) {
  const published = shares[index - 1];
  if (published !== undefined && commitmentOf(member, index, share) === published.commitment) return share;
  throw new RecoveryError("share_wrong", `what was printed is not share ${index} of the present set`);
}

async function shareOf(logs, { member, shares }, device, text) {
  if (text.share !== undefined) return printedOf({ member, shares }, text);
  if (text.member !== member) throw new RecoveryError("share_other_set", "a share of another set than the present one");
  const wrap = text.wraps.find(({ recipient }) => recipient === device.id);
  if (wrap === undefined) throw new RecoveryError("share_not_for_this_device", "the text holds nothing for this device");
  const published = shares[text.index - 1];
  if (published === undefined) throw new RecoveryError("share_wrong", `the set has no share ${text.index}`);
  const { nonce } = logs.newest(member);
  try {
    return await openShare({ member, index: text.index, nonce, commitment: published.commitment }, device, wrap.bytes);
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    throw new RecoveryError("share_wrong", `the share of ${published.custodian} is not the one that was published`);
  }
}

/** Spaces that people are members of, sections aside. */
const GROUPS = ["team", "institution", "network"];

const isStanding = (grant) => grant.ended === null && isConfirmed(grant);

/** All grants that a member ever had, with their spaces, in logs of these kinds. */
function grantsOf(logs, member, kinds) {
  const states = [...logs.logs.keys()].map((space) => logs.newest(space)).filter(({ kind }) => kinds.includes(kind));
  const grants = states.flatMap(({ space, grants: all }) => [...all.values()].map((grant) => ({ space, grant })));
  return grants.filter(({ grant }) => grant.member.id === member);
}

/** The groups that a recovery member covers: those that it manages. */
export function coveredBy(logs, member) {
  const standing = grantsOf(logs, member, GROUPS).filter(({ grant }) => isStanding(grant) && grant.role === "manage");
  return [...new Set(standing.map(({ space }) => space))];
}

/** What the recovery key was used for: operations of the member's devices in logs that it was ever added to. */
export function usesOf(logs, member) {
  const devices = new Set([...logs.newest(member).grants.values()].map((grant) => grant.member.id));
  const spaces = new Set(grantsOf(logs, member, [...GROUPS, "section"]).map(({ space }) => space));
  return [...spaces].flatMap((space) => {
    const { operations } = logs.logs.get(space);
    return operations.filter(({ body }) => devices.has(body.author)).map(({ id }) => ({ space, operation: id }));
  });
}
