import test from "node:test";
import assert from "node:assert/strict";
import { kemKeyOf } from "../src/primitives.js";
import { replay, replayAll } from "../src/replay.js";
import { isStale } from "../src/recipients.js";
import { contentRole } from "../src/rights.js";
import { View, currentEpoch, isKnownEpoch } from "../src/state.js";
import { device, effects, fresh, fromHex, toHex } from "./fixture.js";
import { Scribe } from "./scribe.js";

/**
 * A section of Anna's with Beat and Carla in it, in a network that names the relay. The relay acknowledged a branch and
 * lost it: Anna's removal of Beat and an addition of Dora.
 */
async function fork() {
  const world = new Scribe();
  const [anna, beat, carla, dora] = [await device(), await device(), await device(), await device()];
  const [annas, beats, carlas, doras] = [anna, beat, carla, dora].map((who) => world.person(who));
  const network = world.found(anna, [effects.create("network"), effects.setRelay(world.relayKey)]);
  world.logs.network = network;
  const section = world.found(anna, [
    effects.create("section"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "manage"), effects.addSpace(carlas, "write"),
  ]);
  const grant = fresh();
  const lost = [effects.removeMember(beats, 2), effects.addSpace(doras, "read", { grant }), effects.void(["77".repeat(32)], [])];
  const first = world.sign(section, anna, lost);
  const second = world.sign(section, anna, [effects.removeMember(carlas, 0)], { body: { 3: 2, 4: fromHex(first.id) } });
  world.write(section, beat, [effects.invite(fresh(32), "read")]);
  const role = (who) => contentRole(View.newest(world.logs), who.id, section);
  return { world, anna, beat, carla, dora, network, section, first, second, role, grant };
}

test("a healed branch takes back here what it took back there, and gives nothing", async () => {
  const { world, beat, carla, dora, section, first, second, role, grant } = await fork();
  assert.deepEqual([role(beat), role(carla)], ["manage", "write"]);
  world.write(section, carla, [effects.heal(world.branchOf(first, second))]);
  assert.deepEqual([role(beat), role(carla), role(dora)], ["none", "none", "none"]);
  const state = world.state(section);
  assert.ok(state.voided.has("77".repeat(32)));
  assert.ok(state.branches[0].tip.grants.has(toHex(grant)));
  assert.equal(state.grants.has(toHex(grant)), false);
});

test("a branch may be healed piece by piece, each following the tip of the one before", async () => {
  const { world, carla, section, first, second, role, anna } = await fork();
  const early = world.sign(section, carla, [effects.heal(world.branchOf(second))]);
  assert.throws(() => replay(world.logs, early), { code: "contradiction" });
  world.write(section, carla, [effects.heal(world.branchOf(first))]);
  assert.equal(role(carla), "write");
  world.write(section, carla, [effects.heal(world.branchOf(second))]);
  assert.equal(role(carla), "none");
  assert.equal(role(anna), "manage");
});

test("a branch without good receipts, out of order, forged or of this very log heals nothing", async () => {
  const { world, anna, beat, carla, section, first, second, role } = await fork();
  const good = world.branchOf(first, second);
  const notAcknowledged = [[good[0][0], good[1][1]]];
  const own = world.logs.logs.get(section).operations;
  const forged = world.sign(section, { id: anna.id, signSeed: beat.signSeed }, [effects.close()], {
    body: { 3: 1, 4: fromHex(own[0].id) },
  });
  const branches = [[], notAcknowledged, [good[1], good[0]], [good[0], good[0]], world.branchOf(own[1])];
  for (const branch of branches) {
    assert.throws(() => world.write(section, carla, [effects.heal(branch)]), { code: "contradiction" });
  }
  assert.throws(() => world.write(section, carla, [effects.heal(world.branchOf(forged))]), { code: "bad_signature" });
  const unaware = { references: world.heads(section, [...world.logs.logs.keys()].filter((id) => id !== section && id !== world.logs.network)) };
  world.logs.network = "99".repeat(32);
  assert.throws(() => world.write(section, carla, [effects.heal(good)], unaware), { code: "contradiction" });
  assert.deepEqual([role(beat), role(carla)], ["manage", "write"]);
});

