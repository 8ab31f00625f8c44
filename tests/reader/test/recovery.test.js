/** A recovery member: its card, its shares and what they make (PROTOCOL §21). */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import {
  commitmentOf, coveredBy, openShare, ownShares, presentSet, readPrintedShare, readRecoveryCard, readShareText, recoveryDevice, shareInfo, usesOf,
} from "../src/recovery.js";
import { wordsOf } from "../src/paper.js";
import { combine, inverse, multiply } from "../src/shamir.js";
import { textOf } from "../src/texts.js";
import { World, device, effects, fresh, grantIdOf } from "./fixture.js";
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

/** A set of shares of a person of an institution, all of them sealed to one device, as texts hand them over. */
async function set(threshold, count) {
  const world = new World();
  const [owner, holder] = [await device(), await device()];
  const office = world.found(holder, [effects.create("institution", { founder: holder })]);
  const member = world.person(owner, office);
  const { nonce } = world.state(member);
  const published = [];
  const texts = [];
  const printed = [];
  for (const { index, share } of split(owner.masterSeed, threshold, count)) {
    const commitment = commitmentOf(member, index, share);
    published.push({ custodian: `${index}c`.repeat(32), commitment, sealed: new Map() });
    const bytes = await sealHybrid(holder.keys.kem, shareInfo(nonce, commitment, holder.id), share);
    printed.push({ index, words: wordsOf(share) });
    texts.push({ member, index, wraps: [{ recipient: holder.id, bytes }] });
  }
  const card = { member, institution: office, threshold, shares: published };
  return { world, owner, holder, office, member, card, texts, printed, made: (given, at = card) => recoveryDevice(world.logs, at, holder, given) };
}

test("printed shares are held against the commitment of their number in the present set, and make the key with others", async () => {
  const { owner, card, texts, printed, made } = await set(2, 3);
  const [first, second, third] = printed.map(({ index, words }) => readPrintedShare(index, words));
  for (const given of [[first, second], [texts[0], third], [third, texts[1]], [first, second, third]]) assert.equal((await made(given)).id, owner.id);
  await assert.rejects(made([first]), { code: "shares_too_few" });
  await assert.rejects(made([first, texts[0]]), { code: "shares_too_few" });
  for (const index of [0, 1, 3, 4]) await assert.rejects(made([{ ...second, index }, texts[0]]), { code: "share_wrong" });
  const other = await set(2, 3);
  await assert.rejects(made([first, readPrintedShare(2, other.printed[1].words)]), { code: "share_wrong" });
  await assert.rejects(made([first, second], { ...card, member: other.member }), { code: "share_wrong" });
  const { words } = printed[1];
  const slips = [words.replace(/^\S+ /, ""), words.replace(/^\S+/, "nowhere"), words.split(" ").toReversed().join(" "), ""];
  for (const slip of slips) assert.throws(() => readPrintedShare(2, slip), { code: "share_words" });
});

/** All selections of so many elements. */
function selections(elements, size) {
  if (size === 0) return [[]];
  return elements.flatMap((element, position) => selections(elements.slice(position + 1), size - 1).map((rest) => [element, ...rest]));
}

test("as many shares as the threshold says make the member's device, whichever they are and in any order; fewer do not", async () => {
  for (const [threshold, count] of [[2, 3], [3, 5]]) {
    const { owner, card, texts, made } = await set(threshold, count);
    for (let size = threshold; size <= count; size += 1) {
      for (const chosen of selections(texts, size)) assert.equal((await made(chosen.toReversed())).id, owner.id);
    }
    const few = texts.slice(0, threshold - 1);
    await assert.rejects(made(few), { code: "shares_too_few" });
    await assert.rejects(made([...few, few[0]]), { code: "shares_too_few" });
    await assert.rejects(made(few, { ...card, threshold: threshold - 1 }), { code: "recovery_other_device" });
  }
});

test("exactly as many as the threshold are combined, the lowest numbers first, each once", async () => {
  const { world, owner, holder, member, card, texts, made } = await set(2, 4);
  const { nonce } = world.state(member);
  const share = fresh(32);
  const commitment = commitmentOf(member, 3, share);
  const bytes = await sealHybrid(holder.keys.kem, shareInfo(nonce, commitment, holder.id), share);
  const astray = { member, index: 3, wraps: [{ recipient: holder.id, bytes }] };
  const at = { ...card, shares: card.shares.with(2, { ...card.shares[2], commitment }) };
  const [first, second, , fourth] = texts;
  for (const given of [[astray, second, first], [fourth, astray, second, first], [second, first, second]]) {
    assert.equal((await made(given, at)).id, owner.id);
  }
  for (const given of [[first, astray], [astray, second, second], [fourth, astray], [fourth, astray, first]]) {
    await assert.rejects(made(given, at), { code: "recovery_other_device" });
  }
});

