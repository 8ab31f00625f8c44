/** A recovery member: its card, its shares and what they make (PROTOCOL §21). */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import {
  admittedDevice, commitmentOf, coveredBy, openShare, readRecoveryCard, readShareText, recoveryDevice, shareInfo, usesOf, wrapFor,
} from "../src/recovery.js";
import { combine, inverse, multiply } from "../src/shamir.js";
import { textOf } from "../src/texts.js";
import { device, effects, fresh, grantIdOf } from "./fixture.js";
import { offices, readAs } from "./offices.js";
import { Pen, sealHybrid } from "./scribe.js";

test("the field is that of AES: products and an inverse of FIPS 197", () => {
  const products = [[0x57, 0x83, 0xc1], [0x57, 0x13, 0xfe], [0x57, 0x02, 0xae], [0x57, 0x04, 0x47], [0x57, 0x08, 0x8e], [0x57, 0x10, 0x07]];
  for (const [left, right, product] of products) assert.deepEqual([multiply(left, right), multiply(right, left)], [product, product]);
  assert.deepEqual([inverse(0x53), inverse(0xca), inverse(1)], [0xca, 0x53, 1]);
  for (let element = 1; element < 256; element += 1) assert.equal(multiply(element, inverse(element)), 1);
});

test("a line through two shares that FIPS 197's products make is the secret at 0, whichever two they are", () => {
  const secret = 0x6b;
  const shares = { 2: secret ^ 0xae, 4: secret ^ 0x47, 8: secret ^ 0x8e, 16: secret ^ 0x07 };
  for (const [one, other] of [[2, 4], [4, 2], [2, 8], [8, 16], [4, 16]]) {
    const points = [one, other].map((place) => [place, Uint8Array.of(shares[place])]);
    assert.deepEqual([...combine(new Map(points))], [secret]);
  }
  assert.notEqual(combine(new Map([[2, Uint8Array.of(shares[2])], [4, Uint8Array.of(shares[8])]]))[0], secret);
});

/** Shares of a seed: a polynomial for each byte, of a degree below the threshold. */
function split(seed, threshold, count) {
  const coefficients = [seed, ...Array.from({ length: threshold - 1 }, () => fresh(32).map((byte, position) => byte ^ (position * 37 + 11)))];
  return Array.from({ length: count }, (_, position) => {
    const at = (index) => coefficients.toReversed().reduce((sum, each) => multiply(sum, position + 1) ^ each[index], 0);
    return { index: position + 1, share: Uint8Array.from({ length: 32 }, (_unused, index) => at(index)) };
  });
}

/** A set of shares, with what its member's card and log say. */
async function set(threshold, count) {
  const owner = await device();
  const member = "5e".repeat(32);
  const shares = split(owner.masterSeed, threshold, count);
  const published = shares.map(({ index, share }) => ({ custodian: `${index}c`.repeat(32), commitment: commitmentOf(member, index, share) }));
  return { log: { member, admitted: owner.id }, card: { threshold, shares: published }, shares };
}

/** All selections of so many elements. */
function selections(elements, size) {
  if (size === 0) return [[]];
  return elements.flatMap((element, position) => selections(elements.slice(position + 1), size - 1).map((rest) => [element, ...rest]));
}

test("as many shares as the threshold says make the member's device, whichever they are and in any order; fewer do not", async () => {
  for (const [threshold, count] of [[2, 3], [3, 5]]) {
    const { log, card, shares } = await set(threshold, count);
    for (let size = threshold; size <= count; size += 1) {
      for (const chosen of selections(shares, size)) assert.equal((await recoveryDevice(log, card, chosen.toReversed())).id, log.admitted);
    }
    const few = shares.slice(0, threshold - 1);
    await assert.rejects(recoveryDevice(log, card, few), { code: "too_few_shares" });
    await assert.rejects(recoveryDevice(log, card, [...few, few[0]]), { code: "too_few_shares" });
    await assert.rejects(recoveryDevice(log, { ...card, threshold: threshold - 1 }, few), { code: "other_device" });
  }
});

test("a share that is not the published one is refused by its custodian's name, and shares of another device by the log", async () => {
  const { log, card, shares } = await set(2, 3);
  const [first, second, third] = shares;
  const refused = (code, message, given, at = log) => assert.rejects(recoveryDevice(at, card, given), { code, message });
  const wrong = { index: 2, share: second.share.with(31, second.share[31] ^ 1) };
  await refused("other_share", new RegExp("2c".repeat(32)), [first, wrong, third]);
  await refused("other_share", new RegExp("2c".repeat(32)), [first, { index: 2, share: third.share }]);
  await refused("other_share", /no share 4/, [first, { ...third, index: 4 }]);
  await refused("other_share", /no share 0/, [first, { ...third, index: 0 }]);
  await refused("other_share", new RegExp("1c".repeat(32)), [first, second], { ...log, member: "5f".repeat(32) });
  await refused("other_device", /another device/, [first, second], { ...log, admitted: "00".repeat(32) });
});

const WRAP = "AAECAwQFBgcICQ==";

function cardOf(changed = {}, changedShare = {}, count = 3) {
  const share = { custodian: "c1".repeat(32), commitment: "c2".repeat(32), sealed: { ["d1".repeat(32)]: WRAP }, ...changedShare };
  const recovery = { threshold: 2, shares: Array(count).fill(share), ...changed };
  return { name: "Wiederherstellung", function: "recovery", institution: "01".repeat(32), recovery };
}

