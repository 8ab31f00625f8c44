/** Who stands for an addition, and which additions nobody stands for any more (PROTOCOL §14). */
import { View, liveGrants } from "./state.js";
import { atLeast, holdsKeys, isConfirmed, remains } from "./rights.js";

/**
 * Grants that are in doubt, asked of the logs alone: what the lists of `Epoch` and `Wrap` may name.
 * @param {View} view
 * @param {string} space
 * @returns {Set<string>} grant ids, of this space and of those it rests on
 */
export function doubtfulGrants(view, space) {
  return view.remember(`doubtful ${space}`, () => withoutSponsors(view, space, () => null));
}

/**
 * Grants that are suspended, with receipts: an end in another log counts only as far as that log was received before the
 * sponsor's operation.
 * @param {View} view
 * @param {string} space
 * @param {Arrivals} arrivals
 */
export function suspendedGrants(view, space, arrivals) {
  return view.remember(`suspended ${space}`, () =>
    withoutSponsors(view, space, (operation) => arrivals.before(operation)),
  );
}

/**
 * The smallest set that agrees with itself.
 * @param {(operation: string) => ((space: string) => number)|null} received how long each log was when an operation was
 *   received; null if that is not known
 */
function withoutSponsors(view, space, received) {
  const grants = spacesInQuestion(view, space).flatMap((state) =>
    [...liveGrants(state)].filter(isConfirmed).map((grant) => ({ state, grant })),
  );
  const found = new Set();
  for (let grown = true; grown; ) {
    const fallen = grants.filter(({ state, grant }) => !found.has(grant.id) && !isSponsored(view, state, grant, found, received));
    for (const { grant } of fallen) found.add(grant.id);
    grown = fallen.length > 0;
  }
  return found;
}

/** A space, all beneath it by any grant, ended ones too, their guardians, and so on: what is known of them. */
function spacesInQuestion(view, space) {
  const seen = new Set();
  const open = [space];
  const states = [];
  while (open.length > 0) {
    const next = open.pop();
    if (seen.has(next)) continue;
    seen.add(next);
    const state = view.state(next);
    if (state === null) continue;
    states.push(state);
    if (state.guardian !== null) open.push(state.guardian);
    for (const { member } of state.grants.values()) if (member.type === "space") open.push(member.id);
  }
  return states;
}

function isSponsored(view, state, grant, suspended, received) {
  return grant.sponsors.some((sponsor, position) => holds(view, grant, sponsor, position, suspended, received));
}

/** Whether a sponsor's word holds in a view. */
function holds(view, grant, sponsor, position, suspended, received) {
  if (sponsor.index === 0) return true;
  const then = View.known(view.logs, sponsor.knowledge, sponsor.before);
  const added = sponsor.index === grant.addedAt;
  const isForManage = sponsor.managed && ((added && holdsKeys(grant.role)) || position > 0);
  if (sponsor.asFounder) return true;
  const left = remains(then, sinceSponsor(view, sponsor, received), sponsor.device, sponsor.space, suspended);
  if (isForManage) return left.role === "manage";
  return atLeast(left.role, "write") || (added && (left.role === "manage" || left.administers));
}

/** The view, but for the grant's own log, whose order is known, and for what was received only later. */
function sinceSponsor(view, sponsor, received) {
  const lengthThen = received(sponsor.operation);
  const lengthOf = (other) => {
    const length = view.state(other)?.length ?? 0;
    return lengthThen === null ? length : Math.min(length, lengthThen(other));
  };
  return new View(view.logs, lengthOf, [sponsor.before, ...view.overlays]);
}

/** When the relay took operations in: positions of their earliest receipts. */
export class Arrivals {
  /**
   * @param {Logs} logs
   * @param {(operation: string) => object|null} receiptOf the earliest verified receipt
   * @param {(left: object, right: object) => boolean} isEarlier
   */
  constructor(logs, receiptOf, isEarlier) {
    this.logs = logs;
    this.receiptOf = receiptOf;
    this.isEarlier = isEarlier;
  }

  /** How long each log was when an operation was received; null if it has no receipt, and so counts as late. */
  before(operation) {
    const receipt = this.receiptOf(operation);
    return receipt === null ? null : this.beforeReceipt(receipt);
  }

  /** The same for a receipt: a log up to its last operation that was received earlier. */
  beforeReceipt(receipt) {
    const lengths = new Map();
    return (space) => {
      if (!lengths.has(space)) lengths.set(space, this.lengthBefore(space, receipt));
      return lengths.get(space);
    };
  }

  lengthBefore(space, receipt) {
    const operations = this.logs.logs.get(space)?.operations ?? [];
    for (let length = operations.length; length > 0; length -= 1) {
      const own = this.receiptOf(operations[length - 1].id);
      if (own !== null && this.isEarlier(own, receipt)) return length;
    }
    return 0;
  }
}
