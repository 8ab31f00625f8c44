/** Which snapshot a document begins with where originals are gone, and what refutes one (PROTOCOL §16). */
import test from "node:test";
import assert from "node:assert/strict";
import { PERSON_CONTAINERS } from "../src/document.js";
import { effects, fromHex, grantIdOf } from "./fixture.js";
import { offices, readAs, written } from "./offices.js";
import { Pen } from "./scribe.js";

/** A snapshot of Anna's with an attest of Beat's; `wrong` replaces what it says. @returns {string} its id */
function attested({ world, id, anna, beat }, pen, honest, wrong = {}) {
  const said = { ...honest, ...wrong };
  const snapshot = world.snapshot(id, anna, pen, said);
  world.judge("attest", id, beat, snapshot, said.heads ?? pen.heads());
  return snapshot;
}

async function passedOver({ world, id, anna }) {
  const { reading, people } = await readAs(world, id, anna);
  return { people, codes: Object.fromEntries(reading.passedOver.map((each) => [each.id, each.code])) };
}

test("a document begins with an attested snapshot, and what builds on what it covers is applied", async () => {
  const made = await offices();
  const { world, id, carla } = made;
  const { carlasPen, one, two, honest } = written(made);
  const snapshot = attested(made, carlasPen, honest);
  world.edit(id, carla, carlasPen, (doc) => (doc.people.three = 3), { parents: [two] });
  world.drop(one, two);
  const { people, problems, json, space } = await readAs(world, id, carla);
  assert.deepEqual([people, problems, json.unread, json.snapshots_passed_over], [{ one: 1, two: 2, three: 3 }, [], [], []]);
  assert.equal(space.envelopes[snapshot].verdict, "counts");
});

test("an attest is heard only from who is independent, with the snapshot's heads in their order, and where it opens", async () => {
  for (const [who, heads, isHeard] of [
    ["beat", (own) => own, true],
    ["carla", (own) => own, false],
    ["anna", (own) => own, false],
    ["beat", (own) => own.toReversed(), false],
    ["beat", (own) => own.slice(1), false],
    ["beat", () => ["00"], false],
  ]) {
    const made = await offices();
    const { world, id, anna } = made;
    const { annasPen, carlasPen, one, two } = written(made);
    const other = world.edit(id, made.carla, carlasPen, (doc) => (doc.people.three = 3), { parents: [two] });
    const beside = world.edit(id, anna, annasPen, (doc) => (doc.people.four = 4), { parents: [two] });
    annasPen.read(carlasPen);
    const said = {
      parents: [other, beside].sort(), covered: [one, two, other, beside].sort(),
      actors: [annasPen.named, carlasPen.named].sort((left, right) => Buffer.compare(left[0], right[0])),
    };
    const snapshot = world.snapshot(id, anna, annasPen, said);
    world.judge("attest", id, made[who], snapshot, heads(annasPen.heads()));
    world.drop(one, two, other, beside);
    const { codes, people } = await passedOver(made);
    assert.deepEqual(codes, isHeard ? {} : { [snapshot]: "not_attested" }, `${who} ${heads}`);
    assert.deepEqual(Object.keys(people), isHeard ? ["four", "one", "three", "two"] : []);
  }
});

test("one dispute is enough, whoever's it is and whatever heads it holds, but only one that counts", async () => {
  for (const [role, code] of [["read", "disputed"], [null, undefined]]) {
    const made = await offices();
    const { world, id, anna, beat, second } = made;
    const { carlasPen, one, two, honest } = written(made);
    const snapshot = attested(made, carlasPen, honest);
    if (role === null) world.write(id, anna, [effects.removeMember(second, 1)]);
    else world.write(id, anna, [effects.setRole(grantIdOf(world.state(id), second), role)]);
    world.judge("dispute", id, beat, snapshot, []);
    world.drop(one, two);
    assert.equal((await passedOver(made)).codes[snapshot], code);
  }
});

test("what a snapshot says it covers ascends and holds its parents", async () => {
  const made = await offices();
  const { carlasPen, one, two, honest } = written(made);
  const wrong = [attested(made, carlasPen, honest, { covered: [one, two].sort().reverse() }), attested(made, carlasPen, honest, { covered: [one] })];
  made.world.drop(one, two);
  const { people, codes } = await passedOver(made);
  assert.deepEqual(codes, Object.fromEntries(wrong.map((id) => [id, "covers_wrongly"])));
  assert.deepEqual(people, {});
});

