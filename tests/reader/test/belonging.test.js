/** Who is independent of a snapshot's author (PROTOCOL §16), and whose a device is (§24). */
import test from "node:test";
import assert from "node:assert/strict";
import { isIndependent } from "../src/belonging.js";
import { View } from "../src/state.js";
import { World, device, effects, fresh, grantIdOf } from "./fixture.js";

/**
 * Anna and Carla of institution 1, Beat of institution 2, Dora of none, and Emil, who says that he is of institution 2. All
 * but Beat are in a section; Anna has a second device.
 */
async function section() {
  const world = new World();
  const names = ["anna", "annasOther", "beat", "carla", "dora", "emil"];
  const devices = {};
  for (const name of names) devices[name] = await device();
  const [first, second] = ["anna", "beat"].map((name) => world.found(devices[name], [effects.create("institution", { founder: devices[name] })]));
  const persons = {};
  for (const [name, guardian] of [["anna", first], ["beat", second], ["carla", first], ["dora", null], ["emil", second]]) {
    persons[name] = world.person(devices[name], guardian);
  }
  world.write(persons.anna, devices.anna, [effects.addDevice(devices.annasOther, persons.anna)]);
  world.write(first, devices.anna, [effects.addSpace(persons.anna, "manage"), effects.addSpace(persons.carla, "write")]);
  world.write(second, devices.beat, [effects.addSpace(persons.beat, "manage")]);
  const id = world.found(devices.anna, [
    effects.create("section"), effects.addSpace(persons.anna, "manage"), effects.addSpace(persons.carla, "write"), effects.addSpace(persons.dora, "read"),
  ]);
  const isHeard = (name, author = "anna") => isIndependent(View.newest(world.logs), world.state(id), devices[author].id, devices[name].id);
  const heard = () => names.filter((name) => isHeard(name));
  return { world, id, devices, persons, first, second, isHeard, heard };
}

test("where no other institution has a member, another person's device is independent, and no second device of one's own", async () => {
  const { heard } = await section();
  assert.deepEqual(heard(), ["carla", "dora"]);
});

test("where another institution has a member, only a device that it confirms as its own is independent", async () => {
  const { world, id, devices, persons, second, heard, isHeard } = await section();
  world.write(id, devices.anna, [effects.addSpace(persons.emil, "read")]);
  assert.deepEqual(heard(), [], "a member names the institution, which does not confirm it");
  world.write(id, devices.anna, [effects.addSpace(persons.beat, "read")]);
  assert.deepEqual(heard(), ["beat"]);
  assert.equal(isHeard("anna", "beat"), true);
  world.write(second, devices.beat, [effects.addSpace(persons.emil, "read")]);
  assert.deepEqual(heard(), ["beat", "emil"]);
});

test("a member without keys, or one that has left, makes no other institution's word necessary", async () => {
  const { world, id, devices, persons, heard } = await section();
  world.write(id, devices.anna, [effects.addSpace(persons.beat, "administer")]);
  assert.deepEqual(heard(), ["beat", "carla", "dora"]);
  world.write(id, devices.anna, [effects.addSpace(persons.emil, "read")]);
  assert.deepEqual(heard(), ["beat"]);
  world.write(id, devices.anna, [effects.removeMember(persons.emil, 1)]);
  assert.deepEqual(heard(), ["beat", "carla", "dora", "emil"]);
});

test("a member whom nobody confirmed yet makes no other institution's word necessary", async () => {
  const { world, id, devices, persons, heard } = await section();
  world.write(id, devices.anna, [effects.addSpace(persons.dora, "administer")]);
  const grant = fresh();
  world.write(id, devices.dora, [effects.addSpace(persons.beat, "read", { grant })]);
  assert.deepEqual(heard(), ["beat", "carla", "dora"]);
  world.write(id, devices.anna, [effects.confirm(grant)]);
  assert.deepEqual(heard(), ["beat"]);
});

test("who was removed is still of the person and the institution that they were of", async () => {
  const { world, id, devices, persons, first, heard } = await section();
  world.write(id, devices.anna, [effects.addSpace(persons.beat, "read")]);
  world.write(persons.anna, devices.anna, [effects.removeGrant(grantIdOf(world.state(persons.anna), devices.annasOther.id), 1)]);
  world.write(first, devices.anna, [effects.removeMember(persons.carla, 1)]);
  assert.deepEqual(heard(), ["beat"]);
  world.write(id, devices.anna, [effects.removeMember(persons.beat, 1)]);
  assert.deepEqual(heard(), ["beat", "carla", "dora"]);
});

test("who had access is asked as of the attest: who came later makes no other institution's word necessary for it", async () => {
  const { world, id, devices, persons, heard } = await section();
  const then = world.state(id);
  world.write(id, devices.anna, [effects.addSpace(persons.beat, "read")]);
  assert.deepEqual(heard(), ["beat"]);
  const isHeard = (name) => isIndependent(View.newest(world.logs), then, devices.anna.id, devices[name].id);
  assert.deepEqual(["annasOther", "beat", "carla"].map(isHeard), [false, true, true]);
});