test("two sides that heal each other come to the same, whichever of them the relay keeps", async () => {
  const { world, carla, anna, section, first, second, role } = await fork();
  const ours = world.logs.logs.get(section).operations[1];
  const there = world.logs.copy();
  there.logs.get(section).operations.pop();
  there.logs.get(section).states.pop();
  for (const operation of [first, second]) replay(there, operation);
  const here = world.logs;
  world.logs = there;
  const healedThere = world.write(section, anna, [effects.heal(world.branchOf(ours))]);
  world.logs = here;
  world.write(section, anna, [effects.heal(world.branchOf(first, second, healedThere))]);
  assert.equal(role(carla), "none");
  assert.equal(here.operations.get(healedThere.id).length, 1);
  assert.equal(here.operations.get(ours.id).length, 2, "the own log's operations stay its own");
});

/** The logs without the last operation of one of them. */
function withoutLast(logs, space) {
  const copied = logs.copy();
  const { id } = copied.logs.get(space).operations.pop();
  copied.logs.get(space).states.pop();
  copied.operations.delete(id);
  return copied;
}

/**
 * A person's log without a branch that itself has healed one. Each branch admits a device and begins an epoch; the inner
 * one also voids an envelope and ends the grant of a third device.
 */
async function healedTwice() {
  const world = new Scribe();
  const [anna, outerDevice, innerDevice, gone] = [await device(), await device(), await device(), await device()];
  const person = world.person(anna);
  world.logs.network = world.found(anna, [effects.create("network"), effects.setRelay(world.relayKey)]);
  const kem = await kemKeyOf(fresh(32));
  const [outerEpoch, innerEpoch] = [fresh(32), fresh(32)];
  const begun = (keyId) => effects.epoch({ keyId, kem, recipients: [[fresh(32), fresh(32), 1, fresh(32)]] });
  world.write(person, anna, [effects.addDevice(gone, person)]);
  const inner = world.sign(person, anna, [
    effects.addDevice(innerDevice, person), begun(innerEpoch), effects.removeMember(gone.id, 2), effects.void(["77".repeat(32)], []),
  ]);
  world.write(person, anna, [effects.invite(fresh(32), "read")]);
  const here = world.logs;
  const there = withoutLast(here, person);
  world.logs = there;
  const healing = world.write(person, anna, [effects.heal(world.branchOf(inner))]);
  const added = world.sign(person, anna, [effects.addDevice(outerDevice, person), begun(outerEpoch)]);
  world.logs = here;
  return { world, there, anna, person, inner, outer: [healing, added], outerDevice, innerDevice, gone, outerEpoch, innerEpoch };
}

test("what a branch had healed itself is not known here with it; what it ended and voided there is part of its end", async () => {
  const { world, there, anna, person, inner, outer, outerDevice, innerDevice, gone, outerEpoch, innerEpoch } = await healedTwice();
  const here = world.logs;
  const verdictOn = (logs, author) => {
    world.logs = logs;
    const operation = world.sign(person, author, [effects.close()]);
    world.logs = here;
    return replayAll(logs, [operation]).refused[0]?.error.code;
  };
  const refersTo = ({ id, body }) => world.found(anna, [effects.create("section")], {
    references: [[fromHex(person), body.index, fromHex(id)]],
  });
  const isKnown = (keyId) => isKnownEpoch(world.state(person), toHex(keyId));
  assert.equal(verdictOn(there, innerDevice), "not_entitled", "its key is known in the branch's own past");
  assert.equal(verdictOn(here, outerDevice), "unknown_author");
  world.write(person, anna, [effects.heal(world.branchOf(...outer))]);

  for (const operation of outer) refersTo(operation);
  assert.deepEqual(outer.map(({ id }) => here.operations.get(id).length), [2, 2]);
  assert.equal(isKnown(outerEpoch), true);
  assert.equal(verdictOn(here, outerDevice), "not_entitled");

  assert.throws(() => refersTo(inner), { code: "unknown_reference" });
  assert.equal(isKnown(innerEpoch), false);
  assert.equal(verdictOn(here, innerDevice), "unknown_author");

  const state = world.state(person);
  assert.ok(state.voided.has("77".repeat(32)));
  assert.notEqual([...state.grants.values()].find(({ member }) => member.id === gone.id).ended, null);

  world.write(person, anna, [effects.heal(world.branchOf(inner))]);
  refersTo(inner);
  assert.deepEqual([isKnown(innerEpoch), verdictOn(here, innerDevice)], [true, "not_entitled"], "once it is healed here, too");
});

