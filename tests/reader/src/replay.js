/** Replay of operations into logs, and the knowledge of each (PROTOCOL §11). The first failure is the verdict. */
import { ascends, attempt, contradiction, refuse } from "./effect-rules.js";
import { MissingError, NeedsNewerError, ReplayError } from "./errors.js";
import { applyEffect } from "./effects.js";
import { deviceId } from "./identifiers.js";
import * as limits from "./limits.js";
import { parseVerifyingKey, verifySignature } from "./primitives.js";
import { findDeviceKeys, rightOf } from "./rights.js";
import { KINDS_WITH_GUARDIAN, Lineage, View, copyState, emptyState } from "./state.js";

/**
 * Replays one operation at the end of its log.
 * @param {Logs} logs changed only if the operation is good
 * @param {object} operation as `decodeOperation` gives it
 * @returns {object} the state after it
 * @throws {MissingError} if it waits for something, {ReplayError} if its log refuses it
 */
export function replay(logs, operation) {
  const { state, knowledge } = tried(logs, operation);
  logs.append(operation, knowledge, state);
  return state;
}

/**
 * The same without taking it.
 * @returns {{state: object, knowledge: Map<string, number>}} what it would leave
 * @throws as `replay`
 */
export function tried(logs, operation) {
  if (operation.body.index === 0) requireFounding(operation);
  const before = requirePosition(logs, operation);
  const knownBefore = operation.body.index === 0 ? new Map() : logs.operations.get(operation.body.previous).knowledge;
  const lineage = Lineage.ofLog(logs, operation.space, operation.body.index);
  return evaluate(logs, operation, before, knownBefore, lineage);
}

/** The form of operation 0. */
function requireFounding({ body }) {
  const [first] = body.effects;
  if (first?.type !== "Create") refuse("bad_founding", "the first effect of a log is Create");
  if (first.guardian !== null && !KINDS_WITH_GUARDIAN.includes(first.kind)) refuse("bad_founding", "this kind has no guardian");
  const keys = foundersKeys(body);
  if (keys === null) return;
  if (deviceId(keys) !== body.author) refuse("bad_founding", "the founder's keys are not the author's");
  attempt("bad_founding", "the founder's key", () => parseVerifyingKey(keys.verifying));
}

/** Those that `Create` names, or else those of the first device that the same operation adds. */
function foundersKeys({ effects }) {
  return effects[0].founder ?? effects.find(({ type, member }) => type === "Add" && member.type === "device")?.member.keys ?? null;
}

function requirePosition(logs, { space, body }) {
  const length = logs.length(space);
  if (body.index > length) throw new MissingError("not_next", "operations before it are not here", [space]);
  if (body.index < length) throw new ReplayError("not_next", "another operation stands at its place");
  const isFirst = body.index === 0;
  if ((body.space === null) !== isFirst) refuse("not_next", "operation 0 alone names no space");
  if (body.previous !== (isFirst ? null : logs.operationAt(space, length - 1).id)) refuse("not_next", "it follows another operation");
  if (body.index >= limits.OPERATIONS) refuse("limit_reached", "the log is full");
  return isFirst ? emptyState(space) : logs.newest(space);
}

/**
 * References → signature → right → effects, all or nothing, on the state before an operation whose place is right.
 * @param {Logs} logs unchanged
 * @param {object} operation
 * @param {object} before
 * @param {Map<string, number>} knownBefore the knowledge of the operation before
 * @param {Lineage} lineage what comes before it
 * @param {{inBranch?: boolean}} [options] whether a `Heal` carries it: whom it wrapped to is not checked then
 * @returns {{state: object, knowledge: Map<string, number>}}
 */
