/** What follows from a bundle file alone (PROTOCOL §29): the keys in its head, what counts, and what has no receipt. */
import test from "node:test";
import assert from "node:assert/strict";
import { readHandedOver } from "../src/handed-over.js";
import { concat, fromHex, toHex, u32BigEndian, utf8 } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { wrapInfo } from "../src/keys.js";
import { digest } from "../src/primitives.js";
import { device, effects, fresh } from "./fixture.js";
import { Pen, Scribe, sealHybrid } from "./scribe.js";

/** Anna in an institution in a network, with a paper; what the network's document says stands in one edit. */
async function office() {
  const world = new Scribe();
  const [anna, paper, zoe] = [await device(), await device(), await device()];
  const person = world.person(anna);
  world.write(person, anna, [effects.addDevice(paper, person)]);
  const epoch = await world.begin(person, anna);
  const institution = world.found(anna, [effects.create("institution"), effects.addSpace(person, "manage")]);
  await world.begin(institution, anna);
  const network = world.found(anna, [effects.create("network"), effects.addSpace(institution, "manage"), effects.setRelay(world.relayKey)]);
  await world.begin(network, anna);
  const pen = new Pen(network, anna);
  const first = world.edit(network, anna, pen, (doc) => (doc.network.card = "Langnau"));
  return { world, anna, paper, zoe, person, institution, network, epoch, pen, first };
}

/** What a writer has at hand that is not the paper's device: every wrap but those for the paper. */
const withoutWrapsFor = (items, { id }) =>
  items.map(([kind, bytes, wraps, receipt]) => [kind, bytes, wraps.filter(([recipient]) => toHex(recipient) !== id), receipt]);

async function keyFor({ world, person, paper }, epoch, { keyId = epoch.id, space = person, to = paper } = {}) {
  const info = wrapInfo(world.state(person).nonce, keyId, to.id, to.id);
  return [fromHex(space), fromHex(keyId), [fromHex(to.id), await sealHybrid(to.keys.kem, info, epoch.seed)]];
}

function bundleOf({ world, network, anna, paper }, keys, items = withoutWrapsFor(world.items, paper)) {
  const head = [1, fromHex(network), fromHex(anna.id), 1, true, keys];
  const parts = [head, ...items].map((part) => encode(part));
  const body = concat(utf8("nahtlos-bundle-v1\n"), ...parts.flatMap((part) => [u32BigEndian(part.length), part]), new Uint8Array(4));
  return concat(body, digest(body));
}

const openWith = (made, file, who = made.paper) => readHandedOver(file, { network: made.network, seed: who.masterSeed });
const open = async (...given) => (await openWith(...given)).reading;
/** What becomes of the last items of a file. */
const lastWords = async (made, items, count, keys = []) => (await openWith(made, bundleOf(made, keys, items))).becomes.slice(-count);
const card = (reading, { network }) => reading.spaces.get(network).document.toJson().network.card;

/** An item as one who never met a relay hands it over, or with a receipt that says nothing. */
const bare = ([kind, bytes, wraps]) => [kind, bytes, wraps];

test("the key in the head opens the person's epoch for the device it is wrapped to, and all that hangs on it", async () => {
  const made = await office();
  const key = await keyFor(made, made.epoch);
  const without = await open(made, bundleOf(made, []));
  assert.equal(without.keyring.epoch(made.person, made.epoch.id), null);
  assert.equal(card(without, made), undefined);
  const reading = await open(made, bundleOf(made, [key]));
  assert.deepEqual([card(reading, made), reading.problems, reading.keyring.failures, reading.carrying.becomes.size], ["Langnau", [], [], 0]);
  await assert.rejects(open(made, bundleOf(made, [key]), made.zoe), { code: "bundle_not_for_paper" });
  await assert.rejects(readHandedOver(bundleOf(made, [key]), { network: made.person, seed: made.paper.masterSeed }), { code: "bundle_other_network" });
});

test("a key in the head opens nothing where the person's log knows no such key id, or the seed is another's", async () => {
  const made = await office();
  const unknown = { ...made.epoch, id: "ab".repeat(32) };
  const other = { id: made.epoch.id, seed: fresh(32) };
  for (const [key, failures] of [
    [await keyFor(made, made.epoch, { keyId: unknown.id }), []],
    [await keyFor(made, made.epoch, { space: "cd".repeat(32) }), []],
    [await keyFor(made, other), ["other_epoch"]],
    [(await keyFor(made, made.epoch)).with(2, [fromHex(made.paper.id), new Uint8Array(1168)]), ["does_not_open"]],
    [(await keyFor(made, made.epoch)).with(2, [fromHex(made.paper.id), new Uint8Array(4)]), ["wrong_length"]],
  ]) {
    const reading = await open(made, bundleOf(made, [key]));
    assert.equal(card(reading, made), undefined);
    assert.deepEqual(reading.keyring.failures.map(({ code }) => code), failures);
  }
});

const shownCard = ({ carrying }, { network }) => carrying.shown.get(network)?.toJson().network.card;

