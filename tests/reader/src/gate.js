/** What the operations of a change must be before it touches a document (PROTOCOL §24, the gate, rule 5). */
import { EnvelopeError } from "./errors.js";
import * as limits from "./limits.js";

function refuse(message) {
  throw new EnvelopeError("bad_change", message);
}

/** Whose change every document begins with. */
export const GENESIS_ACTOR = "00".repeat(16);

const MAKES = { makeMap: "map", makeList: "list", makeText: "text" };
const ACTIONS = [...Object.keys(MAKES), "set", "del", "inc"];

/** What a document's objects are: id → `{type, depth}`, and of what the genesis made something in, `born`: at which keys. */
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
    if (type === undefined) return;
    const parent = objects.get(operation.obj);
    objects.set(`${startOp + index}@${actor}`, { type, depth: (parent?.depth ?? 0) + 1 });
    if (actor === GENESIS_ACTOR) objects.set(operation.obj, { ...parent, born: new Set(parent.born).add(operation.key) });
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
    if (object.born?.has(operation.key)) refuse("it replaces or removes a map that every such document is born with");
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
