/** Effects on members: `Add`, `Confirm`, `Remove`, `SetRole`, `Expire` (PROTOCOL §12). */
import { concat, fromHex, toHex } from "./bytes.js";
import {
  attempt, contradiction, end, keepingLastManage, liveGrant, refuse, requireMembersRight, requireRole, requireValidKeys,
} from "./effect-rules.js";
import { MissingError } from "./errors.js";
import { deviceId } from "./identifiers.js";
import * as limits from "./limits.js";
import { guardianThatTakesTwo, isAnotherAdministrator, takesTwoFor } from "./policy.js";
import { verifySignature } from "./primitives.js";
import { Holders } from "./recipients.js";
import { atLeast, changesMembers, holdsKeys, isConfirmed, isFounding, rightOf } from "./rights.js";
import { MEMBER_KINDS, epochOf, liveGrants } from "./state.js";

const UNBORN_SPACE = new Uint8Array(32);

export function add(context, effect) {
  requireMembersRight(context);
  const { state, operation, right } = context;
  if (state.grants.size >= limits.GRANTS) refuse("limit_reached", "too many grants");
  if (state.grants.has(effect.grant)) contradiction("the grant id is not new");
  const member = effect.member.type === "device" ? addDevice(context, effect.member) : addSpace(context, effect);
  const invited = effect.invitation !== null && useInvitation(context, effect, member);
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
    sponsors: isSponsoredAtOnce(state, effect, right, invited) ? [sponsorHere(context)] : [],
    cut: null,
    ended: null,
  });
}

function addDevice({ state, operation }, { keys, countersignature }) {
  if (state.kind !== "person") contradiction("devices are members of persons only");
  const id = deviceId(keys);
  if (isMemberDevice(state, id)) contradiction("the device was admitted here before");
  requireValidKeys(keys);
  const founding = operation.body.index === 0;
  if (founding && id !== operation.body.author) contradiction("operation 0 adds no device but its author");
  const person = founding ? UNBORN_SPACE : fromHex(state.space);
  attempt("bad_signature", "countersignature", () =>
    verifySignature(keys.verifying, "admission/sign", concat(person, fromHex(id)), countersignature),
  );
  state.devices.set(id, keys);
  return { type: "device", id };
}

function isMemberDevice(state, device) {
  return [...state.grants.values()].some((grant) => grant.member.type === "device" && grant.member.id === device);
}

function addSpace(context, { member: { space }, role }) {
  const member = context.view().state(space);
  if (member === null) throw new MissingError("missing_log", "it does not come after the founding of its new member", [space]);
  if (!MEMBER_KINDS[context.state.kind].includes(member.kind)) contradiction("this kind is no member here");
  if (takesTwoFor(context.state, role) && member.kind !== "person") contradiction("where it takes two, administrators are people");
  return { type: "space", id: space };
}

/** Whether a key holder's word stands for the newcomer: once, and while its author manages. */
function useInvitation(context, effect, member) {
  const { state } = context;
  if (member.type !== "space") contradiction("an invitation is for a space");
  const key = toHex(effect.invitation.invitation);
  const invitation = state.invitations.get(key);
  if (invitation === undefined) contradiction("no such invitation in this log");
  if (invitation.usedBy !== null && invitation.usedBy !== member.id) contradiction("the invitation is used");
  if (invitation.role !== effect.role) contradiction("the invitation is for another role");
  attempt("bad_signature", "invitation", () => {
    const message = concat(fromHex(state.space), fromHex(member.id));
    verifySignature(effect.invitation.invitation, "invitation/sign", message, effect.invitation.signature);
  });
  const stands = invitation.byManager && invitation.usedBy === null && stillManages(context, invitation.by);
  state.invitations.set(key, { ...invitation, usedBy: member.id });
  return stands;
}

function stillManages(context, device) {
  return atLeast(rightOf(context.viewBefore(), device, context.state.space).role, "manage");
}

function isSponsoredAtOnce(state, { role, history }, right, invitedByManager) {
  if (takesTwoFor(state, role)) return false;
  if (role === "administer") return true;
  return history === "full" && (atLeast(right.role, "manage") || invitedByManager);
}

/** The author as somebody who stands for a grant, by the right it holds in this space. */
function sponsorHere(context) {
  return sponsorIn(context, context.state.space, atLeast(context.right.role, "manage"), isFounding(context.before, context.operation.body.author));
}

function sponsorIn({ operation, knowledge, before }, space, managed, asFounder) {
  const { index, author } = operation.body;
  return { index, operation: operation.id, device: author, space, managed, asFounder, knowledge, before };
}

