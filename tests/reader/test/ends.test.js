import test from "node:test";
import assert from "node:assert/strict";
import { contentRole } from "../src/rights.js";
import { effectiveRecipients, isStale } from "../src/recipients.js";
import { View } from "../src/state.js";
import { concat } from "../src/bytes.js";
import { sign, verifyingKeyOf } from "../src/primitives.js";
import { World, device, effects, fresh, fromHex, grantIdOf, toHex } from "./fixture.js";

/** A section of three persons: Anna manages, Beat writes, Carla reads. */
async function section() {
  const world = new World();
  const [anna, beat, carla] = [await device(), await device(), await device()];
  const [annas, beats, carlas] = [anna, beat, carla].map((who) => world.person(who));
  const id = world.found(anna, [
    effects.create("section"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "write"), effects.addSpace(carlas, "read"),
  ]);
  const epoch = fresh(32);
  world.write(id, anna, [effects.epoch({ keyId: epoch, recipients: world.recipients(id) })]);
  const grantOf = (member) => grantIdOf(world.state(id), member);
  const role = (who) => contentRole(View.newest(world.logs), who.id, id);
  const stale = () => isStale(View.newest(world.logs), id);
  return { world, anna, beat, carla, annas, beats, carlas, id, epoch, grantOf, role, stale };
}

test("a role is lowered by who changes members and raised only by who manages", async () => {
  const { world, anna, beat, beats, carla, carlas, id, grantOf, role } = await section();
  assert.throws(() => world.write(id, beat, [effects.setRole(grantOf(carlas), "write")]), { code: "not_entitled" });
  world.write(id, anna, [effects.setRole(grantOf(carlas), "write"), effects.setRole(grantOf(beats), "read")]);
  assert.deepEqual([role(beat), role(carla)], ["read", "write"]);
  for (const same of ["write", "administer"]) {
    assert.throws(() => world.write(id, anna, [effects.setRole(grantOf(carlas), same)]), { code: "contradiction" });
  }
});

test("a keyless administrator removes and lowers, but does not raise, and is given no key", async () => {
  const { world, anna, carlas, beats, id, grantOf, carla, beat, role } = await section();
  const dora = await device();
  const doras = world.person(dora);
  world.write(id, anna, [effects.addSpace(doras, "administer")]);
  assert.equal(role(dora), "none");
  assert.ok(!effectiveRecipients(View.newest(world.logs), id).has(dora.id));
  assert.throws(() => world.write(id, dora, [effects.setRole(grantOf(carlas), "write")]), { code: "not_entitled" });
  world.write(id, dora, [effects.setRole(grantOf(beats), "read"), effects.removeMember(carlas, 1)]);
  assert.deepEqual([role(beat), role(carla)], ["read", "none"]);
  const eva = await device();
  const evas = world.person(eva);
  world.write(id, dora, [effects.addSpace(evas, "read")]);
  assert.equal(role(eva), "none", "not confirmed");
  world.write(id, anna, [effects.confirm(grantOf(evas))]);
  assert.equal(role(eva), "read");
});

test("a grant ends at its time by the author's clock, not before, and only if it has one", async () => {
  const { world, anna, beat, beats, carla, carlas, id, role, grantOf } = await section();
  const grant = fresh();
  world.write(id, anna, [effects.removeMember(carlas, 0), effects.addSpace(carlas, "write", { grant, notAfterMs: 1000 })]);
  assert.throws(() => world.write(id, beat, [effects.expire(grant)], { claimedAtMs: 999 }), { code: "contradiction" });
  assert.throws(() => world.write(id, beat, [effects.expire(grantOf(beats))], { claimedAtMs: 5000 }), { code: "contradiction" });
  assert.equal(role(carla), "write");
  world.write(id, beat, [effects.expire(grant)], { claimedAtMs: 1000 });
  assert.equal(role(carla), "none");
});

test("a removed grant is not removed, lowered or expired again", async () => {
  const { world, anna, carlas, id, grantOf } = await section();
  const grant = grantOf(carlas);
  world.write(id, anna, [effects.removeGrant(grant, 1)]);
  for (const effect of [effects.removeGrant(grant), effects.removeMember(carlas), effects.setRole(grant, "write"), effects.void([], [grant])]) {
    assert.throws(() => world.write(id, anna, [effect]), { code: "contradiction" });
  }
  assert.throws(() => world.write(id, anna, [[5, [null, null, 1]]]), { code: "contradiction" });
});

test("a reported wrap makes the key stale, once, and only its recipient reports it", async () => {
  const { world, anna, beat, carla, id, epoch, stale } = await section();
  assert.throws(() => world.write(id, carla, [effects.badWrap(epoch, beat.id)]), { code: "not_entitled" });
  assert.equal(stale(), false);
  world.write(id, carla, [effects.badWrap(epoch, carla.id)]);
  assert.equal(stale(), true);
  assert.throws(() => world.write(id, carla, [effects.badWrap(epoch, carla.id)]), { code: "contradiction" });
  assert.throws(() => world.write(id, carla, [effects.badWrap(fresh(32), carla.id)]), { code: "contradiction" });
  const next = fresh(32);
  world.write(id, beat, [effects.epoch({ keyId: next, previous: epoch, recipients: world.recipients(id) })]);
  assert.equal(stale(), false);
});