test("one wrong share stops all: of another set, for another device, of no number of the set, or not as published, in this order", async () => {
  const { holder, member, owner, texts, made } = await set(2, 3);
  const [first, second, third] = texts;
  const foreign = (await device()).id;
  const forOther = [{ recipient: foreign, bytes: second.wraps[0].bytes }];
  const broken = second.wraps[0].bytes.with(1167, second.wraps[0].bytes[1167] ^ 1);
  const withWrap = (bytes) => ({ ...second, wraps: [{ recipient: holder.id, bytes }] });
  const custodian = new RegExp("2c".repeat(32));
  for (const [code, message, wrong] of [
    ["share_other_set", /another set/, { ...second, member: "5f".repeat(32), wraps: [], index: 0 }],
    ["share_not_for_this_device", /nothing for this device/, { ...second, wraps: [], index: 0 }],
    ["share_not_for_this_device", /nothing for this device/, { ...second, wraps: forOther }],
    ["share_wrong", /no share 0/, { ...second, index: 0 }],
    ["share_wrong", /no share 4/, { ...second, index: 4 }],
    ["share_wrong", /no share 255/, { ...second, index: 255 }],
    ["share_wrong", custodian, withWrap(broken)],
    ["share_wrong", custodian, withWrap(new Uint8Array(0))],
    ["share_wrong", custodian, withWrap(third.wraps[0].bytes)],
  ]) {
    for (const given of [[first, wrong], [wrong, first, third], [first, second, third, wrong]]) await assert.rejects(made(given), { code, message });
  }
  const twice = { member, index: 2, wraps: [...forOther, ...second.wraps, { recipient: holder.id, bytes: broken }] };
  assert.equal((await made([first, twice])).id, owner.id, "the first for this device is taken");
  await assert.rejects(made([first, { ...twice, wraps: twice.wraps.toReversed() }]), { code: "share_wrong" });
});

test("a share that opens but is not the one whose commitment was published is wrong", async () => {
  const { world, holder, member, card, texts, made } = await set(2, 2);
  const { nonce } = world.state(member);
  const info = shareInfo(nonce, card.shares[1].commitment, holder.id);
  const bytes = await sealHybrid(holder.keys.kem, info, fresh(32));
  const wrong = { ...texts[1], wraps: [{ recipient: holder.id, bytes }] };
  await assert.rejects(made([texts[0], wrong]), { code: "share_wrong", message: new RegExp("2c".repeat(32)) });
});

test("what comes out counts if it is a live device of the member's log, also beside another one", async () => {
  const { world, owner, member, texts, made } = await set(2, 3);
  const other = await device();
  world.write(member, owner, [effects.addDevice(other, member)]);
  assert.equal((await made(texts)).id, owner.id);
  world.write(member, other, [effects.removeMember(owner.id, 2)]);
  await assert.rejects(made(texts), { code: "recovery_other_device" });
});

const WRAP = "AAECAwQFBgcICQ==";

function cardOf(changed = {}, changedShare = {}, count = 3) {
  const share = { custodian: "c1".repeat(32), commitment: "c2".repeat(32), sealed: { ["d1".repeat(32)]: WRAP }, ...changedShare };
  const recovery = { threshold: 2, shares: Array(count).fill(share), ...changed };
  return { name: "Wiederherstellung", function: "recovery", recovery };
}

/** A person of an institution, and how a card of theirs is read. */
async function cardReader() {
  const { world, office, member } = await set(2, 2);
  const read = (card, of = member, institution = office) => readRecoveryCard(world.logs, of, JSON.stringify(card && { institution, ...card }));
  return { world, office, member, read };
}

