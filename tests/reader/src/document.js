/** Documents: the genesis change, the form of a change, whose it is, and the JSON it all comes to (PROTOCOL §15). */
import * as Automerge from "@automerge/automerge";
import { EnvelopeError } from "./errors.js";
import { requireChangeColumns } from "./columns.js";
import { GENESIS_ACTOR } from "./gate.js";
import { History } from "./history.js";
import { equal } from "./bytes.js";
import { digest } from "./primitives.js";
import { actorId } from "./identifiers.js";
import * as limits from "./limits.js";

const CHUNK_MAGIC = Uint8Array.of(0x85, 0x6f, 0x4a, 0x83);
const CHUNK_TYPE_CHANGE = 1;
const CHECKSUM_END = 8;

/** Containers of the network's document, the directory. */
export const DIRECTORY_CONTAINERS = ["network", "institutions", "teams", "people"];

/** Containers of a person's document: what the devices of a person tell each other. */
export const PERSON_CONTAINERS = ["devices"];

/**
 * The change that every device makes itself and nobody sends.
 * @param {string[]} containers names of the empty maps at the root; at least one
 * @returns {Uint8Array} the change chunk
 */
export function genesis(containers) {
  return Automerge.encodeChange({
    actor: GENESIS_ACTOR,
    seq: 1,
    startOp: 1,
    time: 0,
    message: null,
    deps: [],
    ops: [...containers].sort().map((key) => ({ action: "makeMap", obj: "_root", key, pred: [] })),
  });
}

/**
 * What a document with these containers begins with, as `decodeChange` gives it; null where there are none, and so no genesis.
 * @param {string[]} containers
 */
export function decodedGenesis(containers) {
  return containers.length === 0 ? null : decodeChange(genesis(containers));
}

function refuse(code, message) {
  throw new EnvelopeError(code, message);
}

/**
 * A change of an envelope: one uncompressed automerge change chunk and nothing after it.
 * @param {Uint8Array} bytes
 * @returns {{hash: string, actor: string, seq: number, deps: string[], bytes: Uint8Array}}
 * @throws {EnvelopeError} `bad_change`
 */
export function decodeChange(bytes) {
  if (bytes.length > limits.CHANGE_BYTES) refuse("bad_change", "the change is too large");
  const { otherActors } = requireChangeColumns(requireChunk(bytes, CHUNK_TYPE_CHANGE));
  let decoded;
  try {
    decoded = Automerge.decodeChange(bytes);
  } catch {
    refuse("bad_change", "automerge does not read the change");
  }
  const { hash, actor, seq, startOp, deps, ops } = decoded;
  if (ops.length === 0 || ops.length > limits.CHANGE_OPERATIONS) refuse("bad_change", "a change has operations, and not too many");
  return { hash, actor, seq, deps, bytes, startOp, ops, otherActors, lastOp: startOp + ops.length - 1 };
}

/** The changes of one envelope, within what a batch may hold. Those known already count: what is here decides nothing. */
function decodeBatch(changes) {
  const size = changes.reduce((sum, { length }) => sum + length, 0);
  if (changes.length > limits.BATCH_CHANGES || size > limits.BATCH_BYTES) refuse("bad_change", "the batch is too large");
  let operations = 0;
  return changes.map((bytes) => {
    const change = decodeChange(bytes);
    operations += change.ops.length;
    return operations <= limits.BATCH_OPERATIONS ? change : refuse("bad_change", "too many operations in the batch");
  });
}

/**
 * Exactly one uncompressed automerge chunk of a type, its checksum right.
 * @returns {Uint8Array} its body, behind the length
 * @throws {EnvelopeError} `bad_change`
 */
export function requireChunk(bytes, type) {
  if (bytes.length < CHECKSUM_END + 2 || !equal(bytes.subarray(0, 4), CHUNK_MAGIC)) {
    refuse("bad_change", "no automerge chunk");
  }
  if (bytes[CHECKSUM_END] !== type) refuse("bad_change", "a chunk of another type");
  const { value, end } = readLeb128(bytes, CHECKSUM_END + 1);
  if (end + value !== bytes.length) refuse("bad_change", "not exactly one chunk");
  const hash = digest(bytes.subarray(CHECKSUM_END));
  if (!equal(hash.subarray(0, 4), bytes.subarray(4, CHECKSUM_END))) refuse("bad_change", "the chunk's checksum is wrong");
  return bytes.subarray(end);
}

