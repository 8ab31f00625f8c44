import test from "node:test";
import assert from "node:assert/strict";
import * as Automerge from "@automerge/automerge";
import { DIRECTORY_CONTAINERS, SpaceDocument, decodeChange, genesis } from "../src/document.js";
import { actorId } from "../src/identifiers.js";
import { concat, equal, fromHex } from "../src/bytes.js";
import { digest } from "../src/primitives.js";

const space = "44".repeat(32);
const device = "55".repeat(32);
const nonce = new Uint8Array(16).fill(7);
const actor = actorId(space, device, nonce);
const begun = decodeChange(genesis(DIRECTORY_CONTAINERS));
const PEOPLE = `3@${"00".repeat(16)}`;

/** A change of one run on top of the genesis, made of operations that no library would write. */
function change(ops, rest = {}) {
  return Automerge.encodeChange({ actor, seq: 1, startOp: begun.lastOp + 1, time: 0, message: null, deps: [begun.hash], ops, ...rest });
}

const apply = (bytes) => new SpaceDocument(space, DIRECTORY_CONTAINERS).apply(device, { runNonces: [nonce], changes: [bytes] });

test("a change that writes a map, a list and a text as their kinds are written passes", () => {
  apply(change([
    { action: "set", obj: PEOPLE, key: "a", value: "x", pred: [] },
    { action: "makeText", obj: PEOPLE, key: "t", pred: [] },
    { action: "set", obj: `6@${actor}`, elemId: "_head", insert: true, value: "b", pred: [] },
    { action: "del", obj: `6@${actor}`, elemId: `7@${actor}`, pred: [`7@${actor}`] },
  ]));
});

test("an operation in an unknown object, of what comes later, in the wrong way for its object, or of nothing is refused", () => {
  const text = { action: "makeText", obj: PEOPLE, key: "t", pred: [] };
  const inText = { obj: `5@${actor}`, elemId: "_head", insert: true, pred: [] };
  const wrong = [
    [{ action: "set", obj: `9@${"00".repeat(16)}`, key: "a", value: 1, pred: [] }],
    [{ action: "set", obj: `5@${actor}`, key: "a", value: 1, pred: [] }],
    [{ action: "set", obj: PEOPLE, key: "a", value: 1, pred: [`8@${actor}`] }],
    [{ action: "set", obj: PEOPLE, elemId: "_head", insert: true, value: 1, pred: [] }],
    [{ action: "del", obj: PEOPLE, key: "a", pred: [] }],
    [{ action: "inc", obj: PEOPLE, key: "a", value: 1, pred: [] }],
    [text, { ...inText, action: "set", value: 1 }],
    [text, { ...inText, action: "makeMap" }],
    [text, { ...inText, insert: false, action: "set", value: "a" }],
    [],
  ];
  for (const ops of wrong) assert.throws(() => apply(change(ops)), { name: "EnvelopeError" }, JSON.stringify(ops));
});

test("the maps that a document is born with are neither replaced nor removed, whether they are named as known or not", () => {
  for (const pred of [[], [PEOPLE]]) {
    for (const action of ["makeMap", "set", "del"]) {
      const ops = [{ action, obj: "_root", key: "people", ...(action === "set" ? { value: 1 } : {}), pred }];
      assert.throws(() => apply(change(ops)), { code: "bad_change" }, JSON.stringify(ops));
    }
  }
  apply(change([{ action: "makeMap", obj: "_root", key: "newer", pred: [] }]));
});

test("objects nest 32 deep and no deeper", () => {
  const nested = (depth) => {
    const first = begun.lastOp + 1;
    return Array.from({ length: depth - 1 }, (_, index) => ({
      action: "makeMap", obj: index === 0 ? PEOPLE : `${first + index - 1}@${actor}`, key: "n", pred: [],
    }));
  };
  apply(change(nested(32)));
  assert.throws(() => apply(change(nested(33))), { code: "bad_change" });
});

