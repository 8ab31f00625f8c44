/** Only edits are built on, and what waits for its parents (PROTOCOL §16, §24). */
import test from "node:test";
import assert from "node:assert/strict";
import { epochFromSeed } from "../src/keys.js";
import { fresh } from "./fixture.js";
import { offices, readAs, written } from "./offices.js";
import { Pen } from "./scribe.js";

test("an edit on a snapshot, attest, dispute or erasure is refused by name, and what builds on it waits", async () => {
  for (const kind of ["snapshot", "attest", "dispute", "erasure"]) {
    const made = await offices();
    const { world, id, anna, beat, carla } = made;
    const { carlasPen, two, honest } = written(made);
    const snapshot = world.snapshot(id, anna, carlasPen, honest);
    const named = kind === "snapshot" ? snapshot
      : kind === "erasure" ? world.seal("erasure", id, beat, [[], []])
      : world.judge(kind, id, beat, snapshot, carlasPen.heads());
    const wrong = world.edit(id, carla, carlasPen, (doc) => (doc.people.wrong = 1), { parents: [two, named] });
    const waits = world.edit(id, carla, carlasPen, (doc) => (doc.people.waits = 1), { parents: [wrong] });
    const { people, json, problems, space } = await readAs(world, id, anna);
    assert.deepEqual(people, { one: 1, two: 2 }, kind);
    assert.deepEqual(problems.map((each) => [each.id, each.code]), [[wrong, "parent_is_no_edit"]], kind);
    assert.deepEqual(json.unread, [waits], kind);
    assert.deepEqual([wrong, waits].map((each) => space.envelopes[each].verdict), ["counts", "counts"], kind);
  }
});

test("vouching goes through edits alone", async () => {
  const made = await offices({ beatsRole: "read" });
  const { world, id, anna, beat } = made;
  const beatsPen = new Pen(id, beat);
  const byReader = world.edit(id, beat, beatsPen, (doc) => (doc.people.x = 1));
  const snapshot = world.snapshot(id, anna, beatsPen, { parents: [byReader], covered: [byReader], actors: [beatsPen.named] });
  world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.y = 1), { parents: [snapshot] });
  const verdict = async () => (await readAs(world, id, anna)).space.envelopes[byReader];
  assert.deepEqual(await verdict(), { verdict: "held", reason: "never_entitled" });
  world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people.z = 1), { parents: [byReader] });
  assert.deepEqual(await verdict(), { verdict: "vouched", reason: null });
});

test("an edit whose parents are not here waits, has a verdict, and vouches for those that are", async () => {
  const made = await offices({ beatsRole: "read" });
  const { world, id, anna, beat, carla } = made;
  const { annasPen, carlasPen, one, two } = written(made);
  const byReader = world.edit(id, beat, new Pen(id, beat), (doc) => (doc.people.x = 1));
  const three = world.edit(id, carla, carlasPen, (doc) => (doc.people.three = 3), { parents: [two, byReader] });
  annasPen.read(carlasPen);
  const four = world.edit(id, anna, annasPen, (doc) => (doc.people.four = 4), { parents: [three] });
  world.drop(two);
  const { people, json, problems, space } = await readAs(world, id, anna);
  assert.deepEqual(people, { one: 1, x: 1 });
  assert.deepEqual(problems.map((each) => [each.id, each.code]), [[three, "missing_parents"]]);
  assert.deepEqual(json.unread, [four]);
  assert.deepEqual([one, byReader, three].map((each) => space.envelopes[each].verdict), ["counts", "vouched", "counts"]);
});

test("an edit under an epoch that its space does not have counts and vouches, and is refused with what builds on it waiting", async () => {
  const made = await offices({ beatsRole: "read" });
  const { world, id, anna, beat } = made;
  const [annasPen, beatsPen] = [new Pen(id, anna), new Pen(id, beat)];
  const byReader = world.edit(id, beat, beatsPen, (doc) => (doc.people.x = 1));
  annasPen.read(beatsPen);
  const epoch = epochFromSeed(fresh(32));
  world.seeds.set(epoch.id, epoch);
  const wrong = world.edit(id, anna, annasPen, (doc) => (doc.people.y = 1), { parents: [byReader], epoch });
  const waits = world.edit(id, anna, annasPen, (doc) => (doc.people.z = 1), { parents: [wrong] });
  const { people, json, problems, space } = await readAs(world, id, anna);
  assert.deepEqual([byReader, wrong, waits].map((each) => space.envelopes[each].verdict), ["vouched", "counts", "counts"]);
  assert.deepEqual(problems.map((each) => [each.id, each.code]), [[wrong, "unknown_epoch"]]);
  assert.deepEqual([people, json.unread], [{ x: 1 }, [waits]]);
});