/** Signs operations one after the other at the end of a log, none of which this log has. */
function lostAfter(world, section, ...written) {
  const operations = [];
  for (const [author, effectsWritten] of written) {
    const last = operations.at(-1);
    const body = last === undefined ? {} : { 3: last.body.index + 1, 4: fromHex(last.id) };
    operations.push(world.sign(section, author, effectsWritten, { body }));
  }
  return operations;
}

const ascending = (recipients) => [...recipients].sort((left, right) => (toHex(left[0]) < toHex(right[0]) ? -1 : 1));

test("whom a healed branch wrapped to is not checked, also where it begins right after the log's last operation", async () => {
  const { world, anna, carla, section } = await fork();
  const keyId = fresh(32);
  const others = ascending([[fresh(32), fresh(32), 1, fresh(32)], [fresh(32), fresh(32), 2, fresh(32)]]);
  const [lost] = lostAfter(world, section, [carla, [effects.epoch({ keyId, recipients: others })]]);
  assert.equal(lost.body.index, world.state(section).length);
  assert.throws(() => replay(world.logs, lost), { code: "not_exact" });
  const healing = world.write(section, anna, [effects.heal(world.branchOf(lost))]);
  assert.equal(healing.body.index, lost.body.index);
  const state = world.state(section);
  assert.ok(isKnownEpoch(state, toHex(keyId)));
  assert.equal(currentEpoch(state), null);
  const known = world.logs.operations.get(lost.id);
  assert.deepEqual([known.index, known.length], [lost.body.index, lost.body.index]);
});

test("nor is it checked in a branch that left the log earlier", async () => {
  const { world, anna, carla, section, first } = await fork();
  const keyId = fresh(32);
  const epoch = effects.epoch({ keyId, recipients: [[fresh(32), fresh(32), 1, fresh(32)]] });
  const after = world.sign(section, anna, [epoch], { body: { 3: 2, 4: fromHex(first.id) } });
  world.write(section, carla, [effects.heal(world.branchOf(first, after))]);
  assert.ok(isKnownEpoch(world.state(section), toHex(keyId)));
});

test("a branch may pass over what is not in doubt, and wrap and link under an epoch that is stale", async () => {
  const { world, anna, carla, section } = await fork();
  const [one, two] = [fresh(32), fresh(32)];
  const wrapTo = (method) => [fresh(32), fresh(32), method, fresh(32)];
  const begun = effects.epoch({ keyId: one, recipients: world.recipients(section) });
  const passedOver = effects.epoch({ keyId: two, previous: one, recipients: [wrapTo(1)], suspended: [fresh()] });
  const wrapped = effects.wrap(two, ascending([wrapTo(1), wrapTo(2)]), [fresh()]);
  world.write(section, anna, [begun]);
  for (const [effect, code] of [[passedOver, "contradiction"], [effects.wrap(one, [wrapTo(1)]), "not_exact"]]) {
    assert.throws(() => world.write(section, carla, [effect]), { code });
  }
  const operations = lostAfter(world, section, [carla, [passedOver]], [anna, [wrapped]], [carla, [effects.link(two, one)]]);
  world.write(section, anna, [effects.heal(world.branchOf(...operations))]);
  const [epoch] = world.state(section).branches[0].epochs;
  assert.deepEqual([epoch.keyId, epoch.wraps.size, epoch.links.length], [toHex(two), 3, 1]);
  assert.equal(currentEpoch(world.state(section)).keyId, toHex(one));
});