test("a recovery member's card has 2 to 10 shares and a threshold from 2 up to all of them", () => {
  const read = (card) => readRecoveryCard(JSON.stringify(card));
  const { threshold, shares } = read(cardOf());
  assert.deepEqual([threshold, shares.length, shares[0].custodian, shares[2].commitment], [2, 3, "c1".repeat(32), "c2".repeat(32)]);
  assert.deepEqual([...shares[1].sealed], [["d1".repeat(32), Uint8Array.from({ length: 10 }, (_, index) => index)]]);
  for (const [least, count] of [[2, 2], [3, 3], [10, 10]]) assert.equal(read(cardOf({ threshold: least }, {}, count)).shares.length, count);
  for (const card of [
    cardOf({}, {}, 1), cardOf({}, {}, 11), cardOf({ threshold: 1 }), cardOf({ threshold: 4 }), cardOf({ threshold: "2" }), cardOf({ threshold: 2.5 }),
    cardOf({ shares: {} }), { ...cardOf(), function: "lead" }, { ...cardOf(), recovery: undefined }, null,
    cardOf({}, { custodian: "c1" }), cardOf({}, { commitment: "C2".repeat(32) }), cardOf({}, { sealed: { d1: WRAP } }),
    cardOf({}, { sealed: { ["d1".repeat(32)]: `${WRAP}!` } }),
  ]) {
    assert.throws(() => read(card), { code: "malformed" }, JSON.stringify(card));
  }
  assert.throws(() => readRecoveryCard("{"), { code: "malformed" });
});

test("a share text has a number from 1 to 10, and a body of 64 KiB at most", () => {
  const wrap = [new Uint8Array(32), new Uint8Array(1168)];
  const textWith = (index, wraps) => textOf("nahtlos-share-", encode([1, new Uint8Array(32), index, wraps]));
  for (const index of [1, 10]) assert.equal(readShareText(textWith(index, [wrap])).index, index);
  for (const index of [0, 11, 256]) assert.throws(() => readShareText(textWith(index, [wrap])), { code: "malformed" });
  assert.equal(readShareText(textWith(1, Array(54).fill(wrap))).wraps.length, 54);
  assert.throws(() => readShareText(textWith(1, Array(55).fill(wrap))), { code: "too_large" });
});

/** A set of 2 of 2 for Anna and Carla of one institution, whose member manages a team; its card is written by Anna. */
async function recoverable() {
  const made = await offices();
  const { world, id, anna, carla, annas, carlas, first } = made;
  const key = await device();
  const member = world.person(key, first);
  const team = world.found(anna, [effects.create("team", { guardian: first, founder: anna }), effects.addSpace(annas, "manage"), effects.addSpace(member, "manage")]);
  const { nonce } = world.state(member);
  const custodians = [[annas, anna], [carlas, carla]];
  const shares = await Promise.all(split(key.masterSeed, 2, 2).map(async ({ index, share }) => {
    const [custodian, owner] = custodians[index - 1];
    const commitment = commitmentOf(member, index, share);
    const wrap = await sealHybrid(owner.keys.kem, shareInfo(nonce, commitment, owner.id), share);
    return { custodian, commitment, sealed: { [owner.id]: Buffer.from(wrap).toString("base64") } };
  }));
  const card = { name: "Schlüssel", function: "recovery", institution: first, recovery: { threshold: 2, shares } };
  world.edit(id, anna, new Pen(id, anna), (doc) => (doc.people[member] = JSON.stringify(card)));
  return { ...made, key, member, team };
}

/** What each custodian's device makes of its share, by the card in the directory as it reads it. */
async function openedShares({ world, id, member, anna, carla }) {
  return Promise.all([anna, carla].map(async (custodian, position) => {
    const { reading, people } = await readAs(world, id, custodian);
    const card = readRecoveryCard(people[member]);
    const { commitment, sealed } = card.shares[position];
    const published = { member, index: position + 1, nonce: reading.logs.newest(member).nonce, commitment };
    return { card, published, share: await openShare(published, reading.keyring.device, sealed.get(custodian.id)) };
  }));
}

test("custodians' devices open their shares from the directory, one hands its own over, and together they are the member", async () => {
  const made = await recoverable();
  const { world, member, anna, carla, key } = made;
  const [annas, carlas] = await openedShares(made);
  const { published, share } = carlas;
  const wrap = await sealHybrid(anna.keys.kem, shareInfo(published.nonce, published.commitment, anna.id), share);
  const handed = readShareText(textOf("nahtlos-share-", encode([1, fromHex(member), published.index, [[fromHex(anna.id), wrap]]])));
  assert.throws(() => wrapFor(handed, carla), { code: "not_for_this_device" });
  const taken = await openShare(published, anna, wrapFor(handed, anna));
  const log = { member, admitted: admittedDevice(world.logs, member) };
  const given = [{ index: 1, share: annas.share }, { index: handed.index, share: taken }];
  assert.equal((await recoveryDevice(log, annas.card, given)).id, key.id);
});

test("what the member's device does in a group is a use; a member that left its groups is of no present set", async () => {
  const { world, member, team, key, anna, carlas } = await recoverable();
  world.found(anna, [effects.create("team", { founder: anna }), effects.addSpace(member, "write")]);
  assert.deepEqual([coveredBy(world.logs, member), usesOf(world.logs, member)], [[team], []]);
  const { id } = world.write(team, key, [effects.addSpace(carlas, "manage")]);
  assert.deepEqual(usesOf(world.logs, member), [{ space: team, operation: id }]);
  world.write(team, anna, [effects.removeGrant(grantIdOf(world.state(team), member))]);
  assert.deepEqual(coveredBy(world.logs, member), []);
  assert.equal(usesOf(world.logs, member).length, 1);
  assert.throws(() => admittedDevice(world.logs, team), { code: "no_recovery_member" });
});