test("a link joins the current epoch to an earlier one, once, by anybody who reads", async () => {
  const { world, anna, carla, id, epoch } = await section();
  const next = fresh(32);
  assert.throws(() => world.write(id, carla, [effects.link(epoch, next)]), { code: "contradiction" });
  world.write(id, anna, [effects.epoch({ keyId: next, previous: epoch, recipients: world.recipients(id) })]);
  assert.throws(() => world.write(id, carla, [effects.link(next, epoch, new Uint8Array(47))]), { code: "contradiction" });
  assert.throws(() => world.write(id, carla, [effects.link(next, next)]), { code: "contradiction" });
  world.write(id, carla, [effects.link(next, epoch)]);
  assert.throws(() => world.write(id, carla, [effects.link(next, epoch)]), { code: "contradiction" });
});

test("a closed space takes access back and gives none", async () => {
  const { world, anna, beats, carlas, id, epoch, grantOf, role, carla } = await section();
  world.write(id, anna, [effects.close()]);
  const dora = await device();
  const doras = world.person(dora);
  const refused = [
    effects.addSpace(doras, "read"), effects.setRole(grantOf(carlas), "write"), effects.close(), effects.invite(fresh(32), "read"),
    effects.epoch({ previous: epoch, recipients: world.recipients(id) }),
  ];
  for (const effect of refused) assert.throws(() => world.write(id, anna, [effect]), { code: "contradiction" });
  world.write(id, anna, [effects.setRole(grantOf(beats), "read"), effects.removeMember(carlas, 5), effects.void(["11".repeat(32)], [])]);
  assert.equal(role(carla), "none");
});

test("the key is stale when the device that began the epoch has gone, or a member's own key has moved on", async () => {
  const { world, anna, beat, annas, beats, id, epoch, stale } = await section();
  world.write(id, beat, [effects.epoch({ previous: epoch, recipients: world.recipients(id) })]);
  assert.equal(stale(), false);
  world.write(id, anna, [effects.removeMember(beats, 1)]);
  assert.equal(stale(), true);

  const first = fresh(32);
  world.write(annas, anna, [effects.epoch({ keyId: first, kem: anna.keys.kem, recipients: world.recipients(annas) })]);
  const second = world.found(anna, [effects.create("section"), effects.addSpace(annas, "manage")]);
  world.write(second, anna, [effects.epoch({ recipients: world.recipients(second) })]);
  const isSecondStale = () => isStale(View.newest(world.logs), second);
  assert.equal(isSecondStale(), false);
  world.write(annas, anna, [effects.epoch({ previous: first, kem: anna.keys.kem, recipients: world.recipients(annas) })]);
  assert.equal(isSecondStale(), true);
});

test("an invitation admits one newcomer, with its role and its key's signature", async () => {
  const { world, anna, id } = await section();
  const [dora, eva] = [await device(), await device()];
  const [doras, evas] = [world.person(dora), world.person(eva)];
  const seed = fresh(32);
  const key = verifyingKeyOf(seed);
  world.write(id, anna, [effects.invite(key, "write")]);
  assert.throws(() => world.write(id, anna, [effects.invite(key, "read")]), { code: "contradiction" });
  const proof = (member, signer = seed) => [key, sign(signer, "invitation/sign", concat(fromHex(id), fromHex(member)))];
  const add = (member, role, invitation) => effects.addSpace(member, role, { invitation });
  assert.throws(() => world.write(id, anna, [add(doras, "read", proof(doras))]), { code: "contradiction" });
  for (const wrong of [proof(evas), proof(doras, fresh(32))]) {
    assert.throws(() => world.write(id, anna, [add(doras, "write", wrong)]), { code: "bad_signature" });
  }
  world.write(id, anna, [add(doras, "write", proof(doras))]);
  assert.throws(() => world.write(id, anna, [add(evas, "write", proof(evas))]), { code: "contradiction" });
});

test("a person admits a device with its countersignature, once", async () => {
  const { world, anna, annas, beats } = await section();
  const laptop = await device();
  assert.throws(() => world.write(annas, anna, [effects.addDevice(laptop, beats)]), { code: "bad_signature" });
  assert.throws(() => world.write(beats, anna, [effects.addDevice(laptop, beats)]), { code: "not_entitled" });
  const added = effects.addDevice(laptop, annas, "write");
  world.write(annas, anna, [added]);
  assert.equal(contentRole(View.newest(world.logs), laptop.id, annas), "write");
  assert.throws(() => world.write(annas, anna, [effects.addDevice(laptop, annas)]), { code: "contradiction" });
});

test("a space whose devices are all gone is confirmed by who writes in a space above it", async () => {
  const world = new World();
  const [anna, beat] = [await device(), await device()];
  const annas = world.person(anna);
  const office = world.found(anna, [effects.create("institution"), effects.addSpace(annas, "manage"), effects.addSpace(annas, "administer")]);
  const beats = world.person(beat, office);
  world.write(office, anna, [effects.addSpace(beats, "write")]);
  world.write(beats, beat, [effects.removeMember(beat.id, 2)]);
  assert.throws(() => world.write(beats, beat, [effects.addDevice(beat, beats)]), { code: "not_entitled" });
  const phone = await device();
  const added = effects.addDevice(phone, beats);
  world.write(beats, anna, [added]);
  const role = () => contentRole(View.newest(world.logs), phone.id, beats);
  assert.equal(role(), "none", "the guardian's administrator holds no key here");
  world.write(beats, anna, [effects.confirm(added[1][0])]);
  assert.equal(role(), "manage");
});
