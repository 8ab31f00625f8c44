/** What follows from a bundle file alone (PROTOCOL §29): the keys in its head, what counts, and what has no receipt. */
import test from "node:test";
import assert from "node:assert/strict";
import { readHandedOver } from "../src/handed-over.js";
import { concat, fromHex, toHex, u32BigEndian, utf8 } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { operationId } from "../src/identifiers.js";
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

const open = (made, file, who = made.paper) => readHandedOver(file, { network: made.network, seed: who.masterSeed });
const card = (reading, { network }) => reading.spaces.get(network).document.toJson().network.card;
const codes = (reading) => reading.problems.map(({ code }) => code);

/** An item as one who never met a relay hands it over, or with a receipt that says nothing. */
const bare = ([kind, bytes, wraps]) => [kind, bytes, wraps];

test("the key in the head opens the person's epoch for the device it is wrapped to, and all that hangs on it", async () => {
  const made = await office();
  const key = await keyFor(made, made.epoch);
  const without = await open(made, bundleOf(made, []));
  assert.equal(without.keyring.epoch(made.person, made.epoch.id), null);
  assert.equal(card(without, made), undefined);
  const reading = await open(made, bundleOf(made, [key]));
  assert.deepEqual([card(reading, made), reading.problems, reading.keyring.failures, reading.carried], ["Langnau", [], [], []]);
  const stranger = await open(made, bundleOf(made, [key]), made.zoe);
  assert.equal(card(stranger, made), undefined);
  await assert.rejects(readHandedOver(bundleOf(made, [key]), { network: made.person, seed: made.paper.masterSeed }), { code: "other_network" });
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

test("an envelope without a receipt, or with one that does not verify, is carried and counts in nothing", async () => {
  const made = await office();
  const key = await keyFor(made, made.epoch);
  made.world.edit(made.network, made.anna, made.pen, (doc) => (doc.network.card = "Bern"), { parents: [made.first] });
  const items = withoutWrapsFor(made.world.items, made.paper);
  const last = items.at(-1);
  const forged = last.with(3, items[0][3]);
  assert.equal(card(await open(made, bundleOf(made, [key], items)), made), "Bern");
  for (const late of [bare(last), forged]) {
    const reading = await open(made, bundleOf(made, [key], [late, ...items.slice(0, -1)]));
    assert.equal(card(reading, made), "Langnau");
    assert.deepEqual(reading.carried.map(({ what, space, author }) => [what, space, author]), [["envelope", made.network, made.anna.id]]);
    assert.deepEqual(reading.problems, []);
  }
  const twice = await open(made, bundleOf(made, [key], [bare(last), ...items]));
  assert.deepEqual([card(twice, made), twice.carried], ["Bern", []]);
  const damaged = last[1].with(-1, last[1].at(-1) ^ 1);
  assert.deepEqual(codes(await open(made, bundleOf(made, [key], [...items, [2, damaged, []]]))), ["bad_signature"]);
});

test("an operation without a receipt is taken in a section that is new, by an author with a right in the network, and nowhere else", async () => {
  const made = await office();
  const { world, anna, zoe, person, institution } = made;
  const before = world.items.length;
  const written = (from) => world.items.slice(from).map(bare);
  const known = world.items.slice(0, before);
  const section = world.found(anna, [effects.create("section"), effects.addSpace(person, "manage")]);
  world.write(section, anna, [effects.close()]);
  const [founding, second] = written(before);
  const idsOf = (reading) => reading.carried.map(({ id }) => id);
  const ids = [founding, second].map(([, bytes]) => operationId(bytes));
  for (const order of [[founding, second], [second, founding]]) {
    const reading = await open(made, bundleOf(made, [], [...order, ...known]));
    assert.deepEqual([idsOf(reading).sort(), codes(reading)], [[...ids].sort(), []]);
    assert.equal(reading.logs.length(section), 2);
  }
  const alone = await open(made, bundleOf(made, [], [...known, second]));
  assert.deepEqual([idsOf(alone), codes(alone)], [[], ["not_next"]]);
  const onReceived = await open(made, bundleOf(made, [], [...known, world.items[before], second]));
  assert.deepEqual([idsOf(onReceived), codes(onReceived)], [[], ["no_receipt"]]);
  const since = world.items.length;
  world.write(institution, anna, [effects.invite(fresh(32), "read")]);
  world.found(zoe, [effects.create("person"), effects.addDevice(zoe, null)]);
  for (const item of written(since)) {
    const reading = await open(made, bundleOf(made, [], [...known, item]));
    assert.deepEqual([idsOf(reading), codes(reading)], [[], ["no_receipt"]]);
  }
  const late = world.items.length;
  world.found(zoe, [effects.create("section", { founder: zoe })], { references: [] });
  const foreign = await open(made, bundleOf(made, [], [...known, ...written(late)]));
  assert.deepEqual([idsOf(foreign), codes(foreign)], [[], ["no_receipt"]]);
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
  assert.deepEqual([reading.problems, reading.carried.length], [[], 2]);
  assert.equal(reading.keyring.epoch(section, epoch.id)?.id, epoch.id);
});