/** An edit of Beat's that is held, of which an adoption by Anna is gone; Anna's pen with both, and what a snapshot says of them. */
async function adoptedAndGone() {
  const made = await offices();
  const { world, id, anna, beat, second } = made;
  const [beatsPen, annasPen] = [new Pen(id, beat), new Pen(id, anna)];
  world.write(id, anna, [effects.setRole(grantIdOf(world.state(id), second), "read")]);
  const held = world.edit(id, beat, beatsPen, (doc) => (doc.people.held = 1));
  annasPen.read(beatsPen);
  const adopting = world.edit(id, anna, annasPen, (doc) => (doc.people.adopting = 1), { parents: [held] });
  const actors = [beatsPen.named, annasPen.named].sort((left, right) => Buffer.compare(left[0], right[0]));
  return { ...made, annasPen, held, adopting, honest: { parents: [adopting], covered: [held, adopting].sort(), actors } };
}

test("what is held here and somebody adopted who is gone stands in the document, and is shown as held no more", async () => {
  const made = await adoptedAndGone();
  const { world, id, anna, annasPen, held, adopting, honest } = made;
  const snapshot = attested(made, annasPen, honest);
  world.drop(adopting);
  const { people, space, problems } = await readAs(world, id, anna);
  assert.deepEqual([people, problems], [{ adopting: 1, held: 1 }, []]);
  assert.equal(space.envelopes[held].verdict, "vouched");
  world.write(id, anna, [effects.void([held], [])]);
  const after = await readAs(world, id, anna);
  assert.deepEqual([after.people, after.space.envelopes[held].reason], [{}, "voided"]);
  assert.deepEqual((await passedOver(made)).codes, { [snapshot]: "covers_wrongly" });
});

test("a snapshot that covers a held edit and whose originals are all here is passed over, and one that covers what is no edit always", async () => {
  const made = await adoptedAndGone();
  const { world, id, carla, annasPen, held, adopting, honest } = made;
  const other = world.edit(id, carla, new Pen(id, carla), (doc) => (doc.people.other = 1));
  const attest = world.judge("attest", id, carla, adopting, []);
  const alone = attested(made, annasPen, honest, { parents: [other], covered: [held, other].sort() });
  const overAttest = attested(made, annasPen, honest, { covered: [...honest.covered, attest].sort() });
  world.drop(adopting);
  const { codes } = await passedOver(made);
  assert.deepEqual(codes, { [alone]: "covers_wrongly", [overAttest]: "covers_wrongly" });
});

test("what a colleague attested while no other institution had access is heard also when one has come since, and not the other way round", async () => {
  for (const isBefore of [true, false]) {
    const made = await offices({ beatsRole: null });
    const { world, id, anna, carla, second } = made;
    const { carlasPen, one, two, honest } = written(made);
    const snapshot = world.snapshot(id, anna, carlasPen, honest);
    const attest = () => world.judge("attest", id, carla, snapshot, carlasPen.heads());
    if (isBefore) attest();
    world.write(id, anna, [effects.addSpace(second, "read")]);
    if (!isBefore) attest();
    world.drop(one, two);
    const { people, codes } = await passedOver(made);
    assert.deepEqual([people, codes], isBefore ? [{ one: 1, two: 2 }, {}] : [{}, { [snapshot]: "not_attested" }]);
  }
});

test("a person's own document is built from its edits, whoever attests a snapshot of it", async () => {
  const { world, id, anna, annas, beat } = await offices();
  world.write(annas, anna, [effects.addDevice(beat, annas)]);
  await world.begin(annas, anna);
  const pen = new Pen(annas, anna, PERSON_CONTAINERS);
  const edit = world.edit(annas, anna, pen, (doc) => (doc.devices[anna.id] = "Büro"));
  const later = world.edit(annas, anna, pen, (doc) => (doc.devices[beat.id] = "Küche"), { parents: [edit] });
  const snapshot = world.snapshot(annas, anna, pen, { parents: [edit], covered: [edit], actors: [pen.named] });
  world.judge("attest", annas, beat, snapshot, pen.heads());
  world.drop(edit);
  const { json } = await readAs(world, id, anna);
  assert.deepEqual(json.spaces[annas].document, { devices: {} });
  assert.deepEqual(json.snapshots_passed_over.map((each) => [each.id, each.code]), [[snapshot, "not_attested"]]);
  assert.deepEqual(json.problems.map((each) => [each.id, each.code]), [[later, "missing_parents"]]);
});

test("a snapshot that leaves out what a covered edit builds on is passed over", async () => {
  const made = await offices();
  const { world, id, anna } = made;
  const { annasPen, one, two, honest } = written(made);
  const three = world.edit(id, anna, annasPen, (doc) => (doc.people.three = 3), { parents: [two] });
  const snapshot = attested(made, annasPen, honest, { parents: [three], covered: [two, three].sort() });
  world.drop(one, three);
  assert.deepEqual((await passedOver(made)).codes, { [snapshot]: "covers_wrongly" });
});

