/**
 * What each effect demands and does (PROTOCOL §12). Every function takes the operation's context and the effect, checks
 * it against the state as the preceding effects left it, and changes that copy.
 *
 * Context: `{logs, operation, knowledge, before, state, right, viewBefore(), view(), evaluate}`; `before` is the state
 * before the operation, `view()` the logs with what its preceding effects made of this one.
 */
import { ReplayError } from "./errors.js";
import { concat, fromHex, toHex } from "./bytes.js";
import * as limits from "./limits.js";
import { deviceId } from "./identifiers.js";
import { checkKemKey, parseVerifyingKey, verifySignature } from "./primitives.js";
import { KINDS_WITH_GUARDIAN, KINDS_WITH_KEM, MEMBER_KINDS, currentEpoch, epochOf, standingGrants } from "./state.js";
import { atLeast, changesMembers, contentRole, holdsKeys, isDoubtful } from "./rights.js";
import { effectiveRecipients, isStale } from "./recipients.js";
import { heal } from "./heal.js";

const LINK_BYTES = 48;
const UNBORN_SPACE = new Uint8Array(32);

function refuse(code, message) {
  throw new ReplayError(code, message);
}

function invalid(message) {
  refuse("invalid", message);
}

function requireMembersRight({ right }) {
  if (!changesMembers(right)) refuse("not_entitled", "the author does not change members here");
}

function requireRole({ right }, needed) {
  if (!atLeast(right.role, needed)) refuse("not_entitled", `the author does not hold ${needed} here`);
}

function create(context, effect) {
  const { state, operation } = context;
  if (operation.body.index !== 0 || state.kind !== null) invalid("Create is the first effect of a log and no other");
  if (effect.guardian !== null && !KINDS_WITH_GUARDIAN.includes(effect.kind)) invalid("this kind has no guardian");
  state.kind = effect.kind;
  state.nonce = effect.nonce;
  state.guardian = effect.guardian;
  state.founder = operation.body.author;
  if (effect.founder !== null) {
    requireValidKeys(effect.founder);
    if (deviceId(effect.founder) !== operation.body.author) invalid("the founder's keys are not the author's");
    state.devices.set(operation.body.author, effect.founder);
  }
}

function requireValidKeys(keys) {
  try {
    parseVerifyingKey(keys.verifying);
    checkKemKey(keys.kem);
  } catch (error) {
    invalid(error.message);
  }
}