test("an edit without a receipt, or with one that does not verify, is shown above the document and counts in nothing", async () => {
  const made = await office();
  const key = await keyFor(made, made.epoch);
  made.world.edit(made.network, made.anna, made.pen, (doc) => (doc.network.card = "Bern"), { parents: [made.first] });
  const items = withoutWrapsFor(made.world.items, made.paper);
  const last = items.at(-1);
  const forged = last.with(3, items[0][3]);
  assert.equal(card(await open(made, bundleOf(made, [key], items)), made), "Bern");
  for (const late of [bare(last), forged]) {
    const { reading, becomes } = await openWith(made, bundleOf(made, [key], [late, ...items.slice(0, -1)]));
    assert.deepEqual([card(reading, made), shownCard(reading, made), becomes[0], reading.problems], ["Langnau", "Bern", "shown", []]);
    assert.ok(becomes.slice(1).every((word) => word === "received"));
  }
  const twice = await openWith(made, bundleOf(made, [key], [bare(last), ...items, last]));
  assert.deepEqual([card(twice.reading, made), twice.becomes.at(0), twice.becomes.at(-2), twice.becomes.at(-1)], ["Bern", "known", "received", "known"]);
  const damaged = last[1].with(-1, last[1].at(-1) ^ 1);
  assert.deepEqual(await lastWords(made, [...items, [2, damaged, []]], 1, [key]), ["dropped"]);
  assert.deepEqual(await lastWords(made, [...items.slice(0, -1), [2, damaged, []]], 1, [key]), ["bad_signature"]);
  assert.deepEqual(await lastWords(made, [...items.slice(0, -1), bare(last)], 1), ["not_shown"], "without its key");
});

test("what is carried is shown in the order in which one builds on the other, and makes room for what was received instead", async () => {
  const made = await office();
  const { world, network, anna, pen, first } = made;
  const key = await keyFor(made, made.epoch);
  const known = withoutWrapsFor(world.items, made.paper);
  const second = world.edit(network, anna, pen, (doc) => (doc.network.card = "Bern"), { parents: [first] });
  world.edit(network, anna, pen, (doc) => (doc.network.canton = "BE"), { parents: [second] });
  const [one, two] = world.items.slice(-2);
  assert.deepEqual(await lastWords(made, [...known, bare(two), bare(one)], 2, [key]), ["shown", "shown"]);
  assert.deepEqual(await lastWords(made, [...known, bare(two)], 1, [key]), ["not_shown"]);
  assert.deepEqual(await lastWords(made, [...known, one, bare(two)], 2, [key]), ["received", "shown"]);
  assert.deepEqual(await lastWords(made, [...known, bare(one), two], 2, [key]), ["dropped", "received_instead"], "a higher number of its author");
  assert.deepEqual(await lastWords(made, [...known, bare(one), bare(one)], 2, [key]), ["shown", "known"]);
});

test("an edit is shown only where its author may write still; what others than edits say is carried and not shown", async () => {
  const made = await office();
  const { world, network, anna, zoe, institution, pen, first } = made;
  const key = await keyFor(made, made.epoch);
  const zoes = world.person(zoe);
  world.write(institution, anna, [effects.addSpace(zoes, "write")]);
  await world.begin(zoes, zoe);
  await world.begin(institution, anna);
  await world.begin(network, anna);
  const epoch = world.seeds.get(world.state(network).epochs.at(-1).keyId);
  const zoesPen = new Pen(network, zoe);
  zoesPen.read(pen);
  world.edit(network, zoe, zoesPen, (doc) => (doc.network.card = "Bern"), { parents: [first] });
  world.judge("erasure", network, anna, first, []);
  const [edit, erasure] = world.items.splice(-2).map(bare);
  assert.deepEqual(await lastWords(made, [...withoutWrapsFor(world.items, made.paper), edit, erasure], 2, [key]), ["shown", "not_shown"]);
  assert.equal(epoch.id, world.state(network).epochs.at(-1).keyId);
  world.write(institution, anna, [effects.removeMember(zoes)]);
  assert.deepEqual(await lastWords(made, [...withoutWrapsFor(world.items, made.paper), edit], 1, [key]), ["not_shown"]);
});