test("a recovery member's card has 2 to 10 shares and a threshold from 2 up to all of them; its function and team are for people", async () => {
  const { world, office, member, read } = await cardReader();
  const { threshold, shares, ...rest } = read(cardOf());
  assert.deepEqual(rest, { member, institution: office });
  assert.deepEqual([threshold, shares.length, shares[0].custodian, shares[2].commitment], [2, 3, "c1".repeat(32), "c2".repeat(32)]);
  assert.deepEqual([...shares[1].sealed], [["d1".repeat(32), Uint8Array.from({ length: 10 }, (_, index) => index)]]);
  for (const [least, count] of [[2, 2], [3, 3], [10, 10]]) assert.equal(read(cardOf({ threshold: least }, {}, count)).shares.length, count);
  for (const card of [{ ...cardOf(), function: "lead", team: "01".repeat(32) }, { ...cardOf(), function: 7, team: null }]) {
    assert.equal(read(card).shares.length, 3);
  }
  for (const card of [
    cardOf({}, {}, 1), cardOf({}, {}, 11), cardOf({ threshold: 1 }), cardOf({ threshold: 4 }), cardOf({ threshold: "2" }), cardOf({ threshold: 2.5 }),
    cardOf({ shares: {} }), { ...cardOf(), recovery: undefined }, { ...cardOf(), recovery: null }, null, cardOf({ shares: [null, null] }),
    cardOf({}, { custodian: "c1" }), cardOf({}, { commitment: "C2".repeat(32) }), cardOf({}, { commitment: undefined }),
  ]) {
    assert.throws(() => read(card), { code: "malformed" }, JSON.stringify(card));
  }
  assert.throws(() => readRecoveryCard(world.logs, member, "{"), { code: "malformed" });
});

test("a sealed entry of another form is for nobody, and the card stands", async () => {
  const { read } = await cardReader();
  const good = "d1".repeat(32);
  for (const wrong of [{ d1: WRAP }, { ["D2".repeat(32)]: WRAP }, { ["d2".repeat(32)]: `${WRAP}!` }, { ["d2".repeat(32)]: "AAE" }, { ["d2".repeat(32)]: 7 }]) {
    const { shares } = read(cardOf({}, { sealed: { ...wrong, [good]: WRAP } }));
    assert.deepEqual([...shares[0].sealed.keys()], [good], JSON.stringify(wrong));
  }
  for (const none of [{}, null, undefined, 7]) assert.equal(read(cardOf({}, { sealed: none })).shares[0].sealed.size, 0);
});

test("a card is of a recovery member where the member's own log names the card's institution as its guardian", async () => {
  const { world, office, member, read } = await cardReader();
  const refused = (...of) => assert.throws(() => read(cardOf(), ...of), { code: "other_institution" });
  refused(member, "01".repeat(32));
  refused(member, null);
  refused("5f".repeat(32));
  const alone = await device();
  refused(world.person(alone));
  refused(world.person(alone), null);
  refused(world.found(alone, [effects.create("team", { guardian: office, founder: alone })]));
});