/** An unsigned LEB128 number in its shortest form. */
function readLeb128(bytes, start) {
  let value = 0;
  for (let index = start, scale = 1; index < bytes.length && index < start + 5; index += 1, scale *= 128) {
    value += (bytes[index] & 0x7f) * scale;
    if (bytes[index] >= 0x80) continue;
    if (bytes[index] === 0 && index > start) break;
    return { value, end: index + 1 };
  }
  return refuse("bad_change", "the chunk's length is not in its shortest form");
}

/** One document, as its counting envelopes make it. */
export class SpaceDocument {
  /**
   * @param {string} space
   * @param {string[]} containers
   */
  constructor(space, containers) {
    this.space = space;
    this.document = Automerge.init();
    /** device id → actors it has brought the run nonce of */
    this.actors = new Map();
    this.history = new History();
    const begins = decodedGenesis(containers);
    if (begins !== null) this.applyChecked([begins]);
  }

  /**
   * A document that begins with a snapshot. Its authors' actors are those that it names.
   * @param {string} space
   * @param {{document: object, history: History, owners: Map<string, string>}} loaded as `loadSnapshot` gives it
   */
  static fromSnapshot(space, { document, history, owners }) {
    const begun = new SpaceDocument(space, []);
    begun.document = document;
    begun.history = history.copy();
    for (const [actor, device] of owners) {
      begun.actors.set(device, new Set(begun.actors.get(device)).add(actor));
    }
    return begun;
  }

  /** The same, to go on from apart. */
  copy() {
    const copied = new SpaceDocument(this.space, []);
    copied.document = Automerge.clone(this.document);
    copied.history = this.history.copy();
    copied.actors = new Map(this.actors);
    return copied;
  }

  /**
   * Applies one envelope's changes, all or nothing.
   * @param {string} device the envelope's author
   * @param {{runNonces: Uint8Array[], changes: Uint8Array[]}} payload
   * @throws {EnvelopeError}
   */
  apply(device, { runNonces, changes }) {
    const actors = new Set(this.actors.get(device) ?? []);
    for (const nonce of runNonces) actors.add(actorId(this.space, device, nonce));
    const decoded = decodeBatch(changes).filter(({ hash }) => !this.history.has(hash));
    const isForeign = ({ actor }) => !actors.has(actor) || actor === GENESIS_ACTOR;
    if (decoded.some(isForeign)) refuse("foreign_actor", "a change of an actor that is not its author's");
    if (decoded.length > 0) this.applyChecked(decoded);
    this.actors.set(device, actors);
  }

  /** Applies changes in their order, if each may follow what it builds on (PROTOCOL §24, the gate). */
  applyChecked(decoded) {
    const next = this.history.copy();
    for (const change of decoded) next.take(change);
    try {
      [this.document] = Automerge.applyChanges(Automerge.clone(this.document), decoded.map((change) => change.bytes));
    } catch {
      refuse("does_not_apply", "automerge refuses the changes");
    }
    this.history = next;
  }

  /** Hashes of the newest changes, ascending. */
  heads() {
    return [...Automerge.getHeads(this.document)].sort();
  }

  /** The document as plain JSON values; bytes as numbers, times in milliseconds. */
  toJson() {
    return plain(Automerge.toJS(this.document));
  }
}

/** The JSON of the state that these heads of a document make. @param {SpaceDocument} document @param {string[]} heads known to it */
export function jsonAt({ document }, heads) {
  return plain(Automerge.toJS(Automerge.view(document, heads)));
}

function plain(value) {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return value;
  if (typeof value === "bigint") return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Date) return value.getTime();
  if (value instanceof Automerge.Counter) return value.value;
  if (Automerge.isImmutableString(value)) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  const entries = Object.keys(value).sort().map((key) => [key, plain(value[key])]);
  return Object.fromEntries(entries);
}