test("a branch's author needs the right, and its form, order and succession are checked as ever", async () => {
  const { world, anna, carla, dora, section } = await fork();
  const one = fresh(32);
  const others = ascending([[fresh(32), fresh(32), 1, fresh(32)], [fresh(32), fresh(32), 1, fresh(32)]]);
  const [carlas] = [...world.state(section).grants.values()].filter(({ role }) => role === "write");
  const lowered = effects.setRole(fromHex(carlas.id), "read");
  const epoch = (fields = {}) => effects.epoch({ recipients: others, ...fields });
  const begun = [carla, [epoch({ keyId: one })]];
  const refused = [
    ["not_entitled", [dora, [epoch()]]],
    ["not_entitled", [anna, [lowered]], [carla, [epoch()]]],
    ["not_entitled", begun, [dora, [effects.wrap(one, [[fresh(32), fresh(32), 1, fresh(32)]])]]],
    ["not_exact", [carla, [epoch({ recipients: [...others].reverse() })]]],
    ["not_exact", begun, [carla, [effects.wrap(one, [])]]],
    ["contradiction", [carla, [epoch({ suspended: [fresh(), fresh()].reverse() })]]],
    ["contradiction", [carla, [epoch({ previous: fresh(32) })]]],
    ["contradiction", begun, [carla, [epoch({ keyId: one, previous: one })]]],
    ["contradiction", begun, [carla, [effects.wrap(one, [others[0]])]]],
    ["contradiction", begun, [carla, [effects.wrap(fresh(32), [[fresh(32), fresh(32), 1, fresh(32)]])]]],
  ];
  for (const [code, ...written] of refused) {
    const branch = world.branchOf(...lostAfter(world, section, ...written));
    assert.throws(() => world.write(section, anna, [effects.heal(branch)]), { code });
  }
  assert.equal(world.state(section).branches.length, 0);
});

const stale = (world, space) => isStale(View.newest(world.logs), space);

test("whom a healed branch wrapped the current epoch to makes it stale where nobody reaches them here", async () => {
  const { world, anna, beat, dora, carla, section } = await fork();
  const [doras] = [world.person(dora)];
  const epoch = fresh(32);
  const [one] = world.recipients(section).filter(([id]) => toHex(id) === carla.id);
  world.write(section, anna, [effects.epoch({ keyId: epoch, recipients: world.recipients(section) })]);
  const before = world.logs;
  const withBranch = (...effectsLost) => {
    world.logs = before.copy();
    const [lost] = lostAfter(world, section, [anna, effectsLost]);
    world.write(section, anna, [effects.invite(fresh(32), "read")]);
    assert.equal(stale(world, section), false, "before it is healed");
    world.write(section, beat, [effects.heal(world.branchOf(lost))]);
    return stale(world, section);
  };
  const toDora = [fromHex(dora.id), fromHex(dora.id), 1, fresh(32)];
  assert.equal(withBranch(effects.addSpace(doras, "read"), effects.wrap(epoch, [toDora])), true);
  assert.throws(() => world.write(section, anna, [effects.link(epoch, fresh(32))]), { code: "contradiction" });
  assert.equal(withBranch(effects.addSpace(doras, "read")), false, "added there, but given no key");
  const next = effects.epoch({ keyId: fresh(32), previous: epoch, recipients: ascending([toDora, one]) });
  assert.equal(withBranch(effects.addSpace(doras, "read"), next), false, "given another epoch's key");
  assert.equal(withBranch(effects.addSpace(doras, "read"), effects.wrap(epoch, [toDora])), true);
  world.write(section, anna, [effects.addSpace(doras, "read")]);
  assert.equal(stale(world, section), false, "added here, too");
  world.write(section, anna, [effects.removeMember(doras, 1)]);
  assert.equal(stale(world, section), true);
  world.write(section, anna, [effects.epoch({ keyId: fresh(32), previous: epoch, recipients: world.recipients(section) })]);
  assert.equal(stale(world, section), false, "a new epoch was given to nobody there");
});

