/**
 * Healing of a fork (PROTOCOL §12, `Heal`): a branch that the relay had acknowledged and that this log lost. What it took
 * back is taken back here, what it gave is not given.
 */
import { contradiction, end, refuse } from "./effect-rules.js";
import { NeedsNewerError, ReaderError, ReplayError } from "./errors.js";
import { HEALED_BRANCHES, HEAL_RECEIPT_BYTES } from "./limits.js";
import { decodeOperation } from "./operation.js";
import { healPolicy } from "./policy.js";
import { decodeReceipt, isReceiptOf } from "./receipt.js";
import { atLeast, holdsKeys } from "./rights.js";
import { liveGrants } from "./state.js";

/** Applies `Heal`. Nobody needs a right for it: the receipts are the proof. */
export function heal(context, { branch }) {
  const { state, operation } = context;
  if (state.branches.length >= HEALED_BRANCHES) refuse("limit_reached", "too many branches were healed here");
  const items = branch.map(decodeBranchItem);
  if (new Set(items.map(({ operation: { id } }) => id)).size !== items.length) contradiction("an operation stands there twice");
  requireReceipts(context, items);
  const operations = items.map((item) => item.operation);
  const start = startOf(context, operations);
  const healed = walk(context, operations, start);
  takeBack(context, healed, operation);
  for (const envelope of healed.tip.voided) state.voided.add(envelope);
  healPolicy(context, context.lineage.stateAt(healed.fork), healed.tip);
  if (healed.tip.closed) Object.assign(state, { closed: true, closedBy: state.closedBy ?? operation.id });
  for (const [device, keys] of healed.tip.devices) state.branchDevices.set(device, keys);
  state.branches.push(healed);
}

function decodeBranchItem({ operation, receipt }) {
  try {
    if (receipt.length > HEAL_RECEIPT_BYTES) contradiction("a receipt is too large");
    return { operation: decodeOperation(operation), receipt: decodeReceipt(receipt) };
  } catch (error) {
    const passes = error instanceof ReplayError || error instanceof NeedsNewerError;
    if (passes || !(error instanceof ReaderError)) throw error;
    return contradiction(`a branch operation: ${error.message}`);
  }
}

/** Each was acknowledged by a relay key that the network's log ever named, as far as this operation knows it. */
function requireReceipts({ logs, state, view }, items) {
  const network = logs.network === null ? null : view().state(logs.network);
  if (network === null) contradiction("it does not come after the network's log");
  for (const { operation, receipt } of items) {
    if (!network.relayKeys.some((key) => isReceiptOf(receipt, operation.id, key))) {
      contradiction("a branch operation without a receipt");
    }
    if (operation.space !== state.space) contradiction("a branch operation of another space");
  }
}

/** What the branch follows: an operation of this log, or the last operation of a branch healed before. */
function startOf({ lineage, state }, operations) {
  if (operations.length === 0) contradiction("a branch has at least one operation");
  const healed = new Set(state.branches.flatMap((branch) => branch.operations.map(({ id }) => id)));
  if (healed.has(operations.at(-1).id)) contradiction("the branch was healed before");
  const { index, previous } = operations[0].body;
  const followed = index > 0 ? lineage.operationAt(index - 1) : undefined;
  if (followed?.id === previous) {
    return { fork: index, before: lineage.stateAt(index), knowledge: followed.knowledge, lineage };
  }
  const earlier = state.branches.find(({ last }) => last.id === previous);
  if (earlier === undefined) return contradiction("the branch follows nothing that is known here");
  return { fork: earlier.fork, before: earlier.tip, knowledge: earlier.last.knowledge, lineage: earlier.lineage };
}

/**
 * Replays the branch on the state at the fork, which may be the end of this log: the place after it is free, and an operation
 * that came after another log's lost branch was never taken there. What the branch itself had healed is no more here than
 * part of how the branch ends: its operations, epochs and device keys stay unknown.
 */
function walk({ logs, lineage: own, evaluate }, operations, start) {
  let { before, knowledge, lineage } = start;
  let previous = operations[0].body.previous;
  const known = [];
  for (const operation of operations) {
    const { index } = operation.body;
    if (own.operationAt(index)?.id === operation.id) contradiction("an operation of this log");
    if (operation.body.previous !== previous || index !== before.length) refuse("not_next", "the branch has a gap");
    ({ state: before, knowledge } = evaluate(logs, operation, before, knowledge, lineage, { inBranch: true }));
    lineage = lineage.followedBy(operation, knowledge, before);
    known.push({ id: operation.id, space: operation.space, index, length: start.fork, knowledge });
    previous = operation.id;
  }
  return {
    fork: start.fork,
    operations: known,
    last: known.at(-1),
    tip: before,
    lineage,
    epochs: before.epochs.filter((epoch) => epoch.at >= start.before.length),
  };
}

/** Ends and lowers here what the branch ended and lowered, of the grants from before the fork. */
function takeBack({ lineage, state }, { tip, fork }, operation) {
  const atFork = lineage.stateAt(fork);
  const { index } = operation.body;
  for (const grant of [...liveGrants(state)]) {
    const then = atFork.grants.get(grant.id);
    const there = tip.grants.get(grant.id);
    if (then === undefined || then.ended !== null) continue;
    if (there.ended !== null) {
      end(state, grant, operation, "healed");
    } else if (holdsKeys(grant.role) && isLower(there.role, then.role) && isLower(there.role, grant.role)) {
      const change = { at: index, role: there.role, operation: operation.id };
      state.grants.set(grant.id, { ...grant, role: there.role, roles: [...grant.roles, change] });
    }
  }
}

function isLower(left, right) {
  return !atLeast(left, right);
}
