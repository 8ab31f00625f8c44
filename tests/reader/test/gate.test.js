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
