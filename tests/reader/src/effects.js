/**
 * What each effect demands and does (PROTOCOL §12). Every function takes the operation's context and the effect, checks
 * it against the state as the preceding effects left it, and changes that copy.
 *
 * Context: `{logs, lineage, inBranch, operation, knowledge, before, state, right, viewBefore(), view(), evaluate}`; `before` is
 * the state before the operation, `view()` the logs with what its preceding effects made of this one, `inBranch` whether a
 * `Heal` carries it.
 */
import { toHex } from "./bytes.js";
import { attempt, contradiction, end, keepingLastManage, liveGrant, requireManager, requireMembersRight, requireRole } from "./effect-rules.js";
import { badWrap, epoch, link, wrap } from "./epoch-effects.js";
import { heal } from "./heal.js";
import { add, confirm, expire, isUpwards, remove, setRole } from "./member-effects.js";
import { policy } from "./policy.js";
import { parseVerifyingKey } from "./primitives.js";
import { atLeast } from "./rights.js";

/** The form of operation 0 was checked before anything else. */
function create({ state, operation }, effect) {
  if (operation.body.index !== 0 || state.kind !== null) contradiction("Create is the first effect of a log and no other");
  state.kind = effect.kind;
  state.nonce = effect.nonce;
  state.guardian = effect.guardian;
  state.founder = operation.body.author;
  if (effect.founder !== null) state.devices.set(operation.body.author, effect.founder);
}

function voidEnvelopesAndGrants(context, effect) {
  requireManager(context);
  const { state, operation } = context;
  if (effect.envelopes.length === 0 && effect.grants.length === 0) contradiction("Void names something");
  for (const envelope of effect.envelopes) state.voided.add(envelope);
  keepingLastManage(state, () => {
    for (const id of effect.grants) end(state, liveGrant(context, id), operation, "voided");
  });
}

function setRelay(context, effect) {
  requireRole(context, "manage");
  if (context.state.kind !== "network") contradiction("only a network names a relay");
  attempt("contradiction", "the relay's key", () => parseVerifyingKey(effect.key));
  context.state.relayKeys.push(effect.key);
}

function close(context) {
  requireRole(context, "manage");
  context.state.closed = true;
  context.state.closedBy = context.operation.id;
}

function invite(context, effect) {
  requireMembersRight(context);
  const key = toHex(effect.invitation);
  if (context.state.invitations.has(key)) contradiction("the invitation key is not new");
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
  Policy: policy,
};

/** What may still be done in a closed space. */
const AFTER_CLOSING = ["Remove", "SetRole", "Expire", "Void", "Heal"];

/**
 * Applies one effect to `context.state`.
 * @throws {ReplayError|MissingError}
 */
export function applyEffect(context, effect) {
  if (context.state.closed && !isAllowedAfterClosing(context.state, effect)) contradiction("the space is closed");
  APPLY[effect.type](context, effect);
}

/** `SetRole` only downwards; where it names no grant it fails by itself. */
function isAllowedAfterClosing(state, effect) {
  if (effect.type !== "SetRole") return AFTER_CLOSING.includes(effect.type);
  const grant = state.grants.get(effect.grant);
  return grant === undefined || !isUpwards(grant.role, effect.role);
}