test("where all that the parents build on is known, a snapshot covers exactly that", async () => {
  const made = await offices();
  const { world, id, carla, beat } = made;
  const { carlasPen, two, honest } = written(made);
  const beatsPen = new Pen(id, beat);
  const gone = world.edit(id, beat, beatsPen, (doc) => (doc.people.gone = 1));
  const snapshot = attested(made, carlasPen, honest, { covered: [...honest.covered, gone].sort() });
  const later = world.edit(id, carla, carlasPen, (doc) => (doc.people.three = 3), { parents: [two, gone] });
  world.drop(gone);
  const { people, problems } = await readAs(world, id, carla);
  assert.deepEqual((await passedOver(made)).codes, { [snapshot]: "covers_wrongly" });
  assert.deepEqual(people, { one: 1, two: 2 });
  assert.deepEqual(problems.map((each) => [each.id, each.code]), [[later, "missing_parents"]]);
});

test("a snapshot whose document lacks a change that is here, or gives it another author, is passed over", async () => {
  const made = await offices();
  const { world, id, anna, carla } = made;
  const [annasPen, early] = [new Pen(id, anna), new Pen(id, carla)];
  const one = world.edit(id, anna, annasPen, (doc) => (doc.people.one = 1));
  early.read(annasPen);
  const two = world.edit(id, anna, annasPen, (doc) => (doc.people.two = 2), { parents: [one] });
  const honest = { parents: [two], covered: [one, two].sort(), actors: [annasPen.named] };
  const lacking = attested(made, early, honest);
  const stolen = attested(made, annasPen, honest, { actors: [[annasPen.named[0], fromHex(carla.id)]] });
  world.drop(one);
  assert.deepEqual((await passedOver(made)).codes, { [lacking]: "lacks_changes", [stolen]: "other_author" });
  const good = attested(made, annasPen, honest);
  const { people, codes } = await passedOver(made);
  assert.deepEqual(people, { one: 1, two: 2 });
  assert.equal(codes[good], undefined);
});

test("a snapshot that brings nothing is not begun with, and none is opened where nothing is lacking", async () => {
  const made = await offices();
  const { world, id, carla, beat } = made;
  const { carlasPen, two, honest } = written(made);
  const snapshot = attested(made, carlasPen, honest);
  assert.deepEqual((await passedOver(made)).codes, {});
  const gone = world.edit(id, beat, new Pen(id, beat), (doc) => (doc.people.gone = 1));
  world.edit(id, carla, carlasPen, (doc) => (doc.people.three = 3), { parents: [two, gone] });
  world.drop(gone);
  assert.deepEqual(await passedOver(made), { people: { one: 1, two: 2 }, codes: { [snapshot]: "brings_nothing" } });
});

test("where the one that covers most is refuted the next is begun with; of two that cover as many, the lower id's", async () => {
  const made = await offices();
  const { world, id, anna, carla } = made;
  const [annasPen, early] = [new Pen(id, anna), new Pen(id, carla)];
  const one = world.edit(id, anna, annasPen, (doc) => (doc.people.one = 1));
  early.read(annasPen);
  const two = world.edit(id, anna, annasPen, (doc) => (doc.people.two = 2), { parents: [one] });
  const actors = [annasPen.named];
  const large = attested(made, annasPen, { parents: [two], covered: [one, two].sort(), actors });
  attested(made, early, { parents: [one], covered: [one], actors });
  const dropped = world.items;
  world.drop(one, two);
  assert.deepEqual((await passedOver(made)).people, { one: 1, two: 2 });
  world.judge("dispute", id, carla, large, []);
  assert.deepEqual(await passedOver(made), { people: { one: 1 }, codes: { [large]: "disputed" } });
  world.items = dropped;
  const equals = new Map();
  for (const name of ["a", "b", "c", "d"]) {
    const pen = new Pen(id, anna);
    const edit = world.edit(id, anna, pen, (doc) => (doc.people[name] = 1));
    equals.set(attested(made, pen, { parents: [edit], covered: [edit], actors: [pen.named] }), name);
    world.drop(edit);
  }
  world.drop(one, two, large);
  const [lowest] = [...equals.keys(), ...(await smaller(made, equals))].sort();
  assert.deepEqual((await passedOver(made)).people, { [equals.get(lowest) ?? "one"]: 1 });
});

/** The snapshots that are here besides these. */
async function smaller({ world, id, anna }, others) {
  const { reading } = await readAs(world, id, anna);
  return reading.verified.filter((each) => each.kind === "snapshot" && !others.has(each.id)).map((each) => each.id);
}
