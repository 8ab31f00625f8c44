/**
 * What the columns of automerge's chunks claim, counted before anything expands them (PROTOCOL §24, the gate, rule 2; §15
 * for a snapshot's document; §25). A run of a few bytes can claim any number of rows.
 */
import { EnvelopeError } from "./errors.js";
import * as limits from "./limits.js";

/** Column specifications as automerge's storage format numbers them; none is compressed or holds marks. */
const OF_A_CHANGE = [0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73];
const OF_A_DOCUMENTS_CHANGES = [0x01, 0x03, 0x13, 0x23, 0x35, 0x40, 0x43, 0x56, 0x57];
const OF_A_DOCUMENTS_OPERATIONS = [0x01, 0x02, 0x11, 0x13, 0x15, 0x21, 0x23, 0x34, 0x42, 0x56, 0x57, 0x80, 0x81, 0x83];
const PREDECESSORS = [0x71, 0x73];
/** The lower three bits of a specification. */
const TYPE = { group: 0, actor: 1, delta: 3, boolean: 4, text: 5, metadata: 6, value: 7 };
const ACTOR_BYTES = 16;

function refuse(message) {
  throw new EnvelopeError("bad_change", message);
}

/** A cursor over numbers and byte strings. */
class Cursor {
  constructor(bytes, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get isAtEnd() {
    return this.offset === this.bytes.length;
  }

  take(length) {
    if (length > this.bytes.length - this.offset) refuse("the chunk ends too early");
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  unsigned() {
    if (this.bytes[this.offset] < 0x80) return this.bytes[this.offset++];
    const { value } = this.number();
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : refuse("a number is too large");
  }

  signed() {
    const { value, bits } = this.number();
    return Number(BigInt.asIntN(bits, value));
  }

  number() {
    let value = 0n;
    for (let shift = 0; shift < 70; shift += 7) {
      const [byte] = this.take(1);
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return { value, bits: shift + 7 };
    }
    return refuse("a number is too long");
  }

  /** A count that each of its elements answers for with a byte or more. */
  count(limit) {
    const count = this.unsigned();
    return count <= limit ? count : refuse("a list is too long");
  }

  actors(limit) {
    return Array.from({ length: this.count(limit) }, () => this.actor());
  }

  actor() {
    const actor = this.take(this.unsigned());
    return actor.length === ACTOR_BYTES ? Buffer.from(actor).toString("hex") : refuse("an actor has 16 bytes");
  }
}

/**
 * The claims of a change chunk's body.
 * @param {Uint8Array} body what stands behind the chunk's length
 * @returns {{otherActors: string[]}}
 * @throws {EnvelopeError} `bad_change`
 */
export function requireChangeColumns(body) {
  const cursor = new Cursor(body);
  cursor.take(32 * cursor.count(limits.CHANGE_DEPENDENCIES));
  cursor.actor();
  if (cursor.unsigned() === 0 || cursor.unsigned() === 0) refuse("sequence and first operation begin with 1");
  cursor.signed();
  cursor.take(cursor.count(limits.CHANGE_MESSAGE_BYTES));
  const otherActors = cursor.actors(limits.CHANGE_OTHER_ACTORS);
  const columns = columnsOf(cursor, describedColumns(cursor, OF_A_CHANGE));
  const rowLimit = (specification) => (PREDECESSORS.includes(specification) ? limits.CHANGE_PREDECESSORS : limits.CHANGE_OPERATIONS);
  const keyBytes = requireClaims(columns, otherActors.length + 1, rowLimit);
  if (keyBytes > limits.CHANGE_KEY_BYTES) refuse("its keys are too large");
  return { otherActors };
}

/**
 * The claims of a document chunk's body.
 * @param {Uint8Array} body what stands behind the chunk's length
 * @throws {EnvelopeError} `bad_change`
 */
export function requireDocumentColumns(body) {
  const cursor = new Cursor(body);
  const actorCount = cursor.actors(limits.SNAPSHOT_ACTORS + 1).length;
  cursor.take(32 * cursor.count(limits.HEADS));
  const ofChanges = describedColumns(cursor, OF_A_DOCUMENTS_CHANGES);
  const ofOperations = describedColumns(cursor, OF_A_DOCUMENTS_OPERATIONS);
  const messageBytes = requireClaims(columnsOf(cursor, ofChanges), actorCount, () => limits.SNAPSHOT_CHANGE_ROWS);
  const keyBytes = requireClaims(columnsOf(cursor, ofOperations), actorCount, () => limits.SNAPSHOT_OPERATION_ROWS);
  if (messageBytes + keyBytes > limits.SNAPSHOT_TEXT_BYTES) refuse("its keys and messages are too large");
}

function describedColumns(cursor, known) {
  const described = [];
  for (let left = cursor.count(known.length); left > 0; left -= 1) {
    const specification = cursor.unsigned();
    if (!known.includes(specification)) refuse("an unknown column");
    if (specification <= (described.at(-1)?.specification ?? 0)) refuse("columns ascend");
    described.push({ specification, length: cursor.unsigned() });
  }
  return described;
}

function columnsOf(cursor, described) {
  return new Map(described.map(({ specification, length }) => [specification, cursor.take(length)]));
}

/** @returns {number} the bytes of all texts, as often as their runs repeat them */
function requireClaims(columns, actorCount, rowLimit) {
  let textBytes = 0;
  let valueBytes = 0;
  for (const [specification, column] of columns) {
    const type = specification & 7;
    let rows = 0;
    let members = 0;
    for (const { value, length } of type === TYPE.value ? [] : runsOf(type, column)) {
      rows += length;
      if (type === TYPE.group) members += length * (value ?? 0);
      if (rows > rowLimit(specification) || members > rowLimit(specification + 1)) refuse("too many rows");
      if (type === TYPE.actor && value !== null && value >= actorCount) refuse("an unknown actor");
      if (type === TYPE.text) textBytes += length * (value ?? 0);
      if (type === TYPE.metadata) valueBytes += length * Math.floor((value ?? 0) / 16);
    }
  }
  if (valueBytes !== (columns.get(0x57)?.length ?? 0)) refuse("the values are not as long as they are said to be");
  return textBytes;
}

/** The runs of a column, none of them empty; the value of a text is its length in bytes. */
function runsOf(type, column) {
  return type === TYPE.boolean ? booleanRuns(new Cursor(column)) : repeatedRuns(type, new Cursor(column));
}

/** Booleans alternate, and begin with `false`, of which there may be none. */
function* booleanRuns(cursor) {
  for (let value = false; !cursor.isAtEnd; value = !value) {
    const isFirst = cursor.offset === 0;
    const length = cursor.unsigned();
    if (length === 0 && !isFirst) refuse("an empty run");
    yield { value, length };
  }
}

function* repeatedRuns(type, cursor) {
  while (!cursor.isAtEnd) {
    const length = cursor.signed();
    if (length > 0) {
      yield { value: valueOf(type, cursor), length };
    } else if (length < 0) {
      for (let left = -length; left > 0; left -= 1) yield { value: valueOf(type, cursor), length: 1 };
    } else {
      const nulls = cursor.unsigned();
      if (nulls === 0) refuse("an empty run");
      yield { value: null, length: nulls };
    }
  }
}

function valueOf(type, cursor) {
  if (type === TYPE.delta) return cursor.signed();
  const value = cursor.unsigned();
  return type === TYPE.text ? cursor.take(value).length : value;
}
