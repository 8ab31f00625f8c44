/**
 * What each effect demands and does (PROTOCOL §12). Every function takes the operation's context and the effect, checks
 * it against the state as the preceding effects left it, and changes that copy.
 *
 * Context: `{logs, operation, knowledge, before, state, right, viewBefore(), view(), evaluate}`; `before` is the state
 * before the operation, `view()` the logs with what its preceding effects made of this one.
 */
import { toHex } from "./bytes.js";
import { end, invalid, liveGrant, requireMembersRight, requireRole, requireValidKeys } from "./effect-rules.js";
import { badWrap, epoch, link, wrap } from "./epoch-effects.js";
import { heal } from "./heal.js";
import { deviceId } from "./identifiers.js";
import { add, confirm, expire, remove, setRole } from "./member-effects.js";
import { atLeast } from "./rights.js";
import { KINDS_WITH_GUARDIAN } from "./state.js";

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
