/**
 * Wraps of the past (PROTOCOL §12, `Wrap`): of an epoch of a healed branch that a cut separates from the current one. No link
 * leads there, so it is wrapped to those whose right covers the past, and stood before that was cut off.
 */
import { Holders } from "./recipients.js";
import { epochOf } from "./state.js";

/** The branches that hold an epoch that no epoch of this log is: where each left the log, and what followed on it. */
export function branchesWith(state, keyId) {
  return state.branches.flatMap(({ tip, fork }) => {
    const epochs = tip.epochs.filter(({ at }) => at >= fork);
    const place = epochs.findIndex((each) => each.keyId === keyId);
    return place < 0 ? [] : [{ fork, later: epochs.slice(place + 1) }];
  });
}

/**
 * Where the past that an epoch of a healed branch belongs to was cut off: a right that was confirmed at a lower index covers it.
 * Null for every other epoch, and where no cut lies between.
 */
export function pastEndsAt(state, keyId) {
  if (epochOf(state, keyId) !== null) return null;
  const ends = branchesWith(state, keyId).flatMap(({ fork, later }) => {
    const here = state.epochs.filter(({ cut, at }) => cut && at >= fork).map(({ at }) => at);
    return later.some(({ cut }) => cut) ? [fork, ...here] : here;
  });
  return ends.length === 0 ? null : Math.min(...ends);
}

/**
 * To whom such an epoch may be wrapped, as `Holders.recipientsOf`. What is beneath a network's institutions is not known to all.
 * @throws {MissingError} `missing_log`
 */
export function pastRecipients(view, state, keyId, suspended) {
  const found = new Map();
  const until = pastEndsAt(state, keyId);
  if (until === null || state.kind === "network") return found;
  const holders = new Holders(view, suspended);
  const covers = ({ sponsors, member }) =>
    sponsors[0].index < until && !(member.type === "space" && isCut(holders, member.id));
  holders.collect(state.space, found, [...holders.grantsOf(state)].filter(covers));
  return found;
}

/** Whether somebody was let in `from now` in a space or in one beneath it: they hold the key of today and not the past. */
function isCut(holders, space) {
  const spaces = new Set([space]);
  for (const each of spaces) {
    const state = holders.view.required(each);
    if (state.epochs.some(({ cut }) => cut)) return true;
    for (const { member } of holders.grantsOf(state)) if (member.type === "space") spaces.add(member.id);
  }
  return false;
}
