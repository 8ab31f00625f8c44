/** What a change must pass before it touches a document, on top of automerge's own decoding (PROTOCOL §24, the gate). */
import { EnvelopeError } from "./errors.js";
import * as limits from "./limits.js";

/** Column specifications of a change, as automerge's storage format numbers them; none is compressed or holds marks. */
const COLUMNS = [0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73];
const VALUE_METADATA = 0x56;
const VALUES = 0x57;
const ACTOR_COLUMNS = [0x01, 0x11, 0x71];
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
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte] = this.take(1);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : refuse("a number is too large");
    }
    return refuse("a number is too long");
  }

  signed() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte] = this.take(1);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(Number(shift) + 7, value));
    }
    return refuse("a number is too long");
  }

  /** A count that each of its elements answers for with a byte or more. */
  count(limit) {
    const count = this.unsigned();
    return count <= limit ? count : refuse("a list is too long");
  }
}

/**
 * The claims of a change chunk's body.
 * @param {Uint8Array} body what stands behind the chunk's length
 * @returns {{otherActors: string[]}}
 * @throws {EnvelopeError} `bad_change`
 */
export function requireColumns(body) {
  const cursor = new Cursor(body);
  cursor.take(32 * cursor.count(limits.CHANGE_DEPENDENCIES));
  if (cursor.take(cursor.unsigned()).length !== ACTOR_BYTES) refuse("an actor has 16 bytes");
  if (cursor.unsigned() === 0 || cursor.unsigned() === 0) refuse("sequence and first operation begin with 1");
  cursor.signed();
  cursor.take(cursor.count(limits.CHANGE_MESSAGE_BYTES));
  const otherActors = [];
  for (let left = cursor.count(limits.CHANGE_OTHER_ACTORS); left > 0; left -= 1) {
    const actor = cursor.take(cursor.unsigned());
    if (actor.length !== ACTOR_BYTES) refuse("an actor has 16 bytes");
    otherActors.push(Buffer.from(actor).toString("hex"));
  }
  requireEachColumn(columnsOf(cursor), otherActors.length + 1);
  return { otherActors };
}

function columnsOf(cursor) {
  const described = [];
  for (let left = cursor.count(COLUMNS.length); left > 0; left -= 1) {
    const specification = cursor.unsigned();
    if (!COLUMNS.includes(specification)) refuse("an unknown column");
    if (specification <= (described.at(-1)?.specification ?? 0)) refuse("columns ascend");
    described.push({ specification, length: cursor.unsigned() });
  }
  return new Map(described.map(({ specification, length }) => [specification, cursor.take(length)]));
}

function requireEachColumn(columns, actorCount) {
  for (const specification of ACTOR_COLUMNS) {
    for (const { value } of runsOf(columns.get(specification))) if (value !== null && value >= actorCount) refuse("an unknown actor");
  }
  let claimed = 0;
  for (const { value, length } of runsOf(columns.get(VALUE_METADATA))) claimed += length * Math.floor((value ?? 0) / 16);
  if (claimed !== (columns.get(VALUES)?.length ?? 0)) refuse("the values are not as long as they are said to be");
}

/** The runs of a run-length encoded column of unsigned numbers; none is empty. */
function* runsOf(column) {
  if (column === undefined) return;
  const cursor = new Cursor(column);
  while (!cursor.isAtEnd) {
    const length = cursor.signed();
    if (length > 0) {
      yield { value: cursor.unsigned(), length };
    } else if (length < 0) {
      for (let left = -length; left > 0; left -= 1) yield { value: cursor.unsigned(), length: 1 };
    } else {
      const nulls = cursor.unsigned();
      if (nulls === 0) refuse("an empty run");
      yield { value: null, length: nulls };
    }
  }
}

const MAKES = { makeMap: "map", makeList: "list", makeText: "text" };
const ACTIONS = [...Object.keys(MAKES), "set", "del", "inc"];

/** What a document's objects are: id → `{type, depth}`. */
export function rootObjects() {
  return new Map([["_root", { type: "map", depth: 0 }]]);
}

/**
 * Notes the objects that a change makes.
 * @param {Map<string, {type: string, depth: number}>} objects changed
 * @param {{actor: string, startOp: number, ops: object[]}} change as automerge decodes it
 */
export function noteObjects(objects, { actor, startOp, ops }) {
  ops.forEach((operation, index) => {
    const type = MAKES[operation.action];
    if (type !== undefined) objects.set(`${startOp + index}@${actor}`, { type, depth: (objects.get(operation.obj)?.depth ?? 0) + 1 });
  });
}

/**
 * Each operation of a change by itself.
 * @param {Map<string, {type: string, depth: number}>} objects those of the document and of earlier changes; grows
 * @param {{actor: string, startOp: number, ops: object[]}} change
 * @param {(id: string) => boolean} standsBelow whether an operation stands in what the change builds on
 * @throws {EnvelopeError} `bad_change`
 */
export function requireOperations(objects, { actor, startOp, ops }, standsBelow) {
  ops.forEach((operation, index) => {
    const object = objects.get(operation.obj);
    if (!ACTIONS.includes(operation.action)) refuse("an action that is not used");
    if (object === undefined) refuse("an operation in an unknown object");
    requireReferences(operation, startOp + index, (id) => isOwn(id, actor, startOp) || standsBelow(id));
    requirePlace(operation, object.type);
    if (object.type === "text") requireTextOperation(operation);
    const needsPredecessor = operation.action === "del" || operation.action === "inc";
    if (needsPredecessor && operation.pred.length === 0) refuse("a deletion or increment of nothing");
    if (operation.action in MAKES && object.depth >= limits.NESTING) refuse("nested too deeply");
    noteObjects(objects, { actor, startOp: startOp + index, ops: [operation] });
  });
}

/** Whether an operation stands in the change itself, if its counter is below that of the one that refers to it. */
function isOwn(id, actor, startOp) {
  const [counter, by] = id.split("@");
  return by === actor && Number(counter) >= startOp;
}

function requireReferences({ obj, elemId = "_head", pred }, own, stands) {
  for (const id of [obj, elemId, ...pred].filter((each) => each !== "_root" && each !== "_head")) {
    if (Number(id.split("@")[0]) >= own) refuse("it refers to what comes later");
    if (!stands(id)) refuse("it refers to what it does not build on");
  }
}

function requirePlace({ key, elemId, insert = false }, type) {
  if (type === "map") {
    if (key === undefined || elemId !== undefined || insert) refuse("a map is written by key");
  } else if (elemId === undefined || (elemId === "_head" && !insert)) {
    refuse("a list is written by element");
  }
}

function requireTextOperation({ action, value }) {
  if (action in MAKES) refuse("an object in a text");
  if (action !== "del" && (action !== "set" || typeof value !== "string")) refuse("something else than a string in a text");
}
