import test from "node:test";
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { readBundle } from "../src/bundle.js";
import { Reading } from "../src/reading.js";
import { report } from "../src/report.js";
import { device, effects, fresh } from "./fixture.js";
import { Pen, Scribe } from "./scribe.js";

const program = fileURLToPath(new URL("../reader.js", import.meta.url));

/** Two institutions of one person each in a network, all with keys; Anna manages, Beat writes. */
async function network() {
  const world = new Scribe();
  const [anna, beat] = [await device(), await device()];
  const [annas, beats] = [world.person(anna), world.person(beat)];
  const annasOffice = world.found(anna, [effects.create("institution"), effects.addSpace(annas, "manage")]);
  const beatsOffice = world.found(beat, [effects.create("institution"), effects.addSpace(beats, "manage")]);
  for (const [space, who] of [[annas, anna], [beats, beat], [annasOffice, anna], [beatsOffice, beat]]) await world.begin(space, who);
  const id = world.found(anna, [
    effects.create("network"), effects.addSpace(annasOffice, "manage"), effects.addSpace(beatsOffice, "write"),
    effects.setRelay(world.relayKey),
  ]);
  await world.begin(id, anna, { symmetricTo: [annasOffice] });
  return { world, anna, beat, annas, beats, annasOffice, beatsOffice, id };
}

async function read(world, id, who) {
  const reading = await Reading.of(readBundle(world.bundle(id, who.masterSeed)));
  const json = report(reading);
  return { json, space: json.spaces[id], problems: json.problems };
}

test("a member's bundle opens down to the directory's JSON, through hybrid and symmetric wraps", async () => {
  const { world, anna, beat, id } = await network();
  const [annasPen, beatsPen] = [new Pen(id, anna), new Pen(id, beat)];
  const first = world.edit(id, anna, annasPen, (doc) => (doc.network.card = "Langnau"));
  beatsPen.read(annasPen);
  world.edit(id, beat, beatsPen, (doc) => (doc.people.x = "Beat"), { parents: [first] });
  for (const who of [anna, beat]) {
    const { json, space, problems } = await read(world, id, who);
    assert.deepEqual(problems, []);
    assert.deepEqual(json.keys_not_opened, []);
    assert.deepEqual(space.document, { institutions: {}, network: { card: "Langnau" }, people: { x: "Beat" }, teams: {} });
    assert.deepEqual(Object.values(space.envelopes).map((each) => each.verdict), ["counts", "counts"]);
  }
  const stranger = await read(world, id, await device());
  assert.equal(stranger.space.epochs[0].opened, false);
  assert.deepEqual(stranger.space.document.network, {});
  assert.deepEqual(stranger.problems, []);
  assert.equal(stranger.json.unread.length, 2);
});

test("the program prints the same, and says what is wrong with a bundle it cannot read", async () => {
  const { world, anna, id } = await network();
  world.edit(id, anna, new Pen(id, anna), (doc) => (doc.network.card = "Langnau"));
  const directory = world.bundle(id, anna.masterSeed);
  const printed = JSON.parse(execFileSync("node", [program, directory], { encoding: "utf8" }));
  assert.equal(printed.spaces[id].document.network.card, "Langnau");
  for (const wrong of [[], [directory, directory], [`${directory}/nowhere`], [directory, "--no-such-option"]]) {
    const { status, stderr } = spawnSync("node", [program, ...wrong], { encoding: "utf8" });
    assert.equal(status, 2);
    assert.notEqual(stderr, "");
  }
});

test("an epoch before this one opens through the history link, and not past a cut", async () => {
  const { world, anna, beat, id } = await network();
  const opened = async () => (await read(world, id, beat)).space.epochs.map((each) => each.opened);
  await world.begin(id, anna);
  assert.deepEqual(await opened(), [true, true]);
  await world.begin(id, anna, { cut: true });
  const carla = await device();
  const carlas = world.person(carla);
  const office = world.found(carla, [effects.create("institution"), effects.addSpace(carlas, "manage")]);
  await world.begin(id, anna, { effectsBefore: [effects.setRole(grantOf(world, id, 1), "read")] });
  assert.deepEqual(await opened(), [true, true, true, true]);
  world.write(id, anna, [effects.addSpace(office, "read")]);
  await world.begin(id, anna);
  const { space } = await read(world, id, carla);
  assert.deepEqual(space.epochs.map((each) => each.opened), [false, false, true, true, true]);
});

function grantOf(world, space, position) {
  return Buffer.from([...world.state(space).grants.keys()][position], "hex");
}

/** Beat is removed from the network at once with an edit of his that does not know it. */
async function concurrentRemoval({ editFirst, journal }) {
  const made = await network();
  const { world, anna, beat, beatsOffice, id } = made;
  const heads = world.heads(null);
  const pen = new Pen(id, beat);
  const edit = () => world.edit(id, beat, pen, (doc) => (doc.people.x = "late"), { heads, journal });
  const remove = () => world.write(id, anna, [effects.removeMember(beatsOffice, 1)]);
  let envelope;
  if (editFirst) {
    envelope = edit();
    remove();
  } else {
    remove();
    envelope = edit();
  }
  return { ...made, envelope, pen };
}

const verdictOf = async (world, id, who, envelope) => (await read(world, id, who)).space.envelopes[envelope];

