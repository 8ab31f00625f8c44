import test from "node:test";
import assert from "node:assert/strict";
import * as Automerge from "@automerge/automerge";
import { DIRECTORY_CONTAINERS, SpaceDocument, decodeChange, genesis } from "../src/document.js";
import { actorId } from "../src/identifiers.js";
import { concat } from "../src/bytes.js";

const space = "44".repeat(32);
const device = "55".repeat(32);
const nonce = new Uint8Array(16).fill(7);

/** Changes of one run, each by one callback, on top of the genesis. */
function changesBy(actor, ...edits) {
  let [document] = Automerge.applyChanges(Automerge.init({ actor }), [genesis(DIRECTORY_CONTAINERS)]);
  return edits.map((edit) => {
    document = Automerge.change(document, { time: 0 }, edit);
    return Automerge.getLastLocalChange(document);
  });
}

const actor = actorId(space, device, nonce);

test("the genesis makes one empty map for each container, whoever makes it and in whatever order they are named", () => {
  const document = new SpaceDocument(space, DIRECTORY_CONTAINERS);
  assert.deepEqual(document.toJson(), { institutions: {}, network: {}, people: {}, teams: {} });
  assert.deepEqual(genesis(DIRECTORY_CONTAINERS), genesis([...DIRECTORY_CONTAINERS].reverse()));
  assert.notDeepEqual(genesis(DIRECTORY_CONTAINERS), genesis(["network"]));
});

test("changes of an author whose run nonce is known are applied and come out as JSON", () => {
  const document = new SpaceDocument(space, DIRECTORY_CONTAINERS);
  const [first, second] = changesBy(
    actor,
    (doc) => {
      doc.network.card = new Automerge.ImmutableString("x");
      doc.people.text = "Grüezi";
    },
    (doc) => {
      doc.people.count = new Automerge.Counter(3);
      doc.people.bytes = Uint8Array.of(1, 255);
      doc.people.list = [1, null, true, { a: 2.5 }];
    },
  );
  document.apply(device, { runNonces: [nonce], changes: [first] });
  document.apply(device, { runNonces: [], changes: [second] });
  assert.deepEqual(document.toJson(), {
    institutions: {},
    network: { card: "x" },
    people: { bytes: [1, 255], count: 3, list: [1, null, true, { a: 2.5 }], text: "Grüezi" },
    teams: {},
  });
});

test("a change of another actor, without what it builds on, or out of sequence is refused and leaves nothing", () => {
  const document = new SpaceDocument(space, DIRECTORY_CONTAINERS);
  const [first, second] = changesBy(actor, (doc) => (doc.people.a = 1), (doc) => (doc.people.a = 2));
  const refused = (payload, code, by = device) => {
    assert.throws(() => document.apply(by, payload), { code });
    assert.deepEqual(document.toJson().people, {});
  };
  refused({ runNonces: [], changes: [first] }, "foreign_actor");
  refused({ runNonces: [nonce], changes: [first] }, "foreign_actor", "66".repeat(32));
  refused({ runNonces: [nonce], changes: [second] }, "missing_dependency");
  refused({ runNonces: [nonce], changes: [second, first] }, "missing_dependency");
  refused({ runNonces: [nonce], changes: [first, first] }, "bad_sequence");
  document.apply(device, { runNonces: [nonce], changes: [first, second] });
  assert.deepEqual(document.toJson().people, { a: 2 });
});

test("a change is one uncompressed change chunk with its checksum, and nothing after it", () => {
  const [change] = changesBy(actor, (doc) => (doc.people.a = "x".repeat(2000)));
  assert.equal(decodeChange(change).actor, actor);
  const changed = (offset, value) => {
    const copy = Uint8Array.from(change);
    copy[offset] = value;
    return copy;
  };
  const document = Automerge.save(Automerge.from({ a: 1 }));
  const broken = [changed(0, 0), changed(4, change[4] ^ 1), changed(8, 0), changed(8, 2), changed(change.length - 1, 9)];
  for (const bytes of [...broken, concat(change, Uint8Array.of(0)), change.subarray(0, 8), document]) {
    assert.throws(() => decodeChange(bytes), { code: "bad_change" });
  }
});

test("an envelope's changes are within what a batch may hold, those known already too", () => {
  const refusal = (changes) => {
    const document = new SpaceDocument(space, DIRECTORY_CONTAINERS);
    document.apply(device, { runNonces: [nonce], changes: changes.slice(0, 1) });
    try {
      document.apply(device, { runNonces: [], changes });
    } catch ({ code, message }) {
      return `${code}: ${message}`;
    }
    return null;
  };
  const [small] = changesBy(actor, (doc) => (doc.people.a = 1));
  assert.equal(refusal(Array(20_000).fill(small)), null);
  assert.equal(refusal(Array(20_001).fill(small)), "bad_change: the batch is too large");
  const [large] = changesBy(actor, (doc) => (doc.people.a = Uint8Array.from({ length: 999_000 }, (_, index) => index % 251)));
  assert.equal(refusal(Array(16).fill(large)), null);
  assert.equal(refusal(Array(17).fill(large)), "bad_change: the batch is too large");
  const ops = Array.from({ length: 100_000 }, () => ({ action: "set", obj: "_root", key: "a", value: 1, pred: [] }));
  const begun = decodeChange(genesis(DIRECTORY_CONTAINERS));
  const many = Automerge.encodeChange({ actor, seq: 1, startOp: begun.lastOp + 1, time: 0, message: null, deps: [begun.hash], ops });
  assert.equal(refusal(Array(10).fill(many)), null);
  assert.equal(refusal(Array(11).fill(many)), "bad_change: too many operations in the batch");
});