function evaluate(logs, operation, before, knownBefore, lineage, { inBranch = false } = {}) {
  const { index, author, effects } = operation.body;
  const knowledge = requireReferences(logs, operation, knownBefore);
  const viewBefore = View.known(logs, knowledge, before);
  requireSignature(viewBefore, operation, knowledge);
  if (effects.length === 0) contradiction("an operation has at least one effect");
  const founding = { role: "manage", administers: true, manages: true };
  const right = index === 0 ? founding : rightOf(viewBefore, author, operation.space);
  const state = copyState(before);
  state.length = index + 1;
  const view = () => View.known(logs, knowledge, state);
  const context = {
    logs, lineage, inBranch, operation, knowledge, before, state, right, viewBefore: () => viewBefore, view, evaluate,
  };
  for (const effect of effects) applyEffect(context, effect);
  return { state, knowledge };
}

/** @returns {Map<string, number>} how long each other log was that the operation comes after */
function requireReferences(logs, { space, body }, before) {
  const { references } = body;
  if (!ascends(references.map((reference) => reference.space))) refuse("bad_references", "references ascend");
  for (const reference of references) {
    if (reference.space === space) refuse("bad_references", "a reference to the own log");
    if (reference.index + 1 < (before.get(reference.space) ?? 0)) refuse("bad_references", "back along a log");
  }
  const knowledge = new Map(before);
  for (const reference of references) learn(knowledge, requireKnown(logs, reference), space);
  if (knowledge.size > limits.KNOWN_SPACES) refuse("limit_reached", "it comes after too many logs");
  return knowledge;
}

/**
 * The operation that a reference or an access head names, at the place it names.
 * @throws {MissingError} `unknown_reference`
 */
export function requireKnown(logs, { space, index, operation }) {
  const known = logs.operations.get(operation);
  if (known === undefined || known.space !== space || known.index !== index) {
    throw new MissingError("unknown_reference", "it comes after an operation that is not here", [operation]);
  }
  return known;
}

/**
 * Adds what an operation knew, and itself, to a knowledge; never the log whose knowledge it is. An operation of a healed
 * branch stands for its log up to the fork.
 */
export function learn(knowledge, known, ownSpace = null) {
  const raise = (space, length) => {
    if (space !== ownSpace && length > (knowledge.get(space) ?? 0)) knowledge.set(space, length);
  };
  for (const [space, length] of known.knowledge) raise(space, length);
  raise(known.space, known.length);
}

function requireSignature(view, operation, knowledge) {
  const { author, index } = operation.body;
  const own = index === 0 ? foundersKeys(operation.body) : null;
  const keys = own ?? findDeviceKeys(view, [operation.space, ...knowledge.keys()], author);
  if (keys === null) refuse("unknown_author", "nothing it comes after names its author's keys");
  attempt("bad_signature", "the author's signature", () =>
    verifySignature(keys.verifying, "operation/sign", operation.bodyBytes, operation.signature),
  );
}

/**
 * Replays as many operations as can be, in whatever order they come. One that waits is tried again with each that follows,
 * before the next is looked at: of two for one place, the one that came first and can stand has it (PROTOCOL §28). A log
 * ends at its first operation that fails.
 * @param {Logs} logs
 * @param {object[]} operations
 * @returns {{refused: Array<{operation: object, error: Error}>, waiting: Array<{operation: object, error: Error}>}}
 */
export function replayAll(logs, operations) {
  const refused = [];
  let waiting = [];
  for (const arrived of operations) {
    let open = [...waiting, { operation: arrived, error: null }];
    for (let progress = true; progress; ) {
      const before = open.length;
      open = open.map(({ operation }) => ({ operation, error: failureOf(logs, operation) })).filter(({ error }) => error !== null);
      refused.push(...open.filter(({ error }) => !(error instanceof MissingError)));
      waiting = open.filter(({ error }) => error instanceof MissingError);
      progress = open.length < before;
      open = waiting;
    }
  }
  return { refused, waiting };
}

/** Replays one. @returns {Error|null} why it waits or is refused */
function failureOf(logs, operation) {
  try {
    replay(logs, operation);
    return null;
  } catch (error) {
    const isVerdict = error instanceof MissingError || error instanceof ReplayError || error instanceof NeedsNewerError;
    if (!isVerdict) throw error;
    return error;
  }
}
