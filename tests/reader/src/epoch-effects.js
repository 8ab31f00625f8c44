/** Effects on keys: `Epoch`, `Wrap`, `Link`, `BadWrap` (PROTOCOL §12). */
import { ascends, attempt, contradiction, refuse, requireRole } from "./effect-rules.js";
import { checkKemKey } from "./primitives.js";
import { KINDS_WITH_KEM, currentEpoch, isKnownEpoch } from "./state.js";
import { contentRole } from "./rights.js";
import { branchesWith, pastEndsAt, pastRecipients } from "./past.js";
import { effectiveRecipients, isStale } from "./recipients.js";
import { doubtfulGrants } from "./standing.js";

const LINK_BYTES = 48;

export function epoch(context, effect) {
  requireRole(context, "write");
  const { state, operation } = context;
  if (effect.previous !== (currentEpoch(state)?.keyId ?? null)) contradiction("previous is not the current epoch");
  if (isKnownEpoch(state, effect.keyId)) contradiction("the key id is not new");
  requireLinkOrCut(effect);
  requireKemKey(state, effect.kem);
  const suspended = suspendedOf(context, effect.suspended);
  const exact = recipientsOf(context, suspended);
  requireRecipients(effect.recipients, exact);
  if (exact !== null && exact.size !== effect.recipients.length) refuse("not_exact", "an effective recipient has no wrap");
  requireInside(context, effect.recipients);
  state.epochs.push({
    keyId: effect.keyId,
    kem: effect.kem,
    label: effect.label,
    cut: effect.cut,
    at: operation.body.index,
    author: operation.body.author,
    wraps: new Map(effect.recipients.map((recipient) => [recipient.id, { ...recipient, at: operation.body.index }])),
    links: effect.link === null ? [] : [{ previous: effect.previous, link: effect.link }],
    badWraps: new Set(),
  });
}

function requireLinkOrCut({ link: history, previous, cut }) {
  if (history !== null && history.length !== LINK_BYTES) contradiction("a history link has 48 bytes");
  if (history !== null && previous === null) contradiction("a history link without an epoch before");
  if (cut && (history !== null || previous === null)) contradiction("a cut has an epoch before and no link");
}

function requireKemKey(state, kem) {
  if ((kem !== null) !== KINDS_WITH_KEM.includes(state.kind)) contradiction("a KEM key exactly where spaces above wrap");
  if (kem !== null) attempt("contradiction", "the epoch's KEM key", () => checkKemKey(kem));
}

/** The grants that the author passes over: each in doubt here, or in what this space rests on. */
function suspendedOf(context, named) {
  if (!ascends(named)) contradiction("suspended grants ascend");
  if (named.length === 0 || context.inBranch) return new Set(named);
  const doubtful = doubtfulGrants(context.view(), context.state.space);
  if (!named.every((grant) => doubtful.has(grant))) contradiction("a grant that is passed over is not in doubt");
  return new Set(named);
}

/**
 * The effective recipients; null for an operation of a branch. That may have wrapped to an epoch of another log's lost branch,
 * of which only the part before the fork is known here; and its keys serve for reading alone.
 */
function recipientsOf({ view, state, inBranch }, suspended) {
  return inBranch ? null : effectiveRecipients(view(), state.space, suspended);
}

/** Ascending, each an effective recipient with exactly that key, where it matters who these are. */
function requireRecipients(recipients, effective) {
  if (!ascends(recipients.map(({ id }) => id))) refuse("not_exact", "recipients ascend");
  if (effective === null) return;
  for (const { id, key } of recipients) {
    if (!effective.has(id)) refuse("not_exact", "a wrap for somebody who is no effective recipient");
    if (effective.get(id).key !== key) refuse("not_exact", "a wrap to another key than the recipient's");
  }
}

function requireInside(context, recipients) {
  if (context.inBranch) return;
  const { author } = context.operation.body;
  for (const { id, method } of recipients) {
    if (method === "symmetric" && contentRole(context.viewBefore(), author, id) === "none") {
      contradiction("a symmetric wrap by an author who is not inside the recipient space");
    }
  }
}

