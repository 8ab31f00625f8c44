import test from "node:test";
import assert from "node:assert/strict";
import { World, device, effects, fresh, fromHex, grantIdOf, toHex } from "./fixture.js";
import { contentRole } from "../src/rights.js";
import { doubtfulGrants } from "../src/standing.js";
import { effectiveRecipients, isStale } from "../src/recipients.js";
import { Logs, View } from "../src/state.js";
import { replay, replayAll } from "../src/replay.js";

/** An institution with two persons in a team, and a section shared with the team. */
async function institution() {
  const world = new World();
  const [anna, beat] = [await device(), await device()];
  const annas = world.person(anna);
  const beats = world.person(beat);
  const team = world.found(anna, [effects.create("team"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "write")]);
  const section = world.found(anna, [effects.create("section"), effects.addSpace(team, "manage")]);
  return { world, anna, beat, annas, beats, team, section };
}

const role = (world, who, space) => contentRole(View.newest(world.logs), who.id, space);

test("a member of a team holds the team's role in a section, and read only where read is all it has below", async () => {
  const { world, anna, beat, beats, team, section } = await institution();
  assert.equal(role(world, anna, section), "manage");
  assert.equal(role(world, beat, section), "manage");
  world.write(team, anna, [effects.setRole(grantIdOf(world.state(team), beats), "read")]);
  assert.equal(role(world, beat, section), "read");
  assert.equal(role(world, await device(), section), "none");
});

test("without an epoch anywhere a section's key goes to the devices, with one to the team", async () => {
  const { world, anna, beat, team, section } = await institution();
  const ids = () => [...effectiveRecipients(View.newest(world.logs), section).keys()].sort();
  assert.deepEqual(ids(), [anna.id, beat.id].sort());
  world.write(team, anna, [effects.epoch({ kem: anna.keys.kem, recipients: world.recipients(team) })]);
  assert.deepEqual(ids(), [team]);
});

test("an epoch for one recipient too few, too many or to another key is not exact", async () => {
  const { world, anna, section } = await institution();
  const exact = world.recipients(section);
  const other = [fromHex((await device()).id), fromHex((await device()).id), 1, fresh(32)];
  const wrongKey = [[exact[0][0], fresh(32), 1, fresh(32)], exact[1]];
  const more = [...exact, other].sort((left, right) => (toHex(left[0]) < toHex(right[0]) ? -1 : 1));
  for (const recipients of [exact.slice(1), more, wrongKey]) {
    assert.throws(() => world.write(section, anna, [effects.epoch({ recipients })]), { code: "not_exact" });
  }
  world.write(section, anna, [effects.epoch({ recipients: exact })]);
});

test("who holds too little is refused: read begins no epoch, write adds nobody, a stranger signs nothing", async () => {
  const { world, anna, beat, beats, team, section } = await institution();
  const stranger = await device();
  const added = effects.addSpace(beats, "read");
  assert.throws(() => world.write(section, stranger, [added]), { code: "unknown_author" });
  const strangers = world.person(stranger);
  assert.throws(() => world.write(section, stranger, [added]), { code: "not_entitled" });
  assert.throws(() => world.write(team, beat, [effects.addSpace(strangers, "read")]), { code: "not_entitled" });
  world.write(team, anna, [effects.setRole(grantIdOf(world.state(team), beats), "read")]);
  assert.throws(() => world.write(section, beat, [effects.epoch({ recipients: world.recipients(section) })]), {
    code: "not_entitled",
  });
});

test("an operation waits for what it refers to and for those before it, in whatever order they come", async () => {
  const { world } = await institution();
  const operations = [...world.logs.logs.values()].flatMap((log) => log.operations);
  const logs = new Logs();
  const { refused, waiting } = replayAll(logs, operations.reverse());
  assert.deepEqual([refused, waiting], [[], []]);
  assert.equal(logs.logs.size, world.logs.logs.size);
  const section = operations.find((operation) => operation.body.effects[0].kind === "section");
  const alone = replayAll(new Logs(), [section]);
  assert.equal(alone.waiting[0].error.code, "unknown_reference");
});

test("an operation by a wrong key, of a wrong index or after another is refused and changes nothing", async () => {
  const { world, anna, beat, section } = await institution();
  const forged = world.sign(section, { id: anna.id, signSeed: beat.signSeed }, [effects.close()]);
  assert.throws(() => replay(world.logs, forged), { code: "bad_signature" });
  const moved = world.sign(section, anna, [effects.close()], { body: { 4: fresh(32) } });
  assert.throws(() => replay(world.logs, moved), { code: "not_next" });
  const gap = world.sign(section, anna, [effects.close()], { body: { 3: 7 } });
  assert.throws(() => replay(world.logs, gap), { code: "not_next" });
  const half = [effects.setRelay(fresh(32))];
  assert.throws(() => world.write(section, anna, [effects.close(), ...half]), { code: "contradiction" });
  assert.equal(world.state(section).closed, false);
  world.write(section, anna, [effects.close()]);
  assert.equal(world.state(section).closed, true);
});

test("a removed member has no right, and the key it knew is stale until another epoch begins", async () => {
  const { world, anna, beat, beats, team, section } = await institution();
  const first = fresh(32);
  world.write(section, anna, [effects.epoch({ keyId: first, recipients: world.recipients(section) })]);
  assert.equal(isStale(View.newest(world.logs), section), false);
  world.write(team, anna, [effects.removeMember(beats, 1)]);
  assert.equal(role(world, beat, section), "none");
  assert.equal(isStale(View.newest(world.logs), section), true);
  world.write(section, anna, [effects.epoch({ previous: first, recipients: world.recipients(section) })]);
  assert.equal(isStale(View.newest(world.logs), section), false);
});

