/** Effects on keys: `Epoch`, `Wrap`, `Link`, `BadWrap` (PROTOCOL §12). */
import { invalid, refuse, requireRole } from "./effect-rules.js";
import * as limits from "./limits.js";
import { checkKemKey } from "./primitives.js";
import { KINDS_WITH_KEM, currentEpoch, epochOf } from "./state.js";
import { contentRole } from "./rights.js";
import { effectiveRecipients, isStale } from "./recipients.js";

const LINK_BYTES = 48;

export function epoch(context, effect) {
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

export function wrap(context, effect) {
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

export function link(context, effect) {
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

export function badWrap(context, effect) {
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
