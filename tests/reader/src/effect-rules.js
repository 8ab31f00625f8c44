/** What several effects demand or do (PROTOCOL §12). */
import { ReplayError } from "./errors.js";
import { checkKemKey, parseVerifyingKey } from "./primitives.js";
import { atLeast, changesMembers } from "./rights.js";

export function refuse(code, message) {
  throw new ReplayError(code, message);
}

export function invalid(message) {
  refuse("invalid", message);
}

export function requireMembersRight({ right }) {
  if (!changesMembers(right)) refuse("not_entitled", "the author does not change members here");
}

export function requireRole({ right }, needed) {
  if (!atLeast(right.role, needed)) refuse("not_entitled", `the author does not hold ${needed} here`);
}

export function requireValidKeys(keys) {
  try {
    parseVerifyingKey(keys.verifying);
    checkKemKey(keys.kem);
  } catch (error) {
    invalid(error.message);
  }
}

export function liveGrant({ state }, id) {
  const grant = state.grants.get(id);
  if (grant === undefined || grant.ended !== null) invalid("no such grant stands here");
  return grant;
}

export function end(state, grant, operation, cause, reason = null) {
  const { index, author, claimedAtMs } = operation.body;
  state.grants.set(grant.id, { ...grant, ended: { at: index, by: author, operation: operation.id, cause, reason, claimedAtMs } });
}
