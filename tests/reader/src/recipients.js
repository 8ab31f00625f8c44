/** Whom a space's key must be wrapped to, and when a space's key may no longer be used (PROTOCOL §14). */
import { currentEpoch } from "./state.js";
import { holdsKeys, isConfirmed } from "./rights.js";

/**
 * Both questions in one view, passing over the same suspended grants.
 */
export class Holders {
  /**
   * @param {View} view
   * @param {Set<string>} suspended grant ids
   */
  constructor(view, suspended = new Set()) {
    this.view = view;
    this.suspended = suspended;
    this.stale = new Map();
  }

  /** Key holders: grants that are live, confirmed, hold keys and are not suspended. */
  *grantsOf(state) {
    for (const grant of state.grants.values()) {
      const holds = grant.ended === null && isConfirmed(grant) && holdsKeys(grant.role);
      if (holds && !this.suspended.has(grant.id)) yield grant;
    }
  }

  /**
   * Effective recipients.
   * @returns {Map<string, {id: string, key: string, kem: Uint8Array, isDevice: boolean}>} by recipient id
   * @throws {MissingError} `missing_log`
   */
  recipientsOf(space) {
    const found = new Map();
    this.collect(space, found);
    return found;
  }

  collect(space, found, grants = null) {
    const state = this.view.required(space);
    for (const { member } of grants ?? this.grantsOf(state)) {
      const { id, type } = member;
      if (type === "device") {
        found.set(id, { id, key: id, kem: state.devices.get(id).kem, isDevice: true });
        continue;
      }
      const epoch = this.usableEpoch(id, state.kind);
      if (epoch === null) this.collect(id, found);
      else found.set(id, { id, key: epoch.keyId, kem: epoch.kem, isDevice: false });
    }
  }

  /** The current epoch of a member space if it is wrapped to, else null. A network takes its institutions' as it is. */
  usableEpoch(space, kindAbove) {
    const epoch = currentEpoch(this.view.required(space));
    if (epoch === null) return null;
    return kindAbove === "network" || !this.isStale(space) ? epoch : null;
  }

  /** Whether a space's key may no longer be used. */
  isStale(space) {
    if (!this.stale.has(space)) this.stale.set(space, this.computeStale(space));
    return this.stale.get(space);
  }

  computeStale(space) {
    const state = this.view.required(space);
    const epoch = currentEpoch(state);
    if (epoch === null || epoch.badWraps.size > 0) return true;
    return state.kind === "network" ? this.isStaleNetwork(state, epoch) : this.knowsSomebodyGone(state, epoch);
  }

  /**
   * What is beneath an institution is its own business: only the institutions themselves are asked about. Of those that a
   * branch wrapped to, whom nobody checked, only the ones that a grant of that branch names.
   */
  isStaleNetwork(state, epoch) {
    const holders = new Set([...this.grantsOf(state)].map(({ member }) => member.id));
    const there = heldOnBranches(state, epoch).flatMap(({ tip, epochs }) => {
      const named = spacesNamedBy(tip);
      return epochs.flatMap(recipientsIn).filter(({ id }) => named.has(id));
    });
    return [...recipientsIn(epoch), ...there].some(({ id, key }) => {
      if (this.view.logs.newest(id)?.kind !== "institution") return false;
      return !holders.has(id) || currentEpoch(this.view.required(id))?.keyId !== key;
    });
  }

  knowsSomebodyGone(state, epoch) {
    const reached = this.reachedFrom(state.space);
    const held = [epoch, ...heldOnBranches(state, epoch).flatMap(({ epochs }) => epochs)];
    if (held.some(({ author }) => !reached.has(author))) return true;
    const past = [...leadingTo(state, epoch.keyId)].flatMap((keyId) => state.pastWraps.get(keyId) ?? []);
    return [...held.flatMap(recipientsIn), ...past].some(({ id, key }) => {
      if (!reached.has(id)) return true;
      if (reached.get(id) === "device") return false;
      return currentEpoch(this.view.required(id))?.keyId !== key || this.isStale(id);
    });
  }

  /** Key holders, theirs if they are spaces, and so on: id → `device` or `space`. @throws {MissingError} `missing_log` */
  reachedFrom(space) {
    const reached = new Map();
    const open = [space];
    while (open.length > 0) {
      const state = this.view.required(open.pop());
      for (const { member } of this.grantsOf(state)) {
        if (reached.has(member.id)) continue;
        reached.set(member.id, member.type);
        if (member.type === "space") open.push(member.id);
      }
    }
    return reached;
  }
}

function recipientsIn({ wraps }) {
  return [...wraps.values()];
}

/** Spaces that a grant names, an ended one too. */
function spacesNamedBy({ grants }) {
  return new Set([...grants.values()].filter(({ member }) => member.type === "space").map(({ member }) => member.id));
}

/**
 * Who has the key of an epoch by branches that were healed here: by the branch's wraps of that very epoch, and by the epochs
 * of the branch from which links lead back to it. Each epoch is as it stands at the branch's end; one and the same recipient
 * may stand there several times, with other keys.
 */
function heldOnBranches(state, { keyId }) {
  const leading = leadingTo(state, keyId);
  return state.branches.map(({ tip, fork }) => ({
    tip,
    epochs: tip.epochs.filter((there) => there.keyId === keyId || (there.at >= fork && leading.has(there.keyId))),
  }));
}

/** Key ids of the epochs that open an epoch: itself, what links to it, what links to that, and so on, over all branches. */
function leadingTo(state, keyId) {
  const epochs = [state, ...state.branches.map(({ tip }) => tip)].flatMap((each) => each.epochs);
  const leading = new Set([keyId]);
  for (const target of leading) {
    for (const { keyId: from, links } of epochs) if (links.some(({ previous }) => previous === target)) leading.add(from);
  }
  return leading;
}

/** @param {Set<string>} [suspended] */
export function effectiveRecipients(view, space, suspended) {
  return new Holders(view, suspended).recipientsOf(space);
}

/** @param {Set<string>} [suspended] */
export function isStale(view, space, suspended) {
  return new Holders(view, suspended).isStale(space);
}
