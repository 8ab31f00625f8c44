/**
 * Who may do what (PROTOCOL §13), additions whose right is in doubt, and rights that have ended since (§16).
 *
 * All of it is one walk over grants in a view. What differs is how much of a grant counts: everything it gave in that
 * view, or only what has not been taken back in a later one.
 */
import { View } from "./state.js";

const STRENGTH = { none: 0, read: 1, write: 2, manage: 3 };
const NAMES = ["none", "read", "write", "manage"];

/** @returns {boolean} whether `role` is `needed` or more; `administer` is no content role */
export function atLeast(role, needed) {
  return STRENGTH[role] >= STRENGTH[needed];
}

/** The weaker of two content roles. */
export function weaker(left, right) {
  return STRENGTH[left] <= STRENGTH[right] ? left : right;
}

/** Whether this role holds keys. */
export function holdsKeys(role) {
  return role !== "administer";
}

/** What a grant gives in a view by itself: its role there if it stands and is confirmed, else null. */
function asItStands(_space, grant) {
  return grant.ended === null && grant.confirmed ? grant.role : null;
}

/**
 * A walk over the grants of a view.
 * @param {View} view
 * @param {(space: string, grant: object) => string|null} roleOf what of a grant counts
 */
class Walk {
  constructor(view, roleOf) {
    this.view = view;
    this.roleOf = roleOf;
    this.roles = new Map();
  }

  /** The strongest content role of a device in a space: none, read, write or manage. */
  contentRole(device, space) {
    const key = `${device}${space}`;
    if (!this.roles.has(key)) this.roles.set(key, this.computeContentRole(device, space));
    return this.roles.get(key);
  }

  computeContentRole(device, space) {
    const state = this.view.state(space);
    if (state === null) return "none";
    if (isFounding(state, device)) return "manage";
    let strongest = 0;
    for (const grant of state.grants.values()) {
      const role = this.roleOf(space, grant);
      if (role === null || !holdsKeys(role)) continue;
      strongest = Math.max(strongest, STRENGTH[this.through(device, grant, role)]);
    }
    return NAMES[strongest];
  }

  through(device, grant, role) {
    if (grant.member.type === "device") return grant.member.id === device ? role : "none";
    const below = this.contentRole(device, grant.member.id);
    if (below === "none" || below === "read") return below;
    return role;
  }

  /** Whether a device administers a space, by a grant or as its guardian. */
  administers(device, space) {
    const state = this.view.state(space);
    if (state === null) return false;
    if (isFounding(state, device)) return true;
    for (const grant of state.grants.values()) {
      if (this.roleOf(space, grant) !== "administer") continue;
      if (grant.member.type === "device" && grant.member.id === device) return true;
      if (grant.member.type === "space" && atLeast(this.contentRole(device, grant.member.id), "write")) return true;
    }
    return this.administersAsGuardian(device, state);
  }

  administersAsGuardian(device, state) {
    if (state.guardian === null) return false;
    const guardian = this.view.state(state.guardian);
    return guardian !== null && guardian.kind === "institution" && this.administers(device, state.guardian);
  }

  /** Both at once. */
  right(device, space) {
    return { role: this.contentRole(device, space), administers: this.administers(device, space) };
  }
}

/**
 * Until the first grant stands in a log, its founder holds `manage` and `administer`. Not again once all have ended: the
 * founder's device may be the lost one.
 */
function isFounding(state, device) {
  return state.founder === device && state.grants.size === 0;
}

function plainWalk(view) {
  return view.remember("walk", () => new Walk(view, asItStands));
}

/** A device's content role in a space, in a view; in a closed space `read` at most. */
export function contentRole(view, device, space) {
  const role = plainWalk(view).contentRole(device, space);
  return view.state(space)?.closed ? weaker(role, "read") : role;
}

/**
 * A device's right in a space, in a view: `{role, administers}`. Closing does not lower it: what a closed space still
 * allows is a matter of the effects.
 */
export function rightOf(view, device, space) {
  return plainWalk(view).right(device, space);
}

/** Whether a right is `manage` or `administer`. */
export function changesMembers(right) {
  return atLeast(right.role, "manage") || right.administers;
}

/**
 * What is left of a device's right in `known`, after everything that has been taken back until `later`. A grant made
 * since does not help.
 * @param {View} known
 * @param {View} later knows at least as much
 * @param {string} device
 * @param {string} space
 * @param {{withoutDoubtful?: boolean, knows?: (operation: string) => boolean}} options `knows`: which operations are
 *   looked at among those that took something back; all, if it is not given
 */
export function remainingRight(known, later, device, space, { withoutDoubtful = false, knows = () => true } = {}) {
  const walk = new Walk(known, (where, grant) => {
    const role = asItStands(where, grant);
    if (role === null) return null;
    const left = lowestSince(known, later, where, grant.id, role, knows);
    if (left === null) return null;
    return withoutDoubtful && isDoubtful(later, where, grant.id) ? null : left;
  });
  return walk.right(device, space);
}

/** The weakest role a grant had between two views; null if it has ended. */
function lowestSince(known, later, space, grantId, role, knows) {
  const grant = later.state(space)?.grants.get(grantId);
  if (grant === undefined) return role;
  if (grant.ended !== null && knows(grant.ended.operation)) return null;
  const from = known.state(space).length;
  return grant.roles
    .filter((change) => change.at >= from && knows(change.operation))
    .reduce((lowest, change) => lower(lowest, change.role), role);
}

function lower(left, right) {
  if (left === "administer" || right === "administer") return left;
  return weaker(left, right);
}

/**
 * Whether an addition is in doubt in a view: every path by which its author could add has been taken back there, which
 * the author had not seen.
 */
export function isDoubtful(view, space, grantId) {
  return view.remember(`doubtful ${space} ${grantId}`, () => {
    const state = view.state(space);
    const grant = state?.grants.get(grantId);
    if (grant === undefined || grant.ended !== null || grant.addedAt === 0 || grant.vouched) return false;
    const before = beforeOperation(view, grant);
    return !changesMembers(remainingRight(before, view, grant.addedBy, space, { withoutDoubtful: true }));
  });
}

/** The logs as the author of an addition knew them, the own one up to that operation. */
function beforeOperation(view, grant) {
  return View.known(view.logs, grant.knowledge, grant.before);
}

/** The devices' keys that a view names, its own space first. @returns {object|null} DeviceKeys */
export function findDeviceKeys(view, spaces, device) {
  for (const space of spaces) {
    const keys = view.state(space)?.devices.get(device);
    if (keys !== undefined) return keys;
  }
  return null;
}
