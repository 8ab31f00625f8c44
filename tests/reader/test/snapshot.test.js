import test from "node:test";
import assert from "node:assert/strict";
import { deflateSync, inflateSync } from "node:zlib";
import * as Automerge from "@automerge/automerge";
import { decodeChange, genesis } from "../src/document.js";
import { concat } from "../src/bytes.js";
import { sectionContainers } from "../src/sections.js";
import { loadSnapshot } from "../src/snapshot.js";
import { documentChunk, run } from "./chunks.js";
import { uncompressed } from "./scribe.js";

const actor = "42".repeat(16);
const device = "55".repeat(32);
const begins = decodeChange(genesis(sectionContainers("tasks")));

/** A snapshot of a document with one change on top of a genesis, as it says of itself; `changed` replaces what it says. */
function snapshot(changed = {}) {
  let [document] = Automerge.applyChanges(Automerge.init({ actor }), [begins.bytes]);
  document = Automerge.change(document, { time: 0 }, (doc) => (doc.tasks.t1 = "x"));
  const chunk = uncompressed(document);
  const said = { document: deflateSync(chunk), documentBytes: chunk.length, heads: Automerge.getHeads(document), actors: [{ actor, device }], covered: [] };
  return { ...said, ...changed(said, chunk) };
}

test("a snapshot that is what it says loads, with the device behind each actor", () => {
  const { document, owners, changes } = loadSnapshot(snapshot(() => ({})), begins);
  assert.equal(document.tasks.t1, "x");
  assert.deepEqual([...owners], [[actor, device]]);
  assert.equal(changes.length, 2);
});

test("a snapshot with other heads, sizes, actors, another genesis, or bytes after its stream or chunk is refused", () => {
  const twice = (chunk) => ({ document: deflateSync(concat(chunk, chunk)), documentBytes: 2 * chunk.length });
  const wrong = [
    () => ({ heads: ["00".repeat(32)] }),
    ({ documentBytes }) => ({ documentBytes: documentBytes + 1 }),
    ({ documentBytes }) => ({ documentBytes: documentBytes - 1 }),
    ({ document }) => ({ document: concat(document, Uint8Array.of(0)) }),
    (_, chunk) => twice(chunk),
    (_, chunk) => ({ document: chunk }),
    () => ({ actors: [] }),
    ({ actors }) => ({ actors: [...actors, { actor: "43".repeat(16), device }] }),
  ];
  for (const changed of wrong) {
    assert.throws(() => loadSnapshot(snapshot(changed), begins), { name: "EnvelopeError" }, changed.toString());
  }
  assert.throws(() => loadSnapshot(snapshot(() => ({})), decodeChange(genesis(["other"]))), { code: "bad_snapshot" });
  assert.throws(() => loadSnapshot(snapshot(() => ({ documentBytes: 67_108_865 })), begins), { code: "too_large" });
});

/** A snapshot of a document with one change that no author would write. */
function holding(ops, rest = {}) {
  const change = Automerge.encodeChange({ actor, seq: 1, startOp: begins.lastOp + 1, time: 0, message: null, deps: [begins.hash], ops, ...rest });
  const [document] = Automerge.applyChanges(Automerge.init(), [begins.bytes, change]);
  const chunk = uncompressed(document);
  return { document: deflateSync(chunk), documentBytes: chunk.length, heads: Automerge.getHeads(document), actors: [{ actor, device }], covered: [] };
}

test("each change of a snapshot's history is asked what the gate asks, also one that is long", () => {
  const set = { action: "set", obj: "_root", key: "a", value: "x".repeat(5000), pred: [] };
  assert.equal(loadSnapshot(holding([set]), begins).changes.length, 2);
  for (const wrong of [holding([set], { startOp: begins.lastOp + 2 }), holding([{ action: "makeTable", obj: "_root", key: "a", pred: [] }])]) {
    assert.throws(() => loadSnapshot(wrong, begins), { name: "EnvelopeError" });
  }
});

test("the genesis' actor has one change in a snapshot, and no second", () => {
  const set = { action: "set", obj: "_root", key: "a", value: 1, pred: [] };
  const second = { ...holding([set], { actor: "00".repeat(16), seq: 2 }), actors: [] };
  assert.throws(() => loadSnapshot(second, begins), { code: "bad_snapshot", message: /second change/ });
});

test("a document with a compressed column is refused, though automerge would load it", () => {
  const said = holding([{ action: "set", obj: "_root", key: "a", value: "x".repeat(5000), pred: [] }]);
  const chunk = Automerge.save(Automerge.load(inflateSync(said.document)));
  assert.ok(chunk.length < said.documentBytes);
  const compressed = { ...said, document: deflateSync(chunk), documentBytes: chunk.length };
  assert.throws(() => loadSnapshot(compressed, begins), { code: "bad_change", message: /unknown column/ });
});

test("a few bytes that claim too many changes are refused before anything expands them", () => {
  const claiming = (rows) => {
    const chunk = documentChunk({ changes: [[0x01, run(rows, 0)]] });
    return { document: deflateSync(chunk), documentBytes: chunk.length, heads: [], actors: [{ actor, device }], covered: [] };
  };
  assert.throws(() => loadSnapshot(claiming(500_001), begins), { code: "bad_change", message: /too many rows/ });
});