test("a share text has any number of a byte and any wraps, none too, and a body of 64 KiB at most", () => {
  const wrap = [new Uint8Array(32), new Uint8Array(1168)];
  const textWith = (index, wraps) => textOf("nahtlos-share-", encode([1, new Uint8Array(32), index, wraps]));
  for (const index of [0, 1, 10, 11, 255]) assert.equal(readShareText(textWith(index, [wrap])).index, index);
  assert.throws(() => readShareText(textWith(256, [wrap])), { code: "mistyped" });
  const later = [new Uint8Array(32).fill(1), new Uint8Array(3)];
  for (const wraps of [[], [later, wrap], [wrap, wrap, later], Array(54).fill(wrap)]) {
    const read = readShareText(textWith(1, wraps)).wraps;
    assert.deepEqual(read.map(({ bytes }) => bytes), wraps.map(([, bytes]) => bytes));
  }
  assert.throws(() => readShareText(textWith(1, [[new Uint8Array(31), new Uint8Array(0)]])), { code: "mistyped" });
  assert.throws(() => readShareText(textWith(1, Array(55).fill(wrap))), { code: "mistyped" });
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

/** The set that a device reads in the directory, and that device's own share of it. */
async function readSet({ world, id, member }, custodian) {
  const { reading, people } = await readAs(world, id, custodian);
  const card = readRecoveryCard(reading.logs, member, people[member]);
  return { card, own: ownShares(card, custodian), logs: reading.logs };
}

test("custodians' devices open their shares from the directory, one hands its own over, and together they are the member", async () => {
  const made = await recoverable();
  const { world, member, anna, carla, key } = made;
  const [annas, carlas] = [await readSet(made, anna), await readSet(made, carla)];
  assert.deepEqual([annas, carlas].map(({ own }) => own.map(({ index }) => index)), [[1], [2]]);
  const { nonce } = world.state(member);
  const { commitment } = carlas.card.shares[1];
  const share = await openShare({ member, index: 2, nonce, commitment }, carla, carlas.own[0].wraps[0].bytes);
  const wrap = await sealHybrid(anna.keys.kem, shareInfo(nonce, commitment, anna.id), share);
  const handed = readShareText(textOf("nahtlos-share-", encode([1, fromHex(member), 2, [[fromHex(anna.id), wrap]]])));
  assert.equal((await recoveryDevice(annas.logs, annas.card, anna, [...annas.own, handed])).id, key.id);
  await assert.rejects(recoveryDevice(carlas.logs, carlas.card, carla, [...carlas.own, handed]), { code: "share_not_for_this_device" });
});

test("what a device of the member's log does where the member was ever added is a use, and nothing in its own log or elsewhere", async () => {
  const { world, member, team, key, anna, carlas } = await recoverable();
  assert.deepEqual(usesOf(world.logs, member), []);
  const other = await device();
  world.write(member, key, [effects.addDevice(other, member)]);
  world.found(key, [effects.create("team", { founder: key })]);
  assert.deepEqual(usesOf(world.logs, member), []);
  const first = world.write(team, key, [effects.addSpace(carlas, "manage")]);
  const second = world.write(team, other, [effects.invite(fresh(32), "read")]);
  const section = world.found(key, [effects.create("section", { founder: key }), effects.addSpace(member, "manage")]);
  const uses = [first, second].map(({ id }) => ({ space: team, operation: id }));
  const founding = world.logs.operationAt(section, 0).id;
  assert.deepEqual(usesOf(world.logs, member), [...uses, { space: section, operation: founding }]);
  world.write(team, anna, [effects.removeMember(member)]);
  world.write(member, other, [effects.removeMember(key.id, 2)]);
  assert.equal(usesOf(world.logs, member).length, 3, "what was done is told also when the member and the device are gone");
});

test("a member covers the groups that it manages", async () => {
  const { world, member, team, anna, annas } = await recoverable();
  world.found(anna, [effects.create("team", { founder: anna }), effects.addSpace(member, "write")]);
  world.found(anna, [effects.create("section"), effects.addSpace(annas, "manage"), effects.addSpace(member, "manage")]);
  assert.deepEqual(coveredBy(world.logs, member), [team]);
  world.write(team, anna, [effects.removeGrant(grantIdOf(world.state(team), member))]);
  assert.deepEqual(coveredBy(world.logs, member), []);
});

test("the present set is that whose member is in a group still, by a confirmed grant of any role; of several the one founded last", async () => {
  const { world, member, team, anna, first } = await recoverable();
  const members = [];
  for (const claimedAtMs of [9, 5, 5]) {
    const owner = await device();
    members.push(world.found(owner, [effects.create("person", { guardian: first }), effects.addDevice(owner, null)], { claimedAtMs }));
  }
  const sets = [member, ...members].map((each) => ({ member: each }));
  const present = (among = sets) => presentSet(world.logs, among)?.member ?? null;
  assert.equal(present(), member);
  const [late, ...early] = members;
  world.write(team, anna, early.map((each) => effects.addSpace(each, "read")));
  const [lower] = [...early].sort();
  for (const among of [sets, sets.toReversed()]) assert.equal(present(among), lower, "by the claimed time, not by the place in the log");
  const boss = await device();
  world.write(team, anna, [effects.addSpace(world.person(boss), "administer")]);
  const grant = fresh();
  world.write(team, boss, [effects.addSpace(late, "write", { grant })]);
  assert.equal(present(), lower, "nobody confirmed the one founded last yet");
  world.write(team, anna, [effects.confirm(grant)]);
  for (const among of [sets, sets.toReversed()]) assert.equal(present(among), late);
  world.write(team, anna, [late, ...early].map((each) => effects.removeMember(each)));
  assert.equal(present(), member);
  world.write(team, anna, [effects.removeMember(member)]);
  assert.equal(present(), null);
  world.found(anna, [effects.create("section", { founder: anna }), effects.addSpace(member, "manage")]);
  assert.equal(present(), null, "a section is no group");
});
