/** What several effects demand or do (PROTOCOL §12). */
import { compare, fromHex } from "./bytes.js";
import { ReplayError } from "./errors.js";
import { checkKemKey, parseVerifyingKey } from "./primitives.js";
import { atLeast, changesMembers, isConfirmed } from "./rights.js";
import { liveGrants } from "./state.js";

export function refuse(code, message) {
  throw new ReplayError(code, message);
}

export function contradiction(message) {
  refuse("contradiction", message);
}

export function requireMembersRight({ right }) {
  if (!changesMembers(right)) refuse("not_entitled", "the author does not change members here");
}

/** `manage` that closing does not cap: to take away. */
export function requireManager({ right }) {
  if (!right.manages) refuse("not_entitled", "the author does not hold manage here");
}

export function requireRole({ right }, needed) {
  if (!atLeast(right.role, needed)) refuse("not_entitled", `the author does not hold ${needed} here`);
}

export function requireValidKeys(keys) {
  attempt("contradiction", "device keys", () => {
    parseVerifyingKey(keys.verifying);
    checkKemKey(keys.kem);
  });
}

/** Runs a check of keys or signatures, and gives its failure the word that replay has for it. */
export function attempt(code, what, check) {
  try {
    check();
  } catch (error) {
    refuse(code, `${what}: ${error.message}`);
  }
}

/** Whether identifiers ascend without repetition. */
export function ascends(identifiers) {
  return identifiers.every((id, index) => index === 0 || compare(fromHex(identifiers[index - 1]), fromHex(id)) < 0);
}

export function liveGrant({ state }, id) {
  const grant = state.grants.get(id);
  if (grant === undefined || grant.ended !== null) contradiction("no such grant is live here");
  return grant;
}

export function end(state, grant, operation, cause, reason = null) {
  const { index, author, claimedAtMs } = operation.body;
  state.grants.set(grant.id, { ...grant, ended: { at: index, by: author, operation: operation.id, cause, reason, claimedAtMs } });
}

/**
 * A space other than a person's must not lose its last confirmed grant with `manage` by being changed, nor its last but one
 * member with such a grant where it takes two.
 */
export function keepingLastManage(state, change) {
  const needed = Math.min(managersOf(state).size, takesTwo(state) ? 2 : 1);
  change();
  if (state.kind !== "person" && managersOf(state).size < needed) contradiction("too few would be left who manage");
}

/** Members with a live and confirmed grant with `manage`. */
export function managersOf(state) {
  const grants = [...liveGrants(state)].filter((grant) => isConfirmed(grant) && grant.role === "manage");
  return new Set(grants.map(({ member }) => member.id));
}

/** Whether it takes two administrators in a space (`Policy`); only in an institution it ever does. */
export function takesTwo({ kind, policy }) {
  return kind === "institution" && policy.administrators === 2;
}