function add(context, effect) {
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

function liveGrant({ state }, id) {
  const grant = state.grants.get(id);
  if (grant === undefined || grant.ended !== null) invalid("no such grant stands here");
  return grant;
}

function confirm(context, effect) {
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

function epoch(context, effect) {
  requireRole(context, "write");
  const { state, operation } = context;
  const current = currentEpoch(state);
  if (effect.previous !== (current?.keyId ?? null)) invalid("previous is not the current epoch");
  if (epochOf(state, effect.keyId) !== null) invalid("the key id is not new");
  if (effect.link !== null && effect.link.length !== LINK_BYTES) invalid("a history link has 48 bytes");
  if (effect.link !== null && effect.previous === null) invalid("a history link without an epoch before");
  if (effect.cut && (effect.link !== null || effect.previous === null)) invalid("a cut has an epoch before and no link");
  if ((effect.kem !== null) !== KINDS_WITH_KEM.includes(state.kind)) invalid("a KEM key exactly where spaces above wrap");
  if (effect.kem !== null) requireKemKey(effect.kem);
  if ((effect.label?.length ?? 0) > limits.SEALED_LABEL_BYTES) refuse("too_large", "the label is too large");
  requireExactRecipients(context, effect.recipients);
  state.epochs.push({
    keyId: effect.keyId,
    kem: effect.kem,
    label: effect.label,
    cut: effect.cut,
    at: operation.body.index,
    author: operation.body.author,
    wraps: new Map(effect.recipients.map((recipient) => [recipient.id, recipient])),
    links: effect.link === null ? [] : [{ previous: effect.previous, link: effect.link }],
    badWraps: new Set(),
  });
}

function requireKemKey(key) {
  try {
    checkKemKey(key);
  } catch (error) {
    invalid(error.message);
  }
}

/** All effective recipients; those of additions in doubt may be among them or not. */
function requireExactRecipients(context, recipients) {
  if (recipients.length > limits.RECIPIENTS) refuse("too_large", "too many recipients");
  const view = context.view();
  const needed = effectiveRecipients(view, context.state.space, { withDoubtful: false });
  const allowed = effectiveRecipients(view, context.state.space, { withDoubtful: true });
  const named = new Set(recipients.map((recipient) => recipient.id));
  for (const id of needed.keys()) if (!named.has(id)) refuse("not_exact", "an effective recipient has no wrap");
  for (const recipient of recipients) {
    requireRecipient(context, recipient, allowed.get(recipient.id) ?? needed.get(recipient.id));
  }
}

function requireRecipient(context, recipient, effective) {
  if (effective === undefined) refuse("not_exact", "a wrap for somebody who is no effective recipient");
  if (effective.key !== recipient.key) refuse("not_exact", "a wrap to another key than the recipient's");
  if (recipient.method !== "symmetric") return;
  const { author } = context.operation.body;
  if (effective.isDevice || contentRole(context.viewBefore(), author, recipient.id) === "none") {
    invalid("a symmetric wrap by an author who is not inside the recipient space");
  }
}

function wrap(context, effect) {
  requireRole(context, "read");
  const { state } = context;
  const current = requireCurrentEpoch(state, effect.keyId);
  if (effect.recipients.length === 0) invalid("Wrap names at least one recipient");
  if (effect.recipients.length > limits.RECIPIENTS) refuse("too_large", "too many recipients");
  const view = context.view();
  const allowed = effectiveRecipients(view, state.space, { withDoubtful: true });
  const wraps = new Map(current.wraps);
  for (const recipient of effect.recipients) {
    if (wraps.has(recipient.id)) invalid("the recipient has a wrap of this epoch");
    requireRecipient(context, recipient, allowed.get(recipient.id));
    wraps.set(recipient.id, recipient);
  }
  replaceEpoch(state, { ...current, wraps });
}

function requireCurrentEpoch(state, keyId) {
  const current = currentEpoch(state);
  if (current === null || current.keyId !== keyId) invalid("not the current epoch");
  return current;
}

function replaceEpoch(state, changed) {
  const position = state.epochs.findIndex((each) => each.keyId === changed.keyId);
  state.epochs[position] = changed;
}

function link(context, effect) {
  requireRole(context, "read");
  const { state } = context;
  const current = requireCurrentEpoch(state, effect.keyId);
  if (isStale(context.view(), state.space)) invalid("the current epoch may no longer be used");
  const earlier = state.epochs.findIndex((each) => each.keyId === effect.previous);
  if (earlier < 0 || earlier === state.epochs.length - 1) invalid("no earlier epoch of this log");
  if (state.epochs.slice(earlier + 1).some((each) => each.cut)) invalid("a link must not cross a cut");
  if (effect.link.length !== LINK_BYTES) invalid("a history link has 48 bytes");
  if (current.links.some((each) => each.previous === effect.previous)) invalid("both are linked already");
  replaceEpoch(state, { ...current, links: [...current.links, { previous: effect.previous, link: effect.link }] });
}

function remove(context, effect) {
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

function end(state, grant, operation, cause, reason = null) {
  const { index, author, claimedAtMs } = operation.body;
  state.grants.set(grant.id, { ...grant, ended: { at: index, by: author, operation: operation.id, cause, reason, claimedAtMs } });
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

function setRole(context, effect) {
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

function expire(context, effect) {
  const { state, operation, right } = context;
  if (!atLeast(right.role, "write") && !right.administers) refuse("not_entitled", "the author may not end this grant");
  const grant = liveGrant(context, effect.grant);
  if (grant.notAfterMs === null) invalid("the grant has no end of its own");
  if (BigInt(operation.body.claimedAtMs) < BigInt(grant.notAfterMs)) invalid("the grant has not run out yet");
  keepingLastManage(state, () => end(state, grant, operation, "expired"));
}

function badWrap(context, effect) {
  requireRole(context, "read");
  const { state, operation } = context;
  const current = requireCurrentEpoch(state, effect.keyId);
  const recipient = current.wraps.get(effect.recipient);
  if (recipient === undefined) invalid("the recipient has no wrap of this epoch");
  if (current.badWraps.has(effect.recipient)) invalid("the wrap is reported already");
  const { author } = operation.body;
  if (author !== effect.recipient && contentRole(context.viewBefore(), author, effect.recipient) === "none") {
    refuse("not_entitled", "the author is not inside the recipient");
  }
  replaceEpoch(state, { ...current, badWraps: new Set(current.badWraps).add(effect.recipient) });
}

function voidEnvelopesAndGrants(context, effect) {
  requireRole(context, "manage");
  const { state, operation } = context;
  for (const envelope of effect.envelopes) state.voided.add(envelope);
  for (const id of effect.grants) end(state, liveGrant(context, id), operation, "voided");
}

function setRelay(context, effect) {
  requireRole(context, "manage");
  if (context.state.kind !== "network") invalid("only a network names a relay");
  context.state.relayKeys.push(effect.key);
}

function close(context) {
  requireRole(context, "manage");
  if (context.state.closed) invalid("the space is closed");
  context.state.closed = true;
  context.state.closedBy = context.operation.id;
}

function invite(context, effect) {
  requireMembersRight(context);
  const key = toHex(effect.invitation);
  if (context.state.invitations.has(key)) invalid("the invitation key is not new");
  context.state.invitations.set(key, {
    role: effect.role,
    notAfterMs: effect.notAfterMs,
    by: context.operation.body.author,
    byManager: atLeast(context.right.role, "manage"),
    usedBy: null,
  });
}

const APPLY = {
  Create: create,
  Add: add,
  Confirm: confirm,
  Wrap: wrap,
  Link: link,
  Remove: remove,
  SetRole: setRole,
  Expire: expire,
  Epoch: epoch,
  BadWrap: badWrap,
  Void: voidEnvelopesAndGrants,
  Heal: heal,
  SetRelay: setRelay,
  Close: close,
  Invite: invite,
};

/** What may still be done in a closed space; `SetRole` only downwards. */
const AFTER_CLOSING = ["Remove", "SetRole", "Expire", "Void", "Heal"];

/**
 * Applies one effect to `context.state`.
 * @throws {ReplayError|MissingError}
 */
export function applyEffect(context, effect) {
  if (context.state.closed && !AFTER_CLOSING.includes(effect.type)) invalid("the space is closed");
  APPLY[effect.type](context, effect);
}
