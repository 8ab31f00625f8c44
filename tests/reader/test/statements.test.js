/** Statements (PROTOCOL §30): what is signed, and for which institution a signature holds. */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex, toHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { sign } from "../src/primitives.js";
import { CONSENT_EVENT, PLAN_AGREEMENT, decodeSignature, decodeStatement, readStoredSignature, statementBytes, verifyStatement } from "../src/statements.js";
import { Logs } from "../src/state.js";
import { World, device, effects, fresh } from "./fixture.js";
import { requireOnlyEncoding, verdictOf } from "./vector-files.js";

/** Anna writes in an institution, through a team; Carla administers it, and Beat is of another one. */
async function houses() {
  const world = new World();
  const [anna, beat, carla] = await Promise.all([device(), device(), device()]);
  const [house, other] = [anna, beat].map((founder) => world.found(founder, [effects.create("institution", { founder })]));
  const [annas, carlas, beats] = [[anna, house], [carla, house], [beat, other]].map(([who, guardian]) => world.person(who, guardian));
  const team = world.found(anna, [effects.create("team", { guardian: house, founder: anna }), effects.addSpace(annas, "manage")]);
  world.write(house, anna, [effects.addSpace(team, "manage"), effects.addSpace(carlas, "administer")]);
  world.write(other, beat, [effects.addSpace(beats, "manage")]);
  return { world, anna, beat, carla, house, other, annas, beats, carlas, team };
}

const said = (changed = {}) => ({ kind: CONSENT_EVENT, space: "61".repeat(32), entry: "e1", fields: { what: "given", day: "2026-01-31" }, ...changed });

const named = (world, spaces) => world.heads(null, spaces).map(([space, index, operation]) => ({ space: toHex(space), index, operation: toHex(operation) }));

/** The signature of a device, as bytes; `changed` is what is written in place of what was signed. */
function signed(who, heads, statement = said(), changed = {}) {
  const given = { device: who.id, signedAtMs: 5, heads };
  const signature = sign(who.signSeed, "statement/sign", statementBytes(statement, given));
  return signatureBytes({ ...given, signature, ...changed });
}

function signatureBytes({ version = 1, device: by, signedAtMs, heads, signature }) {
  return encode([version, fromHex(by), signedAtMs, heads.map(({ space, index, operation }) => [fromHex(space), index, fromHex(operation)]), signature]);
}

test("a statement is decoded as it was written, with its fields and heads in their order, and no other version or kind", async () => {
  const heads = [{ space: "01".repeat(32), index: 3, operation: "02".repeat(32) }, { space: "02".repeat(32), index: 0, operation: "01".repeat(32) }];
  const by = { device: "07".repeat(32), signedAtMs: 2n ** 60n, heads };
  const statement = said({ kind: PLAN_AGREEMENT, fields: { "é": "1", zz: "2", z: "", "10": "3", "9": "4" } });
  const bytes = statementBytes(statement, by);
  requireOnlyEncoding(bytes);
  const { version, fields, ...rest } = decodeStatement(bytes);
  assert.deepEqual([version, rest], [1, { kind: PLAN_AGREEMENT, space: statement.space, entry: "e1", ...by }]);
  assert.deepEqual(fields.map(({ name }) => name), ["10", "9", "z", "zz", "é"]);
  const written = (fieldsWritten = [], headsWritten = [], number = 1, kind = 1) =>
    encode([number, kind, fromHex(statement.space), "", fieldsWritten, fromHex(by.device), 0, headsWritten]);
  const head = (space) => [new Uint8Array(32).fill(space), 0, new Uint8Array(32)];
  const verdict = (...given) => verdictOf(() => decodeStatement(written(...given)));
  assert.deepEqual([verdict(), verdict([["a", "1"], ["b", "1"]], [head(1), head(2)])], [null, null]);
  for (const given of [[[["b", "1"], ["a", "1"]]], [[["a", "1"], ["a", "2"]]], [[["a", 1]]], [[], [head(2), head(1)]], [[], [head(1), head(1)]], [[], [], 256]]) {
    assert.equal(verdict(...given), "malformed");
  }
  assert.deepEqual([verdict([], [], 2), verdict([], [], 0), verdict([], [], 1, 3), verdict([], [], 1, 0)], Array(4).fill("needs_newer"));
});

test("a statement holds for the institution in which its device had keys, whatever became of it, and for no other", async () => {
  const { world, anna, beat, carla, house, other, annas, beats, team } = await houses();
  const heads = named(world, [house, annas, team]);
  const holds = (who, at, institution = house) => verdictOf(() => verifyStatement(world.logs, institution, said(), signed(who, at)));
  assert.deepEqual(verifyStatement(world.logs, house, said(), signed(anna, heads)), { device: anna.id, persons: [annas], signedAtMs: 5 });
  assert.equal(holds(beat, named(world, [other, beats]), other), null);
  assert.equal(holds(anna, heads, other), "not_of_the_institution");
  assert.equal(holds(anna, heads, team), "not_of_the_institution", "no institution");
  assert.equal(holds(anna, named(world, [annas, team])), "not_of_the_institution", "the heads do not come after its log");
  assert.equal(holds(carla, named(world)), "not_of_the_institution", "she holds no key");
  assert.equal(holds(beat, named(world)), "not_of_the_institution");
  const beginning = { space: house, index: 0, operation: world.logs.operationAt(house, 0).id };
  assert.equal(holds(beat, [beginning]), "unknown_signer");
  assert.equal(holds(anna, named(world, [house])), null, "it comes after the others by its references");
  world.write(annas, anna, [effects.close()]);
  world.write(team, anna, [effects.addSpace(beats, "manage")]);
  world.write(team, beat, [effects.removeMember(annas)]);
  assert.equal(holds(anna, heads), null);
  assert.equal(holds(anna, named(world)), "not_of_the_institution");
});