test("a space that a healed branch wrapped to is asked for the epoch it was wrapped to, also where it has a wrap here", async () => {
  const { world, anna, beat, section } = await fork();
  const team = world.found(anna, [effects.create("team", { founder: anna })]);
  const annas = [...world.state(section).grants.values()][0].member.id;
  world.write(team, anna, [effects.addSpace(annas, "manage")]);
  const teams = fresh(32);
  const kem = await kemKeyOf(fresh(32));
  world.write(team, anna, [effects.epoch({ keyId: teams, kem, recipients: world.recipients(team) })]);
  const epoch = fresh(32);
  world.write(section, anna, [effects.epoch({ keyId: epoch, recipients: world.recipients(section) }), effects.addSpace(team, "read")]);
  const before = world.logs;
  const withBranchTo = (key) => {
    world.logs = before.copy();
    const [lost] = lostAfter(world, section, [anna, [effects.wrap(epoch, [[fromHex(team), key, 1, fresh(32)]])]]);
    world.write(section, anna, [effects.wrap(epoch, world.recipients(section).filter(([id]) => toHex(id) === team))]);
    assert.equal(stale(world, section), false);
    world.write(section, beat, [effects.heal(world.branchOf(lost))]);
    return stale(world, section);
  };
  assert.deepEqual([withBranchTo(teams), withBranchTo(fresh(32))], [false, true]);
});

/** The section with an epoch of its log; `withBranch` says whether it is stale once a branch that left it there is healed. */
async function forkUnderEpoch() {
  const { world, anna, beat, carla, dora, section } = await fork();
  const doras = world.person(dora);
  const epoch = fresh(32);
  world.write(section, anna, [effects.epoch({ keyId: epoch, recipients: world.recipients(section) })]);
  const before = world.logs;
  const withBranch = (written, here = [effects.invite(fresh(32), "read")]) => {
    world.logs = before.copy();
    const lost = lostAfter(world, section, ...written);
    world.write(section, anna, here);
    assert.equal(stale(world, section), false, "before it is healed");
    world.write(section, beat, [effects.heal(world.branchOf(...lost))]);
    return stale(world, section);
  };
  const link = new Uint8Array(48);
  const next = (keyId, previous, fields = {}) => effects.epoch({ keyId, previous, link, recipients: world.recipients(section), ...fields });
  const letIn = (keyId) => [effects.addSpace(doras, "read"), effects.wrap(keyId, [[fromHex(dora.id), fromHex(dora.id), 1, fresh(32)]])];
  return { world, anna, beat, carla, dora, doras, section, epoch, before, withBranch, next, letIn };
}

test("whom a branch let in after it had rotated makes the key stale where links lead back to it", async () => {
  const { anna, carla, doras, epoch, withBranch, next, letIn } = await forkUnderEpoch();
  const [one, two] = [fresh(32), fresh(32)];
  const unlinked = { link: null };
  assert.equal(withBranch([[carla, [next(one, epoch)]], [anna, letIn(one)]]), true, "by the epoch's own link");
  assert.equal(withBranch([[carla, [next(one, epoch, unlinked)]], [anna, letIn(one)]]), false, "no link");
  assert.equal(withBranch([[carla, [next(one, epoch, unlinked)]], [anna, [...letIn(one), effects.link(one, epoch)]]]), true, "by a later one");
  assert.equal(withBranch([[carla, [next(one, epoch)]], [anna, [next(two, one), ...letIn(two)]]]), true, "over another epoch");
  assert.equal(withBranch([[carla, [next(one, epoch)]], [anna, [next(two, one, { link: null, cut: true }), ...letIn(two)]]]), false, "a cut");
  const here = [effects.addSpace(doras, "read")];
  assert.equal(withBranch([[carla, [next(one, epoch)]], [anna, letIn(one)]], here), false, "let in here, too");
});

