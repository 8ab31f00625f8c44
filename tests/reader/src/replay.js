/**
 * Replay of operations into logs, and the knowledge of each (PROTOCOL §11): position → references → signature → right →
 * effects.
 */
import { MissingError, NeedsNewerError, ReplayError } from "./errors.js";
import { applyEffect } from "./effects.js";
import { deviceId } from "./identifiers.js";
import * as limits from "./limits.js";
import { verifySignature } from "./primitives.js";
import { findDeviceKeys, rightOf } from "./rights.js";
import { View, copyState, emptyState } from "./state.js";

/**
 * Replays one operation at the end of its log.
 * @param {Logs} logs changed only if the operation is good
 * @param {object} operation as `decodeOperation` gives it
 * @returns {object} the state after it
 * @throws {MissingError} if it waits for something, {ReplayError} if its log refuses it
 */
export function replay(logs, operation) {
  const before = requirePosition(logs, operation);
  const knownBefore = operation.body.index === 0 ? new Map() : logs.operations.get(operation.body.previous).knowledge;
  const { state, knowledge } = evaluate(logs, operation, before, knownBefore);
  logs.append(operation, knowledge, state);
  return state;
}

/**
 * References → signature → right → effects, all or nothing, on the state before an operation whose place is right.
 * @param {Logs} logs unchanged
 * @param {object} operation
 * @param {object} before
 * @param {Map<string, number>} knownBefore the knowledge of the operation before
 * @returns {{state: object, knowledge: Map<string, number>}}
 */
function evaluate(logs, operation, before, knownBefore) {
  const { index, author, effects } = operation.body;
  const knowledge = requireReferences(logs, operation, knownBefore);
  requireSignature(logs, operation, before, knowledge);
  const viewBefore = View.known(logs, knowledge, before);
  const right = index === 0 ? { role: "manage", administers: true } : rightOf(viewBefore, author, operation.space);
  requireFounding(operation);
  const state = copyState(before);
  state.length = index + 1;
  const view = () => View.known(logs, knowledge, state);
  const context = { logs, operation, knowledge, before, state, right, viewBefore: () => viewBefore, view, evaluate };
  for (const effect of effects) applyEffect(context, effect);
  return { state, knowledge };
}

function requirePosition(logs, { space, body }) {
  const length = logs.length(space);
  if (body.index > length) throw new MissingError("gap", "operations before it are not here", [space]);
  if (body.index < length) throw new ReplayError("log_moved", "another operation stands at its place");
  if (body.index >= limits.OPERATIONS) throw new ReplayError("invalid", "the log is full");
  if (length === 0) return emptyState(space);
  const log = logs.logs.get(space);
  if (log.operations.at(-1).id !== body.previous) throw new ReplayError("log_moved", "it follows another operation");
  return log.states.at(-1);
}

/** @returns {Map<string, number>} how long each other log was that the operation comes after */
function requireReferences(logs, { space, body }, before) {
  const knowledge = new Map(before);
  for (const reference of body.references) {
    if (reference.space === space) throw new ReplayError("invalid", "a reference to the own log");
    const known = logs.operations.get(reference.operation);
    if (known === undefined) {
      throw new MissingError("unknown_reference", "it comes after an operation that is not here", [reference.operation]);
    }
    if (known.space !== reference.space || known.index !== reference.index) {
      throw new ReplayError("invalid", "a reference that names the wrong place");
    }
    if (reference.index + 1 < (before.get(reference.space) ?? 0)) {
      throw new ReplayError("invalid", "a reference older than what the operation before knew");
    }
    learn(knowledge, known, space);
  }
  if (knowledge.size > limits.KNOWN_SPACES) throw new ReplayError("invalid", "it comes after too many logs");
  return knowledge;
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

function requireSignature(logs, operation, before, knowledge) {
  const { author } = operation.body;
  const view = View.known(logs, knowledge, before);
  const keys = ownKeys(operation) ?? findDeviceKeys(view, [operation.space, ...knowledge.keys()], author);
  if (keys === null) throw new ReplayError("unknown_author", "nothing it comes after names its author's keys");
  try {
    verifySignature(keys.verifying, "operation/sign", operation.bodyBytes, operation.signature);
  } catch (error) {
    throw new ReplayError("bad_signature", error.message);
  }
}

/** In operation 0: the founder's keys, or those in an `Add` of the author's device. */
function ownKeys({ body }) {
  if (body.index !== 0) return null;
  for (const effect of body.effects) {
    const keys = effect.type === "Create" ? effect.founder : effect.member?.keys ?? null;
    if (keys !== null && deviceId(keys) === body.author) return keys;
  }
  return null;
}

function requireFounding({ body }) {
  if (body.index === 0 && body.effects[0].type !== "Create") {
    throw new ReplayError("invalid", "the first effect of a log is Create");
  }
}

/**
 * Replays as many operations as can be, in whatever order they come. A log ends at its first operation that fails.
 * @param {Logs} logs
 * @param {object[]} operations
 * @returns {{refused: Array<{operation: object, error: Error}>, waiting: Array<{operation: object, error: Error}>}}
 */
export function replayAll(logs, operations) {
  const refused = [];
  let waiting = operations.map((operation) => ({ operation, error: null }));
  for (let progress = true; progress; ) {
    progress = false;
    const stillWaiting = [];
    for (const { operation } of waiting) {
      try {
        replay(logs, operation);
        progress = true;
      } catch (error) {
        if (error instanceof MissingError) stillWaiting.push({ operation, error });
        else if (error instanceof ReplayError || error instanceof NeedsNewerError) refused.push({ operation, error });
        else throw error;
      }
    }
    waiting = stillWaiting;
  }
  return { refused, waiting };
}
