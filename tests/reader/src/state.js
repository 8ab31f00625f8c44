/**
 * What the logs say, at any length (PROTOCOL §10–§12).
 *
 * A log keeps one state for each length it ever had: `states[n]` is the space after its first n operations. States are
 * never changed once they stand; an operation works on a copy.
 */
import { MissingError } from "./errors.js";

/** Kinds whose members may be of these kinds; `device` stands for a device. */
export const MEMBER_KINDS = {
  person: ["device"],
  team: ["person"],
  institution: ["team", "person"],
  network: ["institution"],
  section: ["team", "person"],
};

/** Kinds that may name a guardian. */
export const KINDS_WITH_GUARDIAN = ["person", "team", "section"];
/** Kinds whose epochs publish a KEM key, since spaces above wrap to it. */
export const KINDS_WITH_KEM = ["person", "team", "institution"];

/** A space before its first operation. */
export function emptyState(space) {
  return {
    space,
    length: 0,
    kind: null,
    nonce: null,
    guardian: null,
    founder: null,
    /** device id → keys, of every device this log ever named; nothing is taken out */
    devices: new Map(),
    /** the same of the branches healed here, but not of those that a branch itself had healed */
    branchDevices: new Map(),
    /** grant id → grant */
    grants: new Map(),
    /** in the order of the log; the last one is the current one */
    epochs: [],
    /** invitation key → what it offers and who used it */
    invitations: new Map(),
    relayKeys: [],
    /** how an institution admits, and what one administrator proposes: `{administrators, compares, by}` or null */
    policy: { administrators: 1, compares: false },
    proposed: null,
    closed: false,
    /** the operation that closed it, or null */
    closedBy: null,
    /** envelope ids */
    voided: new Set(),
    branches: [],
    /** key id of an epoch of a healed branch → the recipients it was wrapped to here, each with `at` */
    pastWraps: new Map(),
  };
}

/** A copy whose collections may be changed. Grants, epochs and invitations in it are replaced, never changed. */
export function copyState(state) {
  return {
    ...state,
    devices: new Map(state.devices),
    branchDevices: new Map(state.branchDevices),
    grants: new Map(state.grants),
    epochs: [...state.epochs],
    invitations: new Map(state.invitations),
    relayKeys: [...state.relayKeys],
    voided: new Set(state.voided),
    branches: [...state.branches],
    pastWraps: new Map(state.pastWraps),
  };
}

/** The epoch that is current, or null. */
export function currentEpoch(state) {
  return state.epochs.at(-1) ?? null;
}

/** An epoch of this log by its key id, or null. */
export function epochOf(state, keyId) {
  return state.epochs.find((epoch) => epoch.keyId === keyId) ?? null;
}

/** Whether a key id was ever announced here, healed branches included. */
export function isKnownEpoch(state, keyId) {
  return readableEpochs(state).some((epoch) => epoch.keyId === keyId);
}

/** All epochs under which content can be read: those of this log and of the branches healed here, not what these had healed. */
export function readableEpochs(state) {
  const found = new Map(state.epochs.map((epoch) => [epoch.keyId, epoch]));
  for (const { tip } of state.branches) {
    for (const epoch of tip.epochs) if (!found.has(epoch.keyId)) found.set(epoch.keyId, epoch);
  }
  return [...found.values()];
}

/**
 * What comes before an operation in its own log, which for an operation of a branch is the branch and what it follows.
 * Places count from 0; `stateAt(n)` is the state at length n.
 */
export class Lineage {
  /**
   * @param {(index: number) => {id: string, knowledge: Map<string, number>}|undefined} operationAt
   * @param {(length: number) => object} stateAt
   */
  constructor(operationAt, stateAt) {
    this.operationAt = operationAt;
    this.stateAt = stateAt;
  }

  /** Of a log as this replica has it, or of its first operations. */
  static ofLog(logs, space, length = Infinity) {
    const operationAt = (index) => {
      const operation = index < length ? logs.operationAt(space, index) : undefined;
      return operation && { id: operation.id, knowledge: logs.operations.get(operation.id).knowledge };
    };
    return new Lineage(operationAt, (at) => logs.stateAt(space, at));
  }