export function wrap(context, effect) {
  requireRole(context, "read");
  const { state } = context;
  if (pastEndsAt(state, effect.keyId) !== null) {
    wrapPast(context, effect);
    return;
  }
  const current = requireUsableEpoch(context, effect.keyId);
  const suspended = suspendedOf(context, effect.suspended);
  requireSome(effect);
  requireRecipients(effect.recipients, recipientsOf(context, suspended));
  requireInside(context, effect.recipients);
  const wraps = new Map(current.wraps);
  for (const recipient of effect.recipients) {
    if (wraps.has(recipient.id)) contradiction("the recipient has a wrap of this epoch");
    wraps.set(recipient.id, { ...recipient, at: context.operation.body.index });
  }
  replaceEpoch(state, { ...current, wraps });
}

function requireSome({ recipients }) {
  if (recipients.length === 0) refuse("not_exact", "Wrap names at least one recipient");
}

/** An epoch of a healed branch that a cut separates from the current one, for those who read from the beginning. */
function wrapPast(context, effect) {
  const { state, operation } = context;
  const { index } = operation.body;
  requireSome(effect);
  const suspended = suspendedOf(context, effect.suspended);
  requireRecipients(effect.recipients, context.inBranch ? null : pastRecipients(context.view(), state, effect.keyId, suspended));
  requireInside(context, effect.recipients);
  const known = state.pastWraps.get(effect.keyId) ?? [];
  for (const { id, key } of effect.recipients) {
    if (known.some((each) => each.id === id && each.key === key)) contradiction("the recipient has a wrap of this epoch");
    if (isWrappedToAt(state, id, index)) contradiction("one operation wraps to nobody twice");
  }
  state.pastWraps.set(effect.keyId, [...known, ...effect.recipients.map((recipient) => ({ ...recipient, at: index }))]);
}

function isWrappedToAt(state, recipient, index) {
  if (state.epochs.some(({ wraps }) => wraps.get(recipient)?.at === index)) return true;
  return [...state.pastWraps.values()].flat().some(({ id, at }) => id === recipient && at === index);
}

function requireCurrentEpoch(state, keyId) {
  const current = currentEpoch(state);
  if (current === null || current.keyId !== keyId) contradiction("not the current epoch");
  return current;
}

/** The current epoch, under which something may still be sealed; in a branch nothing is any more. */
function requireUsableEpoch(context, keyId) {
  const current = requireCurrentEpoch(context.state, keyId);
  if (!context.inBranch && isStale(context.view(), context.state.space)) contradiction("the current epoch may no longer be used");
  return current;
}

function replaceEpoch(state, changed) {
  const position = state.epochs.findIndex((each) => each.keyId === changed.keyId);
  state.epochs[position] = changed;
}

export function link(context, effect) {
  requireRole(context, "read");
  const { state } = context;
  const current = requireUsableEpoch(context, effect.keyId);
  if (epochsSince(state, effect.previous).some((each) => each.cut)) contradiction("a link must not cross a cut");
  if (effect.link.length !== LINK_BYTES) contradiction("a history link has 48 bytes");
  if (current.links.some((each) => each.previous === effect.previous)) contradiction("both are linked already");
  replaceEpoch(state, { ...current, links: [...current.links, { previous: effect.previous, link: effect.link }] });
}

/** The epochs between an earlier one, of this log or a healed branch, and now; the current one is among them. */
function epochsSince(state, keyId) {
  const position = state.epochs.findIndex((each) => each.keyId === keyId);
  if (position === state.epochs.length - 1) contradiction("an epoch is not linked to itself");
  if (position >= 0) return state.epochs.slice(position + 1);
  const branches = branchesWith(state, keyId);
  if (branches.length === 0) contradiction("no epoch of this log or of a healed branch");
  return branches.flatMap(({ fork, later }) => [...later, ...state.epochs.filter((each) => each.at >= fork)]);
}

export function badWrap(context, effect) {
  requireRole(context, "read");
  const { state, operation } = context;
  const { author } = operation.body;
  if (author !== effect.recipient && contentRole(context.viewBefore(), author, effect.recipient) === "none") {
    refuse("not_entitled", "the author is not inside the recipient");
  }
  const current = requireCurrentEpoch(state, effect.keyId);
  if (!current.wraps.has(effect.recipient)) contradiction("the recipient has no wrap of this epoch");
  if (current.badWraps.has(effect.recipient)) contradiction("the wrap is reported already");
  replaceEpoch(state, { ...current, badWraps: new Set(current.badWraps).add(effect.recipient) });
}