test("an addition by somebody who was removed without knowing it is in doubt until a manager confirms it", async () => {
  const { world, anna, beat, beats, team, section } = await institution();
  const [carla, dora] = [await device(), await device()];
  const [carlas, doras] = [world.person(carla), world.person(dora)];
  const beforeRemoval = world.heads(section);
  world.write(team, anna, [effects.removeMember(beats, 1)]);
  const [grant, other] = [fresh(), fresh()];
  world.write(section, beat, [effects.addSpace(carlas, "read", { grant })], { references: beforeRemoval });
  world.write(section, anna, [effects.addSpace(doras, "read", { grant: other })]);
  const doubtful = (id) => doubtfulGrants(View.newest(world.logs), section).has(toHex(id));
  assert.equal(doubtful(grant), true);
  assert.equal(doubtful(other), false);

  const ids = (without) => [...effectiveRecipients(View.newest(world.logs), section, new Set(without)).keys()].sort();
  assert.deepEqual(ids([toHex(grant)]), [anna.id, dora.id].sort());
  assert.deepEqual(ids([]), [anna.id, carla.id, dora.id].sort());
  const epoch = (suspended) => effects.epoch({ recipients: world.recipients(section, suspended.map(toHex)), suspended });
  assert.throws(() => world.write(section, anna, [epoch([other])]), { code: "contradiction" });
  const exact = world.recipients(section);
  assert.throws(() => world.write(section, anna, [effects.epoch({ recipients: exact, suspended: [grant] })]), { code: "not_exact" });
  const copied = world.logs.copy();
  replay(copied, world.sign(section, anna, [epoch([grant])]));
  replay(world.logs.copy(), world.sign(section, anna, [epoch([])]));
  assert.equal(copied.newest(section).epochs[0].wraps.has(carla.id), false);
  world.write(section, anna, [effects.confirm(grant)]);
  assert.equal(doubtful(grant), false);
  assert.throws(() => world.write(section, carla, [effects.confirm(grant)]), { code: "not_entitled" });
  world.write(section, anna, [effects.confirm(grant)]);
  assert.equal(world.state(section).grants.get(toHex(grant)).sponsors.length, 3);
});

test("an addition that hangs on a doubtful one is in doubt with it, and no longer than it", async () => {
  const { world, anna, beat, beats, team, section } = await institution();
  const carla = await device();
  const carlas = world.person(carla);
  const dora = await device();
  const doras = world.person(dora);
  const beforeRemoval = world.heads(section);
  world.write(team, anna, [effects.removeMember(beats, 1)]);
  const [first, second] = [fresh(), fresh()];
  world.write(section, beat, [effects.addSpace(carlas, "manage", { grant: first })], { references: beforeRemoval });
  world.write(section, carla, [effects.addSpace(doras, "read", { grant: second })], { references: beforeRemoval });
  const doubtful = (id) => doubtfulGrants(View.newest(world.logs), section).has(toHex(id));
  assert.deepEqual([doubtful(first), doubtful(second)], [true, true]);
  world.write(section, anna, [effects.confirm(first)]);
  assert.deepEqual([doubtful(first), doubtful(second)], [false, false]);
});

test("the last path with manage cannot be removed from a section, but from a person it can", async () => {
  const { world, anna, annas, team, section } = await institution();
  const only = grantIdOf(world.state(section), team);
  assert.throws(() => world.write(section, anna, [effects.removeGrant(only)]), { code: "contradiction" });
  assert.throws(() => world.write(section, anna, [effects.setRole(only, "write")]), { code: "contradiction" });
  world.write(section, anna, [effects.addSpace(annas, "manage"), effects.removeGrant(only)]);
  world.write(annas, anna, [effects.removeMember(anna.id, 2)]);
});

test("a member from now on is confirmed only with the cut epoch it begins at", async () => {
  const { world, anna, section } = await institution();
  const first = fresh(32);
  world.write(section, anna, [effects.epoch({ keyId: first, recipients: world.recipients(section) })]);
  const carla = await device();
  const carlas = world.person(carla);
  const recipients = world.recipients(section);
  const [grant, second] = [fresh(), fresh(32)];
  const add = effects.addSpace(carlas, "read", { grant, history: 2 });
  const cut = effects.epoch({ keyId: second, previous: first, recipients, cut: true });
  const plain = effects.epoch({ keyId: second, previous: first, recipients });
  assert.throws(() => world.write(section, anna, [add, plain, effects.confirm(grant, second)]), { code: "contradiction" });
  assert.throws(() => world.write(section, anna, [add, cut, effects.confirm(grant)]), { code: "contradiction" });
  assert.throws(() => world.write(section, anna, [add, cut, effects.confirm(grant, first)]), { code: "contradiction" });
  const wrapped = [[fromHex(carla.id), fromHex(carla.id), 1, fresh(32)]];
  world.write(section, anna, [add, cut, effects.confirm(grant, second), effects.wrap(second, wrapped)]);
  assert.equal(world.state(section).grants.get(toHex(grant)).cut, toHex(second));
  assert.throws(() => world.write(section, anna, [effects.link(second, first)]), { code: "contradiction" });
});