test("an operation without a receipt is taken in a section that is new, by an author with a content role in the network, and nowhere else", async () => {
  const made = await office();
  const { world, anna, zoe, person, institution } = made;
  const before = world.items.length;
  const written = (from) => world.items.slice(from).map(bare);
  const known = world.items.slice(0, before);
  const section = world.found(anna, [effects.create("section"), effects.addSpace(person, "manage")]);
  world.write(section, anna, [effects.invite(fresh(32), "read")]);
  world.write(section, anna, [effects.close()]);
  const [founding, second, third] = written(before);
  for (const order of [[founding, second, third], [third, second, founding], [second, founding, third]]) {
    const { reading, becomes } = await openWith(made, bundleOf(made, [], [...order, ...known]));
    assert.deepEqual([becomes.slice(0, 3), reading.problems], [Array(3).fill("taken"), []]);
    assert.equal(reading.logs.length(section), 3);
  }
  assert.deepEqual(await lastWords(made, [...known, second], 1), ["waits"]);
  assert.deepEqual(await lastWords(made, [...known, world.items[before], second], 2), ["received", "no_receipt"]);
  const since = world.items.length;
  world.write(institution, anna, [effects.invite(fresh(32), "read")], { references: [] });
  const zoes = world.found(zoe, [effects.create("person"), effects.addDevice(zoe, null)], { references: [] });
  for (const item of written(since)) assert.deepEqual(await lastWords(made, [...known, item], 1), ["no_receipt"]);
  const received = world.items.slice(since);
  const late = world.items.length;
  world.found(zoe, [effects.create("section", { founder: zoe })], { references: [] });
  const [foreign] = written(late);
  assert.deepEqual(await lastWords(made, [...known, foreign], 1), ["not_admitted"]);
  world.write(institution, anna, [effects.addSpace(zoes, "administer")], { references: world.heads(null, [zoes]) });
  assert.deepEqual(await lastWords(made, [...known, ...received, world.items.at(-1), foreign], 1), ["not_admitted"], "to administer alone is no content role");
});

test("an operation that does not replay waits, or is refused by the word that says why", async () => {
  const made = await office();
  const { world, anna, person, zoe } = made;
  const known = [...world.items];
  const section = world.found(anna, [effects.create("section"), effects.addSpace(person, "manage")]);
  const founding = bare(world.items.at(-1));
  const item = ({ bodyBytes, signature }) => [1, encode([bodyBytes, signature]), []];
  const next = (written, options) => item(world.sign(section, anna, written, options));
  const invitation = () => [effects.invite(fresh(32), "read")];
  const [one, other] = [next(invitation()), next(invitation())];
  const words = (...items) => lastWords(made, [...known, founding, ...items], items.length);
  assert.deepEqual(await words(one, other), ["taken", "place_taken"]);
  const { bodyBytes, signature } = world.sign(section, anna, invitation());
  assert.deepEqual(await words([1, encode([bodyBytes, signature.with(0, signature[0] ^ 1)]), []]), ["bad_signature"]);
  assert.deepEqual(await words(item(world.sign(section, zoe, invitation()))), ["invalid"], "an author whom no log names");
  assert.deepEqual(await words(next([effects.expire(fresh())])), ["invalid"]);
  assert.deepEqual(await words(next(invitation(), { references: [[fresh(32), 0, fresh(32)]] })), ["waits"]);
  assert.deepEqual(await words(next(invitation(), { body: { 3: 2 } })), ["waits"]);
  assert.deepEqual(await words(next(invitation(), { body: { 4: fresh(32) } })), ["waits"], "it follows another operation than the last");
  assert.deepEqual(await words([1, Uint8Array.of(1, 2, 128), []]), ["left_out"]);
  assert.deepEqual(await words(item(world.sign(null, made.paper, [effects.create("section", { founder: made.paper })]))), ["known"], "the reader's own");
});

test("an envelope of a space that the device does not read is left out, with a receipt too, where the log is here as far as it says", async () => {
  const made = await office();
  const { world, zoe } = made;
  const known = [...world.items];
  const section = world.found(zoe, [effects.create("section", { founder: zoe })], { references: [] });
  const log = [...world.items.slice(known.length)];
  const founded = world.heads(null, [section]);
  const sealed = (heads) => {
    const epoch = world.seeds.values().next().value;
    world.seal("erasure", section, zoe, [[], []], { heads, epoch });
    return world.items.pop();
  };
  const [named, silent] = [sealed(founded), sealed(world.heads(null, [made.network]))];
  const beyond = sealed([[founded[0][0], 1, fresh(32)]]);
  for (const each of [named, silent]) {
    for (const item of [each, bare(each)]) assert.deepEqual(await lastWords(made, [...known, ...log, item], 1), ["not_shared"]);
  }
  assert.deepEqual(await lastWords(made, [...known, ...log, bare(beyond)], 1), ["not_shown"]);
  assert.deepEqual(await lastWords(made, [...known, bare(named)], 1), ["not_shown"], "the log is not here");
});

test("the wraps beside an operation without a receipt open its epoch as those of any other", async () => {
  const made = await office();
  const { world, anna, person } = made;
  const before = world.items.length;
  const section = world.found(anna, [effects.create("section"), effects.addSpace(person, "manage")]);
  const epoch = await world.begin(section, anna);
  const items = withoutWrapsFor(world.items, made.paper);
  const file = bundleOf(made, [await keyFor(made, made.epoch)], [...items.slice(0, before), ...items.slice(before).map(bare)]);
  const reading = await open(made, file);
  assert.deepEqual([reading.problems, reading.carrying.taken.size], [[], 2]);
  assert.equal(reading.keyring.epoch(section, epoch.id)?.id, epoch.id);
});