  /** The same up to a length, and after it one more operation. */
  followedBy(operation, knowledge, state) {
    const { index } = operation.body;
    const own = { id: operation.id, knowledge };
    return new Lineage(
      (at) => (at < index ? this.operationAt(at) : at === index ? own : undefined),
      (length) => (length <= index ? this.stateAt(length) : state),
    );
  }
}

/** The grants that are live: added and not ended. */
export function* liveGrants(state) {
  for (const grant of state.grants.values()) {
    if (grant.ended === null) yield grant;
  }
}

/** Every log this replica has. */
export class Logs {
  constructor() {
    /** space id → {operations, states} */
    this.logs = new Map();
    /** operation id → {space, index, length, knowledge}; `length`: how much of its log it stands for */
    this.operations = new Map();
    /** the network this replica belongs to, or null */
    this.network = null;
  }

  /** The same logs, to try something at their end. */
  copy() {
    const copied = new Logs();
    copied.network = this.network;
    copied.operations = new Map(this.operations);
    for (const [space, { operations, states }] of this.logs) {
      copied.logs.set(space, { operations: [...operations], states: [...states] });
    }
    return copied;
  }

  /** How many operations of this space have been replayed. */
  length(space) {
    return this.logs.get(space)?.operations.length ?? 0;
  }

  /** @throws {MissingError} `missing_log` if this replica does not have that much of the log */
  stateAt(space, length) {
    const log = this.logs.get(space);
    if (log === undefined) {
      throw new MissingError("missing_log", "the log of a space is not here", [space]);
    }
    if (length >= log.states.length) {
      throw new MissingError("missing_log", "the log of a space is not here as far as it is named", [space]);
    }
    return log.states[length];
  }

  /** The operation at a place, or undefined. */
  operationAt(space, index) {
    return this.logs.get(space)?.operations[index];
  }

  /** The newest state of a space, or null if it is not known. */
  newest(space) {
    return this.logs.get(space)?.states.at(-1) ?? null;
  }

  /** Takes an operation that has been replayed. */
  append(operation, knowledge, state) {
    let log = this.logs.get(operation.space);
    if (log === undefined) {
      log = { operations: [], states: [emptyState(operation.space)] };
      this.logs.set(operation.space, log);
    }
    log.operations.push(operation);
    log.states.push(state);
    const { index } = operation.body;
    this.operations.set(operation.id, { space: operation.space, index, length: index + 1, knowledge });
    for (const known of state.branches.flatMap((branch) => branch.operations)) {
      if (!this.operations.has(known.id)) this.operations.set(known.id, known);
    }
  }
}

/**
 * The logs as somebody saw them: each at one length. What is computed over a view is kept with it.
 */
export class View {
  /**
   * @param {Logs} logs
   * @param {(space: string) => number} lengthOf 0 where the log is not known
   * @param {object[]} overlays states that stand in for their own spaces: of an operation being replayed, of a branch; of
   *   two of one space the first
   */
  constructor(logs, lengthOf, overlays = []) {
    this.logs = logs;
    this.lengthOf = lengthOf;
    this.overlays = overlays;
    this.memory = new Map();
  }

  /** Every log as far as this replica has it. */
  static newest(logs) {
    return new View(logs, (space) => logs.length(space));
  }

  /**
   * Every log as a knowledge says.
   * @param {Map<string, number>} knowledge
   * @param {object|null} own the state of the own space
   */
  static known(logs, knowledge, own = null) {
    return new View(logs, (space) => knowledge.get(space) ?? 0, own === null ? [] : [own]);
  }

  /** The state of a space in this view; null where the view has nothing of it. */
  state(space) {
    const own = this.overlays.find((state) => state.space === space);
    if (own !== undefined) return own.length === 0 ? null : own;
    const length = this.lengthOf(space);
    return length === 0 ? null : this.logs.stateAt(space, length);
  }

  /** The same where it must be there. @throws {MissingError} `missing_log` */
  required(space) {
    const state = this.state(space);
    if (state === null) throw new MissingError("missing_log", "the log of a member space is not known", [space]);
    return state;
  }

  /** Computes once per view. */
  remember(key, compute) {
    if (!this.memory.has(key)) this.memory.set(key, compute());
    return this.memory.get(key);
  }
}