export function confirm(context, effect) {
  const { state, right } = context;
  const grant = liveGrant(context, effect.grant);
  const sponsor = atLeast(right.role, "write") ? sponsorHere(context) : sponsorAbove(context);
  if (isConfirmed(grant)) requireRole(context, "manage");
  else requireSecondWord(context, grant, sponsor);
  const cut = cutOf(state, grant, effect.keyId);
  state.grants.set(grant.id, { ...grant, sponsors: [...grant.sponsors, sponsor], cut });
}

/** Where it takes two, who confirms is another administrator than who added: here, or in a person's guardian from above. */
function requireSecondWord(context, grant, sponsor) {
  const { state } = context;
  const isFromAbove = sponsor.space !== state.space;
  const institution = takesTwoFor(state, grant.role) ? state.space : isFromAbove ? guardianThatTakesTwo(context) : null;
  if (institution === null || isAnotherAdministrator(context, institution, grant.addedBy)) return;
  refuse("not_entitled", "it takes another administrator than the device that added the grant");
}

/** Where nobody reads any more: the first space referred to that has this one as a member and in which the author writes. */
function sponsorAbove(context) {
  const { state, operation } = context;
  const view = context.viewBefore();
  if ([...new Holders(view).reachedFrom(state.space).values()].includes("device")) {
    refuse("not_entitled", "the author does not hold write here");
  }
  for (const { space } of operation.body.references) {
    const upper = view.state(space);
    if (upper === null || !hasKeyHoldingMember(upper, state.space) || !answersFor(context, view, space)) continue;
    const right = rightOf(view, operation.body.author, space);
    if (atLeast(right.role, "write")) return sponsorIn(context, space, right.role === "manage", false);
  }
  return refuse("not_entitled", "the author holds write neither here nor in a space above");
}

/** The guardian, or what holds a key in it; the network for a space without a guardian. */
function answersFor({ state, logs }, view, upper) {
  if (state.guardian === null) return upper === logs.network;
  const guardian = view.state(state.guardian);
  if (guardian === null || guardian.kind !== "institution") return false;
  return state.guardian === upper || hasKeyHoldingMember(guardian, upper);
}

function hasKeyHoldingMember(upper, space) {
  return [...liveGrants(upper)].some((grant) => isConfirmed(grant) && holdsKeys(grant.role) && grant.member.id === space);
}

/** The epoch at which a member's reading begins; named exactly where the grant needs one and has none. */
function cutOf(state, grant, keyId) {
  const isNeeded = grant.history === "from_now" && holdsKeys(grant.role) && grant.cut === null;
  if ((keyId !== null) !== isNeeded) contradiction("a key id stands exactly where a cut is needed");
  if (keyId === null) return grant.cut;
  const epoch = epochOf(state, keyId);
  if (epoch === null || !epoch.cut || epoch.at < grant.addedAt) contradiction("no cut epoch of this log since the addition");
  return keyId;
}

export function remove(context, effect) {
  requireMembersRight(context);
  const { state, operation } = context;
  if ((effect.grant === null) === (effect.member === null)) contradiction("Remove names a grant or a member");
  const ending =
    effect.grant !== null
      ? [liveGrant(context, effect.grant)]
      : [...liveGrants(state)].filter((grant) => grant.member.id === effect.member);
  if (ending.length === 0) contradiction("no grant of this member is live");
  keepingLastManage(state, () => {
    for (const grant of ending) end(state, grant, operation, "removed", effect.reason);
  });
}

/** Whether a change of role gives more. */
export function isUpwards(from, to) {
  return holdsKeys(from) && holdsKeys(to) && from !== to && atLeast(to, from);
}

export function setRole(context, effect) {
  const { state, operation } = context;
  const grant = liveGrant(context, effect.grant);
  if (grant.role === effect.role) contradiction("the grant has this role");
  if (!holdsKeys(grant.role) || !holdsKeys(effect.role)) contradiction("both roles hold keys");
  const upwards = isUpwards(grant.role, effect.role);
  if (upwards && takesTwoFor(state, effect.role)) contradiction("where it takes two, nobody is raised to manage");
  if (upwards) requireRole(context, "manage");
  else requireMembersRight(context);
  const change = { at: operation.body.index, role: effect.role, operation: operation.id };
  keepingLastManage(state, () => {
    state.grants.set(grant.id, { ...grant, role: effect.role, roles: [...grant.roles, change] });
  });
}

export function expire(context, effect) {
  const { state, operation, right } = context;
  if (!atLeast(right.role, "write") && !changesMembers(right)) refuse("not_entitled", "the author may not end this grant");
  const grant = state.grants.get(effect.grant);
  if (grant === undefined) contradiction("no such grant");
  if (grant.notAfterMs === null) contradiction("the grant has no end of its own");
  if (BigInt(operation.body.claimedAtMs) < BigInt(grant.notAfterMs)) contradiction("the grant has not run out yet");
  keepingLastManage(state, () => end(state, liveGrant(context, effect.grant), operation, "expired"));
}
