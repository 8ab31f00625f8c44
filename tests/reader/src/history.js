/**
 * The changes of a document by what each builds on. Of a change, what it builds on decides alone: what else a replica has
 * received never does, or two replicas would judge one change differently (PROTOCOL §24, the gate, rules 3 to 5).
 */
import { EnvelopeError } from "./errors.js";
import { noteObjects, requireOperations, rootObjects } from "./gate.js";
import * as limits from "./limits.js";

function refuse(code, message) {
  throw new EnvelopeError(code, message);
}

export class History {
  constructor() {
    /** change hash → its last operation, and for each actor how many of its changes are here or below */
    this.changes = new Map();
    /** actor → the operations of its changes, in their order: `{startOp, lastOp}` */
    this.runs = new Map();
    /** its objects, by id */
    this.objects = rootObjects();
  }

  copy() {
    const copied = new History();
    copied.changes = new Map(this.changes);
    copied.runs = new Map([...this.runs].map(([actor, runs]) => [actor, [...runs]]));
    copied.objects = new Map(this.objects);
    return copied;
  }

  has(hash) {
    return this.changes.has(hash);
  }

  /**
   * Takes one change after what it builds on.
   * @param {object} change as `decodeChange` gives it
   * @throws {EnvelopeError} leaving this history in no state to be used
   */
  take(change) {
    const { actor, seq, deps, startOp, lastOp, otherActors } = change;
    if (deps.some((dep) => !this.has(dep))) refuse("missing_dependency", "a change builds on one not here");
    const below = this.countsBelow(deps);
    const isNext = seq === (this.runs.get(actor)?.length ?? 0) + 1 && (below.get(actor) ?? 0) === seq - 1;
    if (!isNext) refuse("bad_sequence", "a change out of its sequence, or not on its actor's last");
    if (otherActors.some((other) => !below.has(other))) refuse("bad_change", "an actor that has no change below");
    const highest = Math.max(0, ...deps.map((dep) => this.changes.get(dep).lastOp));
    if (startOp !== highest + 1 || lastOp > limits.HIGHEST_OPERATION) refuse("bad_counter", "a change's operations are out of their order");
    requireOperations(this.objects, change, (id) => this.stands(id, below));
    this.note(change, below);
  }

  note(change, below) {
    const { hash, actor, seq, startOp, lastOp } = change;
    noteObjects(this.objects, change);
    this.changes.set(hash, { lastOp, counts: below.set(actor, seq) });
    this.runs.set(actor, [...(this.runs.get(actor) ?? []), { startOp, lastOp }]);
  }

  /** For each actor how many of its changes these build on, themselves included. An actor's changes are a chain. */
  countsBelow(deps) {
    const counts = new Map();
    for (const dep of deps) {
      for (const [actor, count] of this.changes.get(dep).counts) counts.set(actor, Math.max(count, counts.get(actor) ?? 0));
    }
    return counts;
  }

  /** Whether an operation stands in one of the changes below. @param {string} id `counter@actor` */
  stands(id, below) {
    const [counter, actor] = id.split("@");
    const runs = (this.runs.get(actor) ?? []).slice(0, below.get(actor) ?? 0);
    return runs.some(({ startOp, lastOp }) => startOp <= Number(counter) && Number(counter) <= lastOp);
  }
}