test("a founder without a grant has no role with keys in the institution", async () => {
  const world = new World();
  const anna = await device();
  const house = world.found(anna, [effects.create("institution", { founder: anna })]);
  assert.equal(verdictOf(() => verifyStatement(world.logs, house, said(), signed(anna, named(world)))), "not_of_the_institution");
});

test("what was signed is the kind, the space, the entry, every field, the device, the time and the heads", async () => {
  const { world, anna, beat, house, annas, team } = await houses();
  const heads = named(world, [house, annas, team]);
  const verdict = (statement, changed) => verdictOf(() => verifyStatement(world.logs, house, statement, signed(anna, heads, said(), changed)));
  assert.equal(verdict(said(), {}), null);
  const { fields } = said();
  const others = [
    { kind: PLAN_AGREEMENT }, { space: "62".repeat(32) }, { entry: "e2" }, { fields: { ...fields, day: "2026-02-01" } },
    { fields: { ...fields, note: "" } }, { fields: { what: fields.what } },
  ];
  for (const other of others) assert.equal(verdict(said(other), {}), "bad_signature", JSON.stringify(other));
  const changes = [{ signedAtMs: 6 }, { heads: named(world, [house]) }, { device: beat.id, heads: named(world) }, { signature: new Uint8Array(64) }];
  for (const changed of changes) assert.equal(verdict(said(), changed), "bad_signature", Object.keys(changed).join());
});

test("the first that is not so gives the word: form, version, heads, signer, signature, institution", async () => {
  const { world, anna, beat, house, other } = await houses();
  const heads = named(world);
  const verdict = (changed, who = anna, institution = house, logs = world.logs) =>
    verdictOf(() => verifyStatement(logs, institution, said(), signed(who, changed.heads ?? heads, said(), changed)));
  const unknown = { ...heads[0], operation: "ab".repeat(32) };
  const elsewhere = { ...heads[0], index: heads[0].index + 1 };
  assert.equal(verdict({ version: 2, heads: heads.toReversed() }), "needs_newer");
  assert.equal(verdict({ version: 256 }), "malformed");
  assert.equal(verdict({ heads: [unknown, ...heads.toReversed()] }), "malformed");
  assert.equal(verdict({ heads: [heads[0], heads[0]] }), "malformed");
  for (const head of [unknown, elsewhere]) assert.equal(verdict({ heads: [head], device: "00".repeat(32) }), "unknown_log");
  assert.equal(verdict({}, anna, house, new Logs()), "unknown_log");
  assert.equal(verdict({ heads: [], device: anna.id }), "unknown_signer");
  assert.equal(verdict({ device: "00".repeat(32), signature: new Uint8Array(64) }), "unknown_signer");
  assert.equal(verdict({ signature: new Uint8Array(64) }, beat), "bad_signature");
  assert.equal(verdict({}, anna, other), "not_of_the_institution");
});

test("the logs are judged as the heads say, and not as they stand", async () => {
  const { world, anna, house, annas } = await houses();
  const before = named(world);
  const second = await device();
  world.write(annas, anna, [effects.addDevice(second, annas)]);
  const verdict = (heads) => verdictOf(() => verifyStatement(world.logs, house, said(), signed(second, heads)));
  assert.deepEqual([verdict(before), verdict(named(world))], ["unknown_signer", null]);
});

test("a signature has its exact form, and stands in base64 with padding, within its limit", async () => {
  const head = (space) => ({ space: space.toString(16).padStart(64, "0"), index: 1, operation: "00".repeat(32) });
  const one = (count) => signatureBytes({ device: "07".repeat(32), signedAtMs: 1, signature: fresh(64), heads: Array.from({ length: count }, (_, index) => head(index)) });
  const good = one(2);
  requireOnlyEncoding(good);
  const stored = Buffer.from(good).toString("base64");
  assert.deepEqual(readStoredSignature(stored), decodeSignature(good));
  const changed = [stored.replace(/=+$/, ""), ` ${stored}`, `${stored}\n`, `${stored}AAAA`, stored.slice(4), ""];
  for (const each of [...changed, Buffer.from(good).toString("base64url")]) {
    if (each !== stored) assert.equal(verdictOf(() => readStoredSignature(each)), "malformed", each);
  }
  const cut = good.subarray(0, -1);
  for (const each of [cut, Uint8Array.of(), encode([1]), encode([1, fresh(32), 1, [], fresh(64), 1]), encode([1, fresh(31), 1, [], fresh(64)])]) {
    assert.equal(verdictOf(() => decodeSignature(each)), "malformed");
  }
  assert.equal(verdictOf(() => decodeSignature(one(150))), null);
  assert.equal(verdictOf(() => decodeSignature(one(200))), "malformed");
});