const otherDevice = "66".repeat(32);
const otherActor = actorId(space, otherDevice, nonce);
const first = begun.lastOp + 1;

/** A document that has received two changes of another device's: one makes a map, the next writes to it. */
function received() {
  const document = new SpaceDocument(space, DIRECTORY_CONTAINERS);
  const make = change([{ action: "makeMap", obj: PEOPLE, key: "theirs", pred: [] }], { actor: otherActor });
  const { hash } = Automerge.decodeChange(make);
  const next = { actor: otherActor, seq: 2, deps: [hash], startOp: first + 1 };
  const write = change([{ action: "set", obj: `${first}@${otherActor}`, key: "k", value: 1, pred: [] }], next);
  document.apply(otherDevice, { runNonces: [nonce], changes: [make, write] });
  return { make: hash, by: (bytes) => document.apply(device, { runNonces: [nonce], changes: [bytes].flat() }) };
}

test("what else was received decides nothing: a change is numbered from its own dependencies, without a gap", () => {
  const set = [{ action: "set", obj: PEOPLE, key: "a", value: 1, pred: [] }];
  received().by(change(set));
  for (const startOp of [first - 1, first + 1, first + 2]) {
    assert.throws(() => received().by(change(set, { startOp })), { code: "bad_counter" }, `${startOp}`);
  }
});

test("an operation refers to what its change builds on, and not to what was received beside it", () => {
  const { make } = received();
  const overwrite = { action: "set", obj: `${first}@${otherActor}`, key: "k", value: 2, pred: [`${first + 1}@${otherActor}`] };
  const start = { action: "set", obj: PEOPLE, key: "a", value: 1, pred: [] };
  const upon = { deps: [make], startOp: first + 1 };
  received().by(change([{ ...overwrite, pred: [] }], upon));
  assert.throws(() => received().by(change([start, overwrite], upon)), { code: "bad_change", message: /does not build on/ });
  assert.throws(() => received().by(change([start, { ...overwrite, pred: [] }])), { code: "bad_change", message: /no change below/ });
  const unknown = { ...start, obj: PEOPLE, pred: [`${first - 1}@${otherActor}`] };
  assert.throws(() => received().by(change([unknown], upon)), { code: "bad_change", message: /does not build on/ });
});

test("a change builds on its actor's last", () => {
  const one = change([{ action: "set", obj: PEOPLE, key: "a", value: 1, pred: [] }]);
  const { hash } = Automerge.decodeChange(one);
  const two = { action: "set", obj: PEOPLE, key: "b", value: 1, pred: [] };
  received().by([one, change([two], { seq: 2, deps: [hash], startOp: first + 1 })]);
  assert.throws(() => received().by([one, change([two], { seq: 2 })]), { code: "bad_sequence" });
});

/** The same chunk with one run of bytes replaced, its length and checksum made right again. */
function repaired(bytes, from, to) {
  const at = Buffer.from(bytes).indexOf(Buffer.from(fromHex(from)));
  assert.ok(at > 0 && from.length === to.length);
  const copy = Uint8Array.from(bytes);
  copy.set(fromHex(to), at);
  const whole = concat(copy.subarray(0, 4), digest(copy.subarray(8)).subarray(0, 4), copy.subarray(8));
  assert.equal(equal(whole, bytes), false);
  return whole;
}

test("columns out of order, unknown, or whose values are not as long as they claim are refused", () => {
  const good = change([{ action: "set", obj: PEOPLE, key: "abcd", value: "wxyz", pred: [] }]);
  apply(good);
  const columns = Buffer.from(good).toString("hex");
  assert.ok(columns.includes("56025704"), columns);
  for (const [from, to] of [["56025704", "57025604"], ["56025704", "56025f04"], ["7f46", "7f36"], ["7f46", "0046"], ["7f46", "0000"]]) {
    assert.throws(() => decodeChange(repaired(good, from, to)), { code: "bad_change" }, `${from} → ${to}`);
  }
});
