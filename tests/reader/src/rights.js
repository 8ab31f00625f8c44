/**
 * Who may do what, and what remains of a right (PROTOCOL §13).
 *
 * Both are one walk over the grants of a view. What differs is how much of a grant counts: everything it gives in that
 * view, or only what a later one has not taken back.
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

/** Whether somebody stands for this grant. */
export function isConfirmed(grant) {
  return grant.sponsors.length > 0;
}

/** What a grant gives in a view by itself: its role there if it is live and has a sponsor, else null. */
function asItStands(_state, grant) {
  return grant.ended === null && isConfirmed(grant) ? grant.role : null;
}

/** A walk over the grants of a view. */
class Walk {
  /**
   * @param {View} view
   * @param {(state: object, grant: object) => string|null} roleOf what of a grant counts
   */
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
    let strongest = 0;
    for (const grant of state.grants.values()) {
      const role = this.roleOf(state, grant);
      if (role === null || !holdsKeys(role)) continue;
      strongest = Math.max(strongest, STRENGTH[this.through(device, grant, role)]);
    }
    return NAMES[strongest];
  }

  through(device, grant, role) {
    if (grant.member.type === "device") return grant.member.id === device ? role : "none";
    const below = this.contentRole(device, grant.member.id);
    return below === "none" || below === "read" ? below : role;
  }

  /** Whether a device administers a space, by a grant or through its guardian. */
  administers(device, space) {
    const state = this.view.state(space);
    if (state === null) return false;
    for (const grant of state.grants.values()) {
      if (this.roleOf(state, grant) !== "administer") continue;
      if (grant.member.type === "device" && grant.member.id === device) return true;
      if (grant.member.type === "space" && atLeast(this.contentRole(device, grant.member.id), "write")) return true;
    }
    const guardian = state.guardian === null ? null : this.view.state(state.guardian);
    return guardian?.kind === "institution" && this.administers(device, state.guardian);
  }
}

function plainWalk(view) {
  return view.remember("walk", () => new Walk(view, asItStands));
}

/** A device's content role in a space, in a view. Closing does not lower it: it gives reading beneath and above. */
export function contentRole(view, device, space) {
  return plainWalk(view).contentRole(device, space);
}

/** Whether a device administers a space, in a view. */
export function administers(view, device, space) {
  return plainWalk(view).administers(device, space);
}

/**
 * An author's right in a space: its role (in a closed space `read` at most), whether it administers, and whether it may
 * `takeAway`, which closing does not cap.
 * @returns {{role: string, administers: boolean, manages: boolean}} `manages`: `manage` as if the space were open
 */
export function rightOf(view, device, space) {
  const state = view.state(space);
  if (isFounding(state, device)) return { role: "manage", administers: true, manages: true };
  const role = contentRole(view, device, space);
  return {
    role: state?.closed ? weaker(role, "read") : role,
    administers: administers(view, device, space),
    manages: role === "manage",
  };
}

/** Until the first grant was added to a log, ended since or not, its founder holds everything in it. */
export function isFounding(state, device) {
  return state !== null && state.founder === device && state.grants.size === 0;
}

/** Whether a right is `manage` or `administer`. */
export function changesMembers(right) {
  return right.manages || right.administers;
}

const NOBODY = new Set();

/**
 * What remains of what a device held in `then`, as far as `since` has not taken it back.
 * @param {View} then
 * @param {View} since
 * @param {string} device
 * @param {string} space
 * @param {Set<string>} suspended ids of grants that give nothing
 * @returns {{role: string, administers: boolean, withoutClosing: string}}
 */
export function remains(then, since, device, space, suspended = NOBODY) {
  const walk = new Walk(then, (state, grant) => {
    const role = suspended.has(grant.id) ? null : asItStands(state, grant);
    return role === null ? null : lowestUntil(state, laterState(state, since), grant, role);
  });
  const state = then.state(space);
  const withoutClosing = walk.contentRole(device, space);
  const closed = state !== null && laterState(state, since).closed;
  return {
    role: closed ? weaker(withoutClosing, "read") : withoutClosing,
    administers: walk.administers(device, space),
    withoutClosing,
  };
}

/** The state at the later of both lengths. */
function laterState(state, since) {
  const later = since.state(state.space);
  return later === null || later.length < state.length ? state : later;
}

/** The weakest role a grant had at any length from one state to another; null if it has ended there. */
function lowestUntil(from, to, { id }, role) {
  const grant = to.grants.get(id);
  if (grant === undefined || grant.ended !== null) return grant === undefined ? role : null;
  if (!holdsKeys(role)) return role;
  return grant.roles
    .filter((change, position, all) => change.at >= from.length && all[position + 1]?.at !== change.at)
    .reduce((lowest, change) => weaker(lowest, change.role), role);
}

/** The devices' keys that a view names, healed branches included, its own space first. @returns {object|null} DeviceKeys */
export function findDeviceKeys(view, spaces, device) {
  for (const space of spaces) {
    const state = view.state(space);
    const keys = state?.devices.get(device) ?? state?.branchDevices.get(device);
    if (keys !== undefined) return keys;
  }
  return null;
}
