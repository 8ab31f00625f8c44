/** Effects on members: `Add`, `Confirm`, `Remove`, `SetRole`, `Expire` (PROTOCOL §12). */
import { concat, fromHex, toHex } from "./bytes.js";
import { end, invalid, liveGrant, refuse, requireMembersRight, requireRole, requireValidKeys } from "./effect-rules.js";
import * as limits from "./limits.js";
import { deviceId } from "./identifiers.js";
import { verifySignature } from "./primitives.js";
import { MEMBER_KINDS, epochOf, standingGrants } from "./state.js";
import { atLeast, contentRole, holdsKeys, isDoubtful } from "./rights.js";

const UNBORN_SPACE = new Uint8Array(32);

export function add(context, effect) {
  requireMembersRight(context);
  const { state, operation, right } = context;
  if (state.grants.has(effect.grant)) invalid("the grant id is not new");
  if (state.grants.size >= limits.GRANTS) invalid("too many grants");
  if ((effect.basis?.length ?? 0) > limits.SEALED_LABEL_BYTES) refuse("too_large", "the basis is too large");
  const member = effect.member.type === "device" ? addDevice(context, effect.member) : addSpace(context, effect.member);
  const invitation = effect.invitation === null ? null : useInvitation(context, effect, member);
  state.grants.set(effect.grant, {
    id: effect.grant,
    member,
    role: effect.role,
    roles: [],
    history: effect.history,
    basis: effect.basis,
    notAfterMs: effect.notAfterMs,
    addedAt: operation.body.index,
    addedBy: operation.body.author,
    claimedAtMs: operation.body.claimedAtMs,
    knowledge: context.knowledge,
    before: context.before,
    confirmed: confirmedAtOnce(effect, right, invitation),
    vouched: false,
    cut: null,
    ended: null,
  });
}

function addDevice({ state, operation }, { keys, countersignature }) {
  if (!MEMBER_KINDS[state.kind].includes("device")) invalid("devices are members of persons only");
  requireValidKeys(keys);
  const id = deviceId(keys);
  const founding = operation.body.index === 0;
  if (founding && id !== operation.body.author) invalid("operation 0 adds no device but its author");
  if (isMemberDevice(state, id)) invalid("the device is known here already");
  const person = founding ? UNBORN_SPACE : fromHex(state.space);
  try {
    verifySignature(keys.verifying, "admission/sign", concat(person, fromHex(id)), countersignature);
  } catch (error) {
    invalid(`countersignature: ${error.message}`);
  }
  state.devices.set(id, keys);
  return { type: "device", id };
}

function isMemberDevice(state, device) {
  return [...state.grants.values()].some((grant) => grant.member.type === "device" && grant.member.id === device);
}

function addSpace(context, { space }) {
  const member = context.view().state(space);
  if (member === null) invalid("the operation does not come after the founding of its new member");
  if (!MEMBER_KINDS[context.state.kind].includes(member.kind)) invalid("this kind is no member here");
  return { type: "space", id: space };
}

function useInvitation({ state }, effect, member) {
  const key = toHex(effect.invitation.invitation);
  const invitation = state.invitations.get(key);
  if (invitation === undefined) invalid("no such invitation in this log");
  if (invitation.role !== effect.role) invalid("the invitation is for another role");
  if (invitation.usedBy !== null && invitation.usedBy !== member.id) invalid("the invitation is used");
  try {
    const message = concat(fromHex(state.space), fromHex(member.id));
    verifySignature(effect.invitation.invitation, "invitation/sign", message, effect.invitation.signature);
  } catch (error) {
    invalid(`invitation: ${error.message}`);
  }
  state.invitations.set(key, { ...invitation, usedBy: member.id });
  return invitation;
}

function confirmedAtOnce(effect, right, invitation) {
  if (effect.role === "administer") return true;
  if (effect.history === "from_now") return false;
  return atLeast(right.role, "manage") || (invitation?.byManager ?? false);
}

