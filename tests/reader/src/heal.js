/**
 * Healing of a fork (PROTOCOL §12, `Heal`): a branch that the relay had acknowledged and that this log lost. What it took
 * back is taken back here, what it gave is not given.
 */
import { ReaderError, ReplayError, MissingError } from "./errors.js";
import { decodeOperation } from "./operation.js";
import { decodeReceipt, verifyReceipt } from "./receipt.js";
import { standingGrants } from "./state.js";
import { atLeast, holdsKeys } from "./rights.js";

function invalid(message) {
  throw new ReplayError("invalid", message);
}

/** Applies `Heal`. Nobody needs a right for it: the receipts are the proof. */
export function heal(context, { branch }) {
  const { state, operation } = context;
  if (branch.length === 0) invalid("a branch has at least one operation");
  const relayKeys = relayKeysKnown(context);
  const operations = branch.map((item) => decodeBranchItem(item, relayKeys, state.space));
  const start = startOf(context, operations[0].body);
  const healed = walk(context, operations, start);
  takeBack(state, healed.tip, operation);
  for (const envelope of healed.tip.voided) state.voided.add(envelope);
  if (healed.tip.closed && !state.closed) Object.assign(state, { closed: true, closedBy: operation.id });
  state.branches.push(healed);
}

/** Every key that the network's log ever named, as far as the operation knows it. */
function relayKeysKnown({ logs, view }) {
  const network = logs.network === null ? null : view().state(logs.network);
  if (network === null || network.relayKeys.length === 0) invalid("it does not come after the network naming its relay");
  return network.relayKeys;
}

function decodeBranchItem({ operation: bytes, receipt }, relayKeys, space) {
  try {
    const operation = decodeOperation(bytes);
    if (operation.space !== space) invalid("a branch operation of another space");
    const decoded = decodeReceipt(receipt);
    if (!relayKeys.some((key) => isReceiptBy(decoded, operation.id, key))) invalid("a branch operation without a receipt");
    return operation;
  } catch (error) {
    if (error instanceof ReplayError || !(error instanceof ReaderError)) throw error;
    return invalid(`a branch operation: ${error.message}`);
  }
}

function isReceiptBy(receipt, id, key) {
  try {
    verifyReceipt(receipt, id, key);
    return true;
  } catch (error) {
    if (error instanceof ReaderError) return false;
    throw error;
  }
}

/** What the branch follows: an operation of this log, or the tip of a branch healed before. */
function startOf({ logs, state }, { index, previous }) {
  const log = logs.logs.get(state.space);
  if (index > 0 && log?.operations[index - 1]?.id === previous) {
    return { fork: index, before: log.states[index], knowledge: logs.operations.get(previous).knowledge };
  }
  const earlier = state.branches.find((branch) => branch.operations.at(-1).id === previous);
  if (earlier === undefined) return invalid("the branch follows nothing that is known here");
  const tip = earlier.operations.at(-1);
  if (tip.index + 1 !== index) return invalid("the branch leaves out operations");
  return { fork: earlier.fork, before: earlier.tip, knowledge: tip.knowledge };
}

/** Replays the branch on the state at the fork. */
function walk({ logs, evaluate }, operations, start) {
  let { before, knowledge } = start;
  let previous = null;
  const known = [];
  for (const operation of operations) {
    if (previous !== null && !follows(operation, previous)) invalid("the branch has a gap");
    if (logs.logs.get(operation.space).operations[operation.body.index]?.id === operation.id) {
      invalid("the branch holds an operation of this log");
    }
    try {
      ({ state: before, knowledge } = evaluate(logs, operation, before, knowledge));
    } catch (error) {
      if (error instanceof MissingError || !(error instanceof ReaderError)) throw error;
      invalid(`the branch does not replay: ${error.message}`);
    }
    const { index } = operation.body;
    known.push({ id: operation.id, space: operation.space, index, length: start.fork, knowledge });
    previous = operation;
  }
  return {
    fork: start.fork,
    operations: known,
    tip: before,
    epochs: before.epochs.filter((epoch) => epoch.at >= start.fork),
    additions: [...before.grants.values()].filter((grant) => grant.addedAt >= start.fork),
  };
}

function follows(operation, previous) {
  return operation.body.index === previous.body.index + 1 && operation.body.previous === previous.id;
}

/** Ends and lowers here what the branch ended and lowered. */
function takeBack(state, tip, operation) {
  const { index, author, claimedAtMs } = operation.body;
  for (const grant of [...standingGrants(state)]) {
    const there = tip.grants.get(grant.id);
    if (there === undefined || there.before !== grant.before) continue;
    if (there.ended !== null) {
      const ended = { at: index, by: author, operation: operation.id, cause: "healed", reason: null, claimedAtMs };
      state.grants.set(grant.id, { ...grant, ended });
    } else if (holdsKeys(grant.role) && !atLeast(there.role, grant.role)) {
      const change = { at: index, role: there.role, operation: operation.id };
      state.grants.set(grant.id, { ...grant, role: there.role, roles: [...grant.roles, change] });
    }
  }
}
