/** Whom a space's key must be wrapped to, and when a space's key may no longer be used (PROTOCOL §14). */
import { currentEpoch } from "./state.js";
import { holdsKeys, isDoubtful } from "./rights.js";

/**
 * @param {View} view
 * @param {string} space
 * @param {{withDoubtful: boolean}} options whether additions in doubt are in it
 * @returns {Map<string, {id: string, key: string, kem: Uint8Array, isDevice: boolean}>} by recipient id
 * @throws {MissingError} if the log of a member space is not known
 */
export function effectiveRecipients(view, space, { withDoubtful }) {
  const found = new Map();
  collect(view, space, withDoubtful, found);
  return found;
}

function collect(view, space, withDoubtful, found) {
  const state = view.required(space);
  for (const grant of keyHoldingGrants(view, state, withDoubtful)) {
    const { id, type } = grant.member;
    if (type === "device") {
      found.set(id, { id, key: id, kem: state.devices.get(id).kem, isDevice: true });
      continue;
    }
    const epoch = usableEpoch(view, id);
    if (epoch === null) collect(view, id, withDoubtful, found);
    else found.set(id, { id, key: epoch.keyId, kem: epoch.kem, isDevice: false });
  }
}

function* keyHoldingGrants(view, state, withDoubtful) {
  for (const grant of state.grants.values()) {
    if (grant.ended !== null || !grant.confirmed || !holdsKeys(grant.role)) continue;
    if (!withDoubtful && isDoubtful(view, state.space, grant.id)) continue;
    yield grant;
  }
}

/** The current epoch of a member space if others may wrap to it, else null. */
function usableEpoch(view, space) {
  const epoch = currentEpoch(view.required(space));
  if (epoch === null || epoch.kem === null || isStale(view, space)) return null;
  return epoch;
}

/**
 * Whether a space's key may no longer be used: there is none, a wrap of it is reported as bad, or somebody who knows it
 * may not read any more.
 */
export function isStale(view, space) {
  return view.remember(`stale ${space}`, () => {
    const epoch = currentEpoch(view.required(space));
    if (epoch === null || epoch.badWraps.size > 0) return true;
    const reached = reachedFrom(view, space);
    if (!reached.has(epoch.author)) return true;
    return [...epoch.wraps.values()].some((wrap) => !stillReads(view, reached, wrap));
  });
}

function stillReads(view, reached, wrap) {
  if (!reached.has(wrap.id)) return false;
  if (wrap.id === wrap.key) return true;
  const epoch = currentEpoch(view.required(wrap.id));
  return epoch !== null && epoch.keyId === wrap.key && !isStale(view, wrap.id);
}

/** Devices and spaces that lead down from a space through grants that hold keys and are not in doubt. */
function reachedFrom(view, space) {
  const reached = new Set();
  const open = [space];
  while (open.length > 0) {
    const state = view.required(open.pop());
    for (const grant of keyHoldingGrants(view, state, false)) {
      const { id, type } = grant.member;
      if (reached.has(id)) continue;
      reached.add(id);
      if (type === "space") open.push(id);
    }
  }
  return reached;
}