export function confirm(context, effect) {
  const { state, right } = context;
  const grant = liveGrant(context, effect.grant);
  const doubtful = isDoubtful(context.view(), state.space, grant.id);
  if (grant.confirmed && !doubtful) invalid("the grant is confirmed");
  if (doubtful) requireRole(context, "manage");
  else if (!atLeast(right.role, "write")) requireRescue(context);
  const cut = cutOf(state, grant, effect.keyId);
  state.grants.set(grant.id, { ...grant, confirmed: true, vouched: true, cut });
}

/** Where no device holds a content role any more: `write` in a space above, which the operation refers to. */
function requireRescue(context) {
  const { state, operation } = context;
  const view = context.viewBefore();
  const hasHolder = devicesBeneath(view, state.space).some((device) => contentRole(view, device, state.space) !== "none");
  if (hasHolder) refuse("not_entitled", "the author does not hold write here");
  const above = operation.body.references.some(({ space }) => {
    const upper = view.state(space);
    return isConfirmedMember(upper, state.space) && atLeast(contentRole(view, operation.body.author, space), "write");
  });
  if (!above) refuse("not_entitled", "the author holds write neither here nor in a space above");
}

function isConfirmedMember(upper, space) {
  return [...standingGrants(upper)].some(
    (grant) => grant.confirmed && holdsKeys(grant.role) && grant.member.type === "space" && grant.member.id === space,
  );
}

function devicesBeneath(view, space) {
  const devices = [];
  for (const grant of standingGrants(view.required(space))) {
    if (grant.member.type === "device") devices.push(grant.member.id);
    else devices.push(...devicesBeneath(view, grant.member.id));
  }
  return devices;
}

/** The epoch at which a member's reading begins; named exactly where the history is from now. */
function cutOf(state, grant, keyId) {
  if ((keyId !== null) !== (grant.history === "from_now")) {
    invalid("a key id stands exactly where the history is from now");
  }
  if (keyId === null) return null;
  const epoch = epochOf(state, keyId);
  if (epoch === null || !epoch.cut || epoch.at < grant.addedAt) invalid("no cut epoch of this log since the addition");
  return keyId;
}

export function remove(context, effect) {
  requireMembersRight(context);
  const { state, operation } = context;
  if ((effect.grant === null) === (effect.member === null)) invalid("Remove names a grant or a member");
  const ending =
    effect.grant !== null
      ? [liveGrant(context, effect.grant)]
      : [...standingGrants(state)].filter((grant) => grant.member.id === effect.member);
  if (ending.length === 0) invalid("no grant of this member stands");
  keepingLastManage(state, () => {
    for (const grant of ending) end(state, grant, operation, "removed", effect.reason);
  });
}

/** A space other than a person's must not lose the last way to `manage` by being changed. */
function keepingLastManage(state, change) {
  const before = hasManage(state);
  change();
  if (state.kind !== "person" && before && !hasManage(state)) invalid("it would remove the last path with manage");
}

function hasManage(state) {
  return [...standingGrants(state)].some((grant) => grant.confirmed && grant.role === "manage");
}

export function setRole(context, effect) {
  requireMembersRight(context);
  const { state, operation } = context;
  const grant = liveGrant(context, effect.grant);
  if (holdsKeys(grant.role) !== holdsKeys(effect.role)) invalid("a role with keys does not become one without, nor back");
  if (grant.role === effect.role) invalid("the grant has this role");
  const upwards = atLeast(effect.role, grant.role);
  if (upwards && state.closed) invalid("the space is closed");
  if (upwards) requireRole(context, "manage");
  const change = { at: operation.body.index, role: effect.role, operation: operation.id };
  keepingLastManage(state, () => {
    state.grants.set(grant.id, { ...grant, role: effect.role, roles: [...grant.roles, change] });
  });
}

export function expire(context, effect) {
  const { state, operation, right } = context;
  if (!atLeast(right.role, "write") && !right.administers) refuse("not_entitled", "the author may not end this grant");
  const grant = liveGrant(context, effect.grant);
  if (grant.notAfterMs === null) invalid("the grant has no end of its own");
  if (BigInt(operation.body.claimedAtMs) < BigInt(grant.notAfterMs)) invalid("the grant has not run out yet");
  keepingLastManage(state, () => end(state, grant, operation, "expired"));
}