test("a branch healed piece by piece is asked as it stands at the end of each", async () => {
  const { world, anna, beat, carla, section, epoch, before, next, letIn } = await forkUnderEpoch();
  const one = fresh(32);
  world.logs = before.copy();
  const [rotated, added] = lostAfter(world, section, [carla, [next(one, epoch)]], [anna, letIn(one)]);
  world.write(section, anna, [effects.invite(fresh(32), "read")]);
  world.write(section, beat, [effects.heal(world.branchOf(rotated))]);
  assert.equal(stale(world, section), false);
  world.write(section, beat, [effects.heal(world.branchOf(added))]);
  assert.equal(stale(world, section), true);
  world.write(section, anna, [next(fresh(32), epoch)]);
  assert.equal(stale(world, section), false, "nothing there leads to a new epoch");
});

test("a branch that only rotated makes nothing stale, unless a device did it that nobody reaches here", async () => {
  const { anna, beat, dora, doras, epoch, withBranch, next } = await forkUnderEpoch();
  const one = fresh(32);
  assert.equal(withBranch([[beat, [next(one, epoch)]]]), false);
  const byDora = (fields) => [[anna, [effects.addSpace(doras, "write")]], [dora, [next(one, epoch, fields)]]];
  assert.equal(withBranch(byDora()), true, "she is none of the recipients, and yet has the key");
  assert.equal(withBranch(byDora({ link: null })), false, "no link");
  assert.equal(withBranch(byDora(), [effects.addSpace(doras, "read")]), false, "let in here, too");
});

test("a network is stale for an institution that a healed branch wrapped to, and not for a device", async () => {
  const world = new Scribe();
  const [anna, beat] = [await device(), await device()];
  const [first, second] = [anna, beat].map((founder) => world.found(founder, [effects.create("institution", { founder })]));
  const [annas, beats] = [world.person(anna), world.person(beat)];
  world.write(first, anna, [effects.addSpace(annas, "manage")]);
  world.write(second, beat, [effects.addSpace(beats, "manage")]);
  await world.begin(first, anna);
  await world.begin(second, beat);
  const network = world.found(anna, [effects.create("network"), effects.addSpace(first, "manage"), effects.setRelay(world.relayKey)]);
  world.logs.network = network;
  const { id: epoch } = await world.begin(network, anna);
  const before = world.logs;
  const withBranch = (lostThere, added = []) => {
    world.logs = before.copy();
    if (added.length > 0) world.write(network, anna, added);
    const [lost] = lostAfter(world, network, [anna, lostThere]);
    world.write(network, anna, [effects.invite(fresh(32), "read")]);
    assert.equal(stale(world, network), false);
    world.write(network, anna, [effects.heal(world.branchOf(lost))]);
    return stale(world, network);
  };
  const keyOf = (space) => currentEpoch(world.state(space)).keyId;
  const to = (id, key) => [fromHex(id), fromHex(key), 1, fresh(32)];
  const wrapTo = (id, key) => effects.wrap(fromHex(epoch), [to(id, key)]);
  const addition = effects.addSpace(second, "read");
  assert.equal(withBranch([addition, wrapTo(second, keyOf(second))]), true);
  assert.equal(withBranch([wrapTo(second, keyOf(second))]), false, "no grant of the branch names it");
  assert.equal(withBranch([wrapTo(second, keyOf(second))], [addition]), false);
  assert.equal(withBranch([wrapTo(second, keyOf(first))], [addition]), true, "named by the branch from before the fork");
  assert.equal(withBranch([wrapTo(beat.id, beat.id)]), false);
  const rotated = (link) => effects.epoch({ previous: fromHex(epoch), link, recipients: ascending([to(first, keyOf(first)), to(second, keyOf(second))]) });
  assert.equal(withBranch([addition, rotated(new Uint8Array(48))]), true, "an epoch that links back");
  assert.equal(withBranch([addition, rotated(null)]), false, "one that does not");
  assert.equal(withBranch([rotated(new Uint8Array(48))]), false, "links back, but no grant of the branch names it");
});
