import test from "node:test";
import assert from "node:assert/strict";
import { isEarlier } from "../src/receipt.js";
import { effectiveRecipients, isStale } from "../src/recipients.js";
import { rightOf } from "../src/rights.js";
import { Arrivals, doubtfulGrants, suspendedGrants } from "../src/standing.js";
import { View } from "../src/state.js";
import { World, device, effects, fresh, fromHex, grantIdOf, toHex } from "./fixture.js";

const newest = (world) => View.newest(world.logs);

/** Begins an epoch with the device's KEM key in it; its recipients are exact. @returns {string} key id */
function begin(world, space, author, previous = null) {
  const keyId = fresh(32);
  const kem = ["person", "team", "institution"].includes(world.state(space).kind) ? author.keys.kem : null;
  world.write(space, author, [effects.epoch({ keyId, kem, previous: previous && fromHex(previous), recipients: world.recipients(space) })]);
  return toHex(keyId);
}

test("a network asks only whether its institutions stand with the keys they were wrapped to, not what is beneath them", async () => {
  const world = new World();
  const [anna, beat] = [await device(), await device()];
  const [annas, beats] = [world.person(anna), world.person(beat)];
  const office = world.found(anna, [effects.create("institution"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "write")]);
  const officeKey = begin(world, office, anna);
  const network = world.found(anna, [effects.create("network"), effects.addSpace(office, "manage")]);
  begin(world, network, beat);
  assert.deepEqual([isStale(newest(world), office), isStale(newest(world), network)], [false, false]);
  world.write(office, anna, [effects.removeMember(beats, 1)]);
  assert.deepEqual([isStale(newest(world), office), isStale(newest(world), network)], [true, false]);
  assert.equal(effectiveRecipients(newest(world), network).get(office).key, officeKey, "an institution's key is taken as it is");
  const section = world.found(anna, [effects.create("section"), effects.addSpace(annas, "manage")]);
  assert.deepEqual([...effectiveRecipients(newest(world), section).keys()], [anna.id]);
  begin(world, office, anna, officeKey);
  assert.deepEqual([isStale(newest(world), office), isStale(newest(world), network)], [false, true]);
});

test("the founder stands for what it added before there was any grant, and holds nothing more once one was added", async () => {
  const world = new World();
  const anna = await device();
  const annas = world.person(anna);
  const section = world.found(anna, [effects.create("section")], {});
  assert.equal(rightOf(newest(world), anna.id, section).role, "manage");
  world.write(section, anna, [effects.addSpace(annas, "write")]);
  assert.equal(rightOf(newest(world), anna.id, section).role, "write");
  assert.deepEqual([...doubtfulGrants(newest(world), section)], []);
  assert.throws(() => world.write(section, anna, [effects.close()]), { code: "not_entitled" });
});

/** Anna and Beat manage a section through a team; Anna removes Beat there, Beat adds Carla without knowing it. */
async function backdated(order) {
  const world = new World();
  const [anna, beat, carla] = [await device(), await device(), await device()];
  const [annas, beats, carlas] = [anna, beat, carla].map((who) => world.person(who));
  const team = world.found(anna, [effects.create("team"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "manage")]);
  const section = world.found(anna, [effects.create("section"), effects.addSpace(team, "manage")]);
  const heads = world.heads(section);
  const removal = world.write(team, anna, [effects.removeMember(beats, 1)]);
  const grant = fresh();
  const addition = world.write(section, beat, [effects.addSpace(carlas, "read", { grant })], { references: heads });
  const named = { removal: removal.id, addition: addition.id };
  const journal = fresh();
  const sequences = new Map(order.map((name, index) => [named[name], { journal, sequence: index + 1 }]));
  const arrivals = new Arrivals(world.logs, (operation) => sequences.get(operation) ?? null, isEarlier);
  const isSuspended = () => suspendedGrants(newest(world), section, arrivals).has(toHex(grant));
  return { world, anna, team, section, grant, isSuspended };
}

test("an addition is suspended where the relay took it in after its author's removal, or never; not where it came before", async () => {
  for (const [order, expected] of [
    [["addition", "removal"], false],
    [["removal", "addition"], true],
    [["removal"], true],
    [["addition"], false],
    [[], true],
  ]) {
    const { world, section, grant, isSuspended } = await backdated(order);
    assert.ok(doubtfulGrants(newest(world), section).has(toHex(grant)), "by the logs alone it is in doubt in any order");
    assert.equal(isSuspended(), expected, order.join(" "));
  }
});

test("a manager's word lifts a suspension", async () => {
  const { world, anna, section, grant, isSuspended } = await backdated(["removal", "addition"]);
  assert.equal(isSuspended(), true);
  world.write(section, anna, [effects.confirm(grant)]);
  assert.equal(isSuspended(), false);
});

test("in a closed space who managed still takes away, who wrote only reads", async () => {
  const world = new World();
  const [anna, beat] = [await device(), await device()];
  const [annas, beats] = [world.person(anna), world.person(beat)];
  const grant = fresh();
  const section = world.found(anna, [
    effects.create("section"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "write", { grant, notAfterMs: 10 }),
  ]);
  world.write(section, anna, [effects.close()]);
  assert.deepEqual([anna, beat].map((who) => rightOf(newest(world), who.id, section).role), ["read", "read"]);
  assert.throws(() => world.write(section, beat, [effects.expire(grant)], { claimedAtMs: 10 }), { code: "not_entitled" });
  assert.throws(() => world.write(section, anna, [effects.removeMember(annas)]), { code: "contradiction" });
  world.write(section, anna, [effects.setRole(grantIdOf(world.state(section), beats), "read")]);
  world.write(section, anna, [effects.expire(grant)], { claimedAtMs: 10 });
  assert.equal(rightOf(newest(world), beat.id, section).role, "none");
});
