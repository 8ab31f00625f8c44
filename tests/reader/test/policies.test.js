/** How an institution admits (PROTOCOL §12, `Policy`): the vectors, and where it takes two administrators. */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { decodeOperation, readEffect } from "../src/operation.js";
import { isConfirmed } from "../src/rights.js";
import { replay } from "../src/replay.js";
import { read } from "../src/schema.js";
import { Logs, liveGrants } from "../src/state.js";
import { World, device, effects, fresh, grantIdOf } from "./fixture.js";
import { Scribe } from "./scribe.js";
import { each, requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";
import { effectJson } from "./vector-json.js";

each("added/policy_effects.json", ({ bytes, value }) => {
  requireOnlyEncoding(fromHex(bytes));
  assert.deepEqual(effectJson(read(readEffect, fromHex(bytes))), value);
});

const policyOf = ({ administrators, compares }) => [administrators, compares];

function outcomeOf(state) {
  return {
    policy: policyOf(state.policy),
    proposed: state.proposed && policyOf(state.proposed),
    without_sponsor: [...liveGrants(state)].filter((grant) => !isConfirmed(grant)).map(({ id }) => id),
  };
}

test("added/policies.json: each operation on what those before it left", async (context) => {
  const logs = new Logs();
  for (const { name, operation: bytes, error, outcome } of vectorsOf("added/policies.json")) {
    await context.test(name, () => {
      requireOnlyEncoding(fromHex(bytes));
      const operation = decodeOperation(fromHex(bytes));
      assert.equal(verdictOf(() => replay(logs, operation)), error);
      if (error === null) assert.deepEqual(outcomeOf(logs.newest(operation.space)), outcome);
    });
  }
});

test("the effect has a number up to 255 and a boolean, and 15 is no effect", () => {
  const verdict = (...value) => verdictOf(() => read(readEffect, encode(value)));
  assert.deepEqual([verdict(16, [255, true]), verdict(16, [256, true]), verdict(16, [1, 1]), verdict(16, [1]), verdict(16, [1, true, null])],
    [null, "malformed", "malformed", "malformed", "malformed"]);
  assert.deepEqual([verdict(15, [1, true]), verdict(17, [1, true])], ["needs_newer", "needs_newer"]);
});

/** Anna and Beat manage an institution, Carla administers it, Dora and Emil are people of it; Anna has a second device. */
async function office({ takesTwo = true, World: Kind = World } = {}) {
  const world = new Kind();
  const [anna, second, beat, carla, dora, emil] = await Promise.all(Array.from({ length: 6 }, () => device()));
  const id = world.found(anna, [effects.create("institution", { founder: anna })]);
  const [annas, beats, carlas, doras, emils] = [anna, beat, carla, dora, emil].map((who) => world.person(who, id));
  world.write(annas, anna, [effects.addDevice(second, annas)]);
  const managers = [annas, beats].map((person) => effects.addSpace(person, "manage"));
  world.write(id, anna, [...managers, effects.addSpace(carlas, "administer"), effects.addSpace(annas, "administer")]);
  if (takesTwo) world.write(id, anna, [effects.policy(2)]);
  const tried = (who, written, space = id, options = {}) => verdictOf(() => world.write(space, who, written, options));
  const shown = (space = id) => outcomeOf(world.state(space));
  return { world, id, anna, second, beat, carla, dora, emil, annas, beats, carlas, doras, emils, tried, shown };
}

test("a policy is an institution's, by who manages it, and begins to take two where nobody waits, people alone administer and two of them manage", async () => {
  const { world, id, anna, beat, carla, annas, beats, doras, tried, shown } = await office({ takesTwo: false });
  assert.equal(tried(carla, [effects.policy(2)]), "not_entitled");
  for (const kind of ["person", "team", "network", "section"]) {
    assert.equal(tried(anna, [effects.create(kind, { founder: anna }), effects.policy(1, true)], null), "contradiction", kind);
  }
  for (const [count, compares] of [[0, true], [3, true], [1, false]]) assert.equal(tried(anna, [effects.policy(count, compares)]), "contradiction");
  const team = world.found(anna, [effects.create("team", { founder: anna }), effects.addSpace(annas, "manage")]);
  for (const role of ["manage", "administer"]) {
    const grant = fresh();
    world.write(id, anna, [effects.addSpace(team, role, { grant })]);
    assert.equal(tried(anna, [effects.policy(2)]), "contradiction", role);
    world.write(id, anna, [effects.removeGrant(grant)]);
  }
  world.write(id, anna, [effects.addSpace(team, "write")]);
  const waiting = fresh();
  world.write(id, carla, [effects.addSpace(doras, "manage", { grant: waiting })]);
  assert.equal(tried(anna, [effects.policy(2)]), "contradiction");
  assert.equal(tried(anna, [effects.policy(1, true)]), null, "only to take two asks for that");
  world.write(id, anna, [effects.removeGrant(waiting)]);
  world.write(id, carla, [effects.addSpace(doras, "write")]);
  assert.equal(tried(anna, [effects.removeMember(beats), effects.policy(2)]), "contradiction");
  assert.equal(tried(anna, [effects.removeMember(beats), effects.addSpace(beats, "manage"), effects.policy(2, true)]), null);
  assert.deepEqual([shown().policy, shown().without_sponsor.length], [[2, true], 1]);
  assert.equal(tried(beat, [effects.close()]), null);
  assert.equal(tried(beat, [effects.policy(1)]), "contradiction", "a closed space");
});

test("two grants of one person are not two who manage", async () => {
  const { anna, annas, beats, tried } = await office({ takesTwo: false });
  assert.equal(tried(anna, [effects.removeMember(beats), effects.addSpace(annas, "manage"), effects.policy(2)]), "contradiction");
});

test("while one administers, a policy holds at once; a later one in the same operation is judged by what it left", async () => {
  const { id, anna, carlas, doras, world, tried, shown } = await office({ takesTwo: false });
  assert.equal(tried(anna, [effects.policy(2), effects.addSpace(doras, "manage")]), null);
  assert.deepEqual(shown().without_sponsor.length, 1);
  assert.equal(tried(anna, [effects.policy(1), effects.addSpace(carlas, "manage")]), null);
  assert.deepEqual([shown().policy, shown().proposed, shown().without_sponsor.length], [[2, false], [1, false], 2]);
  assert.equal(world.state(id).proposed.by, anna.id);
});

test("where it takes two, nobody's word makes an administrator at once; a person who manages and never was the adder's confirms", async () => {
  for (const role of ["manage", "administer"]) {
    const { anna, second, beat, carla, dora, doras, emil, emils, tried, shown, id, world } = await office();
    const grant = fresh();
    const confirm = effects.confirm(grant);
    assert.equal(tried(beat, [effects.addSpace(doras, role, { grant }), confirm]), "not_entitled");
    assert.equal(tried(anna, [effects.addSpace(doras, role, { grant })]), null);
    assert.equal(shown().without_sponsor.length, 1);
    world.write(id, anna, [effects.addSpace(emils, "write")]);
    for (const who of [anna, second, carla, dora, emil]) assert.equal(tried(who, [confirm]), "not_entitled");
    assert.equal(tried(beat, [confirm]), null);
    assert.deepEqual(shown().without_sponsor, []);
    assert.equal(tried(anna, [confirm]), null, "a further word for what is confirmed");
  }
});

test("an invitation by who manages makes no administrator, and read and write take one", async () => {
  const { world, id, anna, carla, doras, emils, annas, tried, shown } = await office();
  assert.equal(tried(anna, [effects.addSpace(doras, "write"), effects.addSpace(emils, "read")]), null);
  assert.deepEqual(shown().without_sponsor, []);
  const grant = grantIdOf(world.state(id), doras);
  for (const who of [anna, carla]) assert.equal(tried(who, [effects.setRole(grant, "manage")]), "contradiction");
  assert.equal(tried(anna, [effects.setRole(grant, "read")]), null);
  assert.equal(tried(anna, [effects.setRole(grant, "write")]), null);
  const team = world.found(anna, [effects.create("team", { founder: anna }), effects.addSpace(annas, "manage")]);
  for (const role of ["manage", "administer"]) assert.equal(tried(anna, [effects.addSpace(team, role)]), "contradiction");
  assert.equal(tried(anna, [effects.addSpace(team, "write")]), null);
});

test("an ended grant of the adder's device in a person's log makes that person the adder's still", async () => {
  const { world, annas, anna, beat, beats, doras, tried } = await office();
  const other = await device();
  world.write(beats, beat, [effects.addDevice(other, beats)]);
  world.write(beats, beat, [effects.removeMember(other.id, 2)]);
  const grant = fresh();
  assert.equal(tried(beat, [effects.addSpace(doras, "manage", { grant })]), null);
  world.write(annas, anna, [effects.removeMember(anna.id, 2), effects.addDevice(await device(), annas)]);
  const again = fresh();
  const { world: later, id, anna: first, second, annas: persons, doras: newcomers, tried: attempt } = await office();
  later.write(id, first, [effects.addSpace(newcomers, "manage", { grant: again })]);
  later.write(persons, second, [effects.removeMember(first.id, 2)]);
  assert.equal(attempt(second, [effects.confirm(again)]), "not_entitled");
});

test("who only reads as a person that manages is no other administrator", async () => {
  const { world, id, anna, beat, beats, doras, tried } = await office();
  const tablet = await device();
  world.write(beats, beat, [effects.addDevice(tablet, beats, "read")]);
  const grant = fresh();
  world.write(id, anna, [effects.addSpace(doras, "manage", { grant })]);
  assert.equal(tried(tablet, [effects.confirm(grant)]), "not_entitled");
  world.write(beats, beat, [effects.setRole(grantIdOf(world.state(beats), tablet.id), "write")]);
  assert.equal(tried(tablet, [effects.confirm(grant)]), null);
});

test("another administrator is asked for as before the operation: who is removed in it still counts, who is raised in it not yet", async () => {
  const { world, id, anna, beat, annas, beats, doras, tried } = await office();
  const grant = fresh();
  world.write(id, anna, [effects.addSpace(doras, "manage", { grant })]);
  assert.equal(tried(beat, [effects.removeMember(beats), effects.confirm(grant)]), "contradiction", "the last but one");
  assert.equal(tried(beat, [effects.confirm(grant), effects.removeMember(beats)]), null);
  assert.deepEqual([...liveGrants(world.state(id))].filter(({ role }) => role === "manage").map(({ member }) => member.id).sort(), [annas, doras].sort());
});

test("who ends their own grant in the same operation is another administrator in it still", async () => {
  const { world, id, anna, beat, beats, doras, emils, tried } = await office({ takesTwo: false });
  world.write(id, anna, [effects.addSpace(emils, "manage"), effects.policy(2)]);
  const grant = fresh();
  world.write(id, anna, [effects.addSpace(doras, "manage", { grant })]);
  assert.equal(tried(beat, [effects.removeMember(beats), effects.confirm(grant)]), null);
});

test("the last but one who manages stays, by whichever way they would go, and one of two grants may", async () => {
  const { world, id, anna, carla, annas, tried } = await office();
  const grants = [...world.state(id).grants.values()];
  const ofAnna = fromHex(grants.find(({ member }) => member.id === annas).id);
  for (const written of [effects.removeMember(annas), effects.removeGrant(ofAnna), effects.setRole(ofAnna, "write"), effects.void([], [ofAnna])]) {
    assert.equal(tried(anna, [written]), "contradiction");
  }
  assert.equal(tried(carla, [effects.removeMember(annas)]), "contradiction");
  const twice = await office({ takesTwo: false });
  twice.world.write(twice.id, twice.anna, [effects.addSpace(twice.annas, "manage")]);
  twice.world.write(twice.id, twice.anna, [effects.policy(2)]);
  const first = fromHex([...twice.world.state(twice.id).grants.values()].find(({ member }) => member.id === twice.annas).id);
  assert.equal(twice.tried(twice.anna, [effects.removeGrant(first)]), null);
  assert.equal(twice.tried(twice.anna, [effects.removeMember(twice.annas)]), "contradiction");
});

test("a proposal becomes the policy by another administrator's same words alone; other words take its place, and those of today drop it", async () => {
  const { anna, second, beat, carla, tried, shown } = await office();
  const steps = [
    [beat, [2, false], "contradiction", [[2, false], null]],
    [anna, [1, false], null, [[2, false], [1, false]]],
    [carla, [1, false], "not_entitled", [[2, false], [1, false]]],
    [second, [1, false], null, [[2, false], [1, false]]],
    [anna, [1, false], null, [[2, false], [1, false]]],
    [beat, [2, true], null, [[2, false], [2, true]]],
    [anna, [1, true], null, [[2, false], [1, true]]],
    [anna, [2, false], null, [[2, false], null]],
    [beat, [1, true], null, [[2, false], [1, true]]],
    [beat, [2, true], null, [[2, false], [2, true]]],
    [second, [2, true], null, [[2, true], null]],
    [beat, [1, true], null, [[2, true], [1, true]]],
    [anna, [1, true], null, [[1, true], null]],
  ];
  for (const [who, said, error, [policy, proposed]] of steps) {
    assert.equal(tried(who, [effects.policy(...said)]), error);
    assert.deepEqual([shown().policy, shown().proposed], [policy, proposed]);
  }
});

/** Dora's only device ended by Anna, and a new one added by her, who may confirm from above: everything but the second word is there. */
async function emptied({ takesTwo = true } = {}) {
  const made = await office({ takesTwo });
  const { world, id, anna, dora, doras } = made;
  world.write(id, anna, [effects.addSpace(doras, "write")]);
  const [fixed, grant] = [await device(), fresh()];
  world.write(doras, anna, [effects.removeMember(dora.id, 2), effects.addDevice(fixed, doras, "manage", { grant })]);
  return { ...made, fixed, grant, confirm: effects.confirm(grant) };
}

test("an emptied person's device takes two where the guardian does, and one where it does not, or did not as far as the operation knows", async () => {
  const { anna, second, beat, doras, confirm, tried, shown } = await emptied();
  for (const who of [anna, second]) assert.equal(tried(who, [confirm], doras), "not_entitled");
  assert.equal(tried(beat, [confirm], doras), null);
  assert.deepEqual(shown(doras), { policy: [1, false], proposed: null, without_sponsor: [] });
  const one = await emptied({ takesTwo: false });
  const earlier = one.world.heads(one.doras);
  one.world.write(one.id, one.anna, [effects.policy(2)]);
  assert.equal(one.tried(one.anna, [one.confirm], one.doras), "not_entitled");
  assert.equal(one.tried(one.anna, [one.confirm], one.doras, { references: earlier }), null);
});

test("who writes as the person confirms its devices alone, also where the guardian takes two", async () => {
  const { world, dora, doras, carla, tried } = await office();
  const [tablet, grant] = [await device(), fresh()];
  assert.equal(tried(carla, [effects.addDevice(tablet, doras, "manage", { grant })], doras), null);
  assert.equal(world.state(doras).grants.size, 2);
  assert.equal(tried(dora, [effects.confirm(grant)], doras), null);
});

/** Two sides of an institution's log since one place: what this replica has, and the branch that its `Heal` carries. */
async function twoSides(prepare, onBranch, here) {
  const made = await office({ takesTwo: false, World: Scribe });
  const { world, id, anna } = made;
  const network = world.found(anna, [effects.create("network"), effects.setRelay(world.relayKey)]);
  world.logs.network = network;
  for (const written of prepare(made)) world.write(id, anna, written);
  const ours = world.logs;
  world.logs = ours.copy();
  const branch = onBranch(made).map(([who, written]) => world.write(id, who, written, { claimedAtMs: 2 }));
  world.logs = ours;
  for (const [who, written] of here(made)) world.write(id, who, written);
  world.write(id, anna, [effects.heal(world.branchOf(...branch))]);
  return outcomeOf(world.state(id));
}

test("a Heal takes over what a branch's policy made stricter, and nothing else", async () => {
  const nothing = () => [];
  const by = (...said) => ({ anna }) => said.map((each) => [anna, [effects.policy(...each)]]);
  const healed = async (prepare, onBranch, here) => {
    const { policy, proposed } = await twoSides((made) => prepare(made).map(([, written]) => written), onBranch, here);
    return [policy, proposed];
  };
  const other = ({ anna }) => [[anna, [effects.invite(fresh(32), "read")]]];
  assert.deepEqual(await healed(nothing, by([2, true]), other), [[2, true], null]);
  assert.deepEqual(await healed(nothing, by([2, true]), nothing), [[2, true], null]);
  assert.deepEqual(await healed(nothing, by([1, true], [1, false]), other), [[1, false], null]);
  assert.deepEqual(await healed(by([1, true]), by([1, false]), other), [[1, true], null]);
  assert.deepEqual(await healed(by([1, true]), by([2, false]), other), [[2, true], null]);
  assert.deepEqual(await healed(by([1, true]), by([2, true]), by([1, false])), [[2, false], null], "it compared at the fork");
  assert.deepEqual(await healed(by([2, false]), by([1, true]), other), [[2, false], null], "a proposal of the branch");
  assert.deepEqual(await healed(nothing, by([1, true]), by([2, false], [1, false])), [[2, true], null], "the proposal here is lost as the policy changes");
  assert.deepEqual(await healed(nothing, by([2, false]), by([2, false], [1, false])), [[2, false], [1, false]], "the proposal here stays");
  const agreed = ({ anna, beat }) => [[anna, [effects.policy(1)]], [beat, [effects.policy(1)]]];
  assert.deepEqual(await healed(by([2, false]), other, agreed), [[1, false], null], "the branch took two at the fork already");
  assert.deepEqual(await healed(by([2, false]), agreed, other), [[2, false], null]);
});

test("a Heal begins to take two only where two people manage here and nobody waits, after what it took back", async () => {
  const nothing = () => [];
  const begin = ({ anna }) => [[anna, [effects.policy(2, true)]]];
  const waits = ({ carla, doras }) => [[carla, [effects.addSpace(doras, "manage")]]];
  const gone = ({ anna, beats }) => [[anna, [effects.removeMember(beats)]]];
  assert.deepEqual((await twoSides(nothing, begin, waits)).policy, [1, true]);
  assert.deepEqual((await twoSides(nothing, begin, gone)).policy, [1, true]);
  const replaced = ({ anna, beats, doras }) => [[anna, [effects.addSpace(doras, "manage"), effects.removeMember(beats), effects.policy(2)]]];
  assert.deepEqual((await twoSides(nothing, replaced, nothing)).policy, [1, false], "the branch's own addition does not come with it");
  const third = ({ doras }) => [[effects.addSpace(doras, "manage")]];
  assert.deepEqual((await twoSides(third, replacedOne, nothing)).policy, [2, false]);
});

/** On a branch one of three goes, and it takes two. */
function replacedOne({ anna, beats }) {
  return [[anna, [effects.removeMember(beats), effects.policy(2)]]];
}