test("an edit that the relay took in before its author's removal counts provisionally, one after it is held", async () => {
  const early = await concurrentRemoval({ editFirst: true });
  assert.deepEqual(await verdictOf(early.world, early.id, early.anna, early.envelope), { verdict: "provisional", reason: null });
  const late = await concurrentRemoval({ editFirst: false });
  assert.deepEqual(await verdictOf(late.world, late.id, late.anna, late.envelope), { verdict: "held", reason: "access_ended" });
  assert.deepEqual((await read(late.world, late.id, late.anna)).space.document.people, {});
});

test("an edit that somebody entitled has built on counts with it, though its author's right has ended", async () => {
  const { world, anna, id, envelope, pen } = await concurrentRemoval({ editFirst: false });
  const annasPen = new Pen(id, anna);
  annasPen.read(pen);
  world.edit(id, anna, annasPen, (doc) => (doc.people.y = "adopted"), { parents: [envelope] });
  assert.deepEqual(await verdictOf(world, id, anna, envelope), { verdict: "vouched", reason: null });
  assert.deepEqual((await read(world, id, anna)).space.document.people, { x: "late", y: "adopted" });
});

test("an edit counts no longer once somebody who knew of the removal has written without it", async () => {
  const { world, anna, id, envelope } = await concurrentRemoval({ editFirst: true });
  world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.y = "after"));
  assert.equal((await verdictOf(world, id, anna, envelope)).verdict, "held");
});

test("a voided edit does not count, nor what builds on it", async () => {
  const { world, anna, id } = await network();
  const pen = new Pen(id, anna);
  const first = world.edit(id, anna, pen, (doc) => (doc.people.a = 1));
  const second = world.edit(id, anna, pen, (doc) => (doc.people.b = 2), { parents: [first] });
  const other = world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.c = 3));
  world.write(id, anna, [effects.void([first], [])]);
  const { space } = await read(world, id, anna);
  assert.deepEqual(space.envelopes[first], { verdict: "held", reason: "voided" });
  assert.deepEqual(space.envelopes[second], { verdict: "held", reason: "builds_on_voided" });
  assert.equal(space.envelopes[other].verdict, "counts");
  assert.deepEqual(space.document.people, { c: 3 });
});

test("an edit after the closing is held, one before it that nobody took in later counts provisionally", async () => {
  const { world, anna, id } = await network();
  const heads = world.heads(null);
  const before = world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.a = 1));
  world.write(id, anna, [effects.close()]);
  const unaware = world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.b = 2), { heads });
  const { space } = await read(world, id, anna);
  assert.equal(space.envelopes[before].verdict, "provisional");
  assert.deepEqual(space.envelopes[unaware], { verdict: "held", reason: "closed" });
});

test("an envelope by a stranger, or by a reader, never counts; a changed one does not verify", async () => {
  const { world, anna, beat, id } = await network();
  world.write(id, anna, [effects.setRole(grantOf(world, id, 1), "read")]);
  const byReader = world.edit(id, beat, new Pen(id, beat), (doc) => (doc.people.a = 1));
  assert.deepEqual(await verdictOf(world, id, anna, byReader), { verdict: "held", reason: "never_entitled" });
  const good = world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.b = 1));
  assert.deepEqual((await read(world, id, anna)).space.document.people, { b: 1 });
  const changed = Uint8Array.from(world.items.at(-1)[1]);
  changed[changed.length - 80] ^= 1;
  world.items.push([2, changed, [], world.items.at(-1)[3]]);
  const { space, problems } = await read(world, id, anna);
  assert.equal(space.envelopes[good].verdict, "counts");
  assert.deepEqual(problems.map((each) => each.code).sort(), ["bad_receipt", "bad_signature"]);
});

test("an edit whose author was never entitled counts with an entitled one that builds on it", async () => {
  const { world, anna, beat, id } = await network();
  world.write(id, anna, [effects.setRole(grantOf(world, id, 1), "read")]);
  const [beatsPen, annasPen] = [new Pen(id, beat), new Pen(id, anna)];
  const byReader = world.edit(id, beat, beatsPen, (doc) => (doc.people.a = 1));
  annasPen.read(beatsPen);
  world.edit(id, anna, annasPen, (doc) => (doc.people.b = 1), { parents: [byReader] });
  const { space } = await read(world, id, anna);
  assert.deepEqual(space.envelopes[byReader], { verdict: "vouched", reason: null });
  assert.deepEqual(space.document.people, { a: 1, b: 1 });
});

test("two envelopes of one author with one number show a cloned device", async () => {
  const { world, anna, id } = await network();
  const first = world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.a = 1));
  assert.deepEqual((await read(world, id, anna)).space.clones, []);
  world.sequences.set(anna.id, 0);
  const second = world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.b = 1));
  assert.deepEqual((await read(world, id, anna)).space.clones, [[first, second].sort()]);
});

test("a wrap other than the one its operation signs is not used, and hides nothing else", async () => {
  const { world, anna, annas, id } = await network();
  const item = world.items.find(([, , wraps]) => wraps.length > 0);
  item[2][0][1] = fresh(1168);
  const { json } = await read(world, id, anna);
  assert.equal(json.spaces[annas].epochs[0].opened, false);
  assert.equal(json.spaces[id].length, 2);
});
