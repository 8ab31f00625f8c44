/** A person's further devices (PROTOCOL §21): what they are called, and how one asks to be let in. */
import test from "node:test";
import assert from "node:assert/strict";
import { ImmutableString } from "@automerge/automerge";
import { concat, fromHex, toHex, utf8 } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { readDeviceRequest } from "../src/devices.js";
import { PERSON_CONTAINERS } from "../src/document.js";
import { wrapHash } from "../src/identifiers.js";
import { readDeviceText } from "../src/joining.js";
import { epochFromSeed, wrapInfo } from "../src/keys.js";
import { derive, kemKeyOf, sign, verifyingKeyOf } from "../src/primitives.js";
import { seal } from "../src/sealing.js";
import { currentEpoch } from "../src/state.js";
import { textOf } from "../src/texts.js";
import { World, device, effects, fresh, memberOf } from "./fixture.js";
import { offices, readAs } from "./offices.js";
import { Pen, sealHybrid } from "./scribe.js";

/** Anna of a network with a second device, whose name at its admission was "Tablet", where nothing else is said. */
async function twoDevices({ sealUnder = (epoch) => epoch, plaintext = utf8("Tablet") } = {}) {
  const made = await offices();
  const { world, anna, annas } = made;
  const tablet = await device();
  const grant = fresh();
  const epoch = sealUnder(world.seeds.get(currentEpoch(world.state(annas)).keyId));
  const basis = sealedTo({ key: epoch.labelKey, labelName: "sealed-label", header: grant }, plaintext);
  world.write(annas, anna, [effects.addDevice(tablet, annas, "manage", { grant, basis })]);
  await world.begin(annas, anna);
  return { ...made, tablet };
}

/** `salt ‖ commitment ‖ ciphertext`. */
function sealedTo(base, plaintext) {
  const salt = fresh(32);
  const { commitment, ciphertext } = seal({ ...base, salt, plaintext });
  return concat(salt, commitment, ciphertext);
}

const personsPen = (space, who) => new Pen(space, who, PERSON_CONTAINERS);

test("a person has no document before the first renaming; a device is called by its basis, for the person's devices alone", async () => {
  const { world, id, anna, annas, beat, tablet } = await twoDevices();
  for (const [who, named] of [[anna, { [annas]: { [tablet.id]: "Tablet" } }], [tablet, { [annas]: { [tablet.id]: "Tablet" } }], [beat, {}]]) {
    const { json, problems } = await readAs(world, id, who);
    assert.deepEqual(json.devices, named);
    assert.equal(json.spaces[annas].document, null);
    assert.deepEqual(problems, []);
  }
});

test("the name in the person's document comes before the basis, whether it is an immutable string or a text", async () => {
  const { world, id, anna, annas, beat, tablet } = await twoDevices();
  const [annasPen, tabletsPen] = [personsPen(annas, anna), personsPen(annas, tablet)];
  const first = world.edit(annas, anna, annasPen, (doc) => (doc.devices[anna.id] = new ImmutableString("Büro")));
  tabletsPen.read(annasPen);
  world.edit(annas, tablet, tabletsPen, (doc) => (doc.devices[tablet.id] = "Küche"), { parents: [first] });
  const names = { [anna.id]: "Büro", [tablet.id]: "Küche" };
  for (const who of [anna, tablet]) {
    const { json, problems } = await readAs(world, id, who);
    assert.deepEqual(problems, []);
    assert.deepEqual(json.devices, { [annas]: names });
    assert.deepEqual(json.spaces[annas].document, { devices: names });
  }
  const { json, problems } = await readAs(world, id, beat);
  assert.deepEqual([json.devices, json.unread.length, problems], [{}, 2, []]);
});

test("what is no string is no name, and the basis stands", async () => {
  const { world, id, anna, annas, tablet } = await twoDevices();
  world.edit(annas, anna, personsPen(annas, anna), (doc) => Object.assign(doc.devices, { [anna.id]: 7, [tablet.id]: { name: "x" } }));
  assert.deepEqual((await readAs(world, id, anna)).json.devices, { [annas]: { [tablet.id]: "Tablet" } });
});

test("a person's document has the containers of a person: a change on top of others is refused", async () => {
  const { world, id, anna, annas } = await twoDevices();
  const edit = world.edit(annas, anna, new Pen(annas, anna), (doc) => (doc.people.x = 1));
  const { json, problems } = await readAs(world, id, anna);
  assert.deepEqual(problems.map((each) => [each.id, each.code]), [[edit, "missing_dependency"]]);
  assert.deepEqual(json.spaces[annas].document, { devices: {} });
});

test("a basis that does not open, or is no UTF-8, names nobody and is no problem; an empty one is a name", async () => {
  for (const [names, changed] of [
    [{}, { sealUnder: () => ({ labelKey: fresh(32) }) }],
    [{}, { plaintext: Uint8Array.of(0x54, 0xff) }],
    [{ name: "" }, { plaintext: new Uint8Array(0) }],
  ]) {
    const { world, id, anna, annas, tablet } = await twoDevices(changed);
    const called = "name" in names ? { [annas]: { [tablet.id]: names.name } } : {};
    for (const who of [anna, tablet]) {
      const { json, problems } = await readAs(world, id, who);
      assert.deepEqual([json.devices, problems], [called, []]);
    }
  }
});

test("a basis is sealed under the epoch that its operation begins, and under the one before it names nobody", async () => {
  for (const [sealedUnder, names] of [["new", { name: "Tablet" }], ["old", {}]]) {
    const { world, id, anna, annas } = await offices();
    const tablet = await device();
    const [grant, epoch] = [fresh(), epochFromSeed(fresh(32))];
    const previous = world.seeds.get(currentEpoch(world.state(annas)).keyId);
    const { labelKey } = { new: epoch, old: previous }[sealedUnder];
    const basis = sealedTo({ key: labelKey, labelName: "sealed-label", header: grant }, utf8("Tablet"));
    const wraps = await Promise.all([anna, tablet].map(async ({ id: to, keys }) => {
      return [fromHex(to), await sealHybrid(keys.kem, wrapInfo(world.state(annas).nonce, epoch.id, to, to), epoch.seed)];
    }));
    const recipients = wraps.map(([to, wrap]) => [to, to, 1, fromHex(wrapHash(wrap))]).sort(([left], [right]) => (toHex(left) < toHex(right) ? -1 : 1));
    const link = world.linkOf(epoch, previous.id);
    const begun = effects.epoch({ keyId: fromHex(epoch.id), kem: await kemKeyOf(epoch.kemSeed), previous: fromHex(previous.id), link, recipients });
    world.write(annas, anna, [effects.addDevice(tablet, annas, "manage", { grant, basis }), begun], { wraps });
    const { json, problems } = await readAs(world, id, anna);
    assert.deepEqual([json.devices, problems], ["name" in names ? { [annas]: { [tablet.id]: names.name } } : {}, []], sealedUnder);
    assert.ok(json.spaces[annas].epochs.every(({ opened }) => opened));
  }
});

test("an empty name in the person's document comes before the basis", async () => {
  const { world, id, anna, annas, tablet } = await twoDevices();
  world.edit(annas, anna, personsPen(annas, anna), (doc) => (doc.devices[tablet.id] = new ImmutableString("")));
  assert.deepEqual((await readAs(world, id, anna)).json.devices, { [annas]: { [tablet.id]: "" } });
});

test("a person's document begins with the first envelope that verifies, also with one that does not count, and with no other", async () => {
  const { world, id, anna, annas, beat } = await twoDevices();
  const shown = async () => {
    const { document, heads } = (await readAs(world, id, anna)).json.spaces[annas];
    return [document, heads?.length ?? null];
  };
  const heads = world.heads(null);
  world.edit(annas, { ...anna, signSeed: beat.signSeed }, personsPen(annas, anna), (doc) => (doc.devices.x = "x"), { heads });
  assert.deepEqual(await shown(), [null, null]);
  world.edit(annas, beat, personsPen(annas, beat), (doc) => (doc.devices.x = "x"), { heads });
  assert.deepEqual(await shown(), [{ devices: {} }, 1]);
});

test("a person's first device is called by a basis under the epoch that the founding operation begins", async () => {
  const { world, id } = await offices();
  const dora = await device();
  const epoch = epochFromSeed(fresh(32));
  const grant = fresh();
  const basis = sealedTo({ key: epoch.labelKey, labelName: "sealed-label", header: grant }, utf8("Laptop"));
  const create = effects.create("person");
  const wrap = await sealHybrid(dora.keys.kem, wrapInfo(create[1][1], epoch.id, dora.id, dora.id), epoch.seed);
  const recipients = [[fromHex(dora.id), fromHex(dora.id), 1, fromHex(wrapHash(wrap))]];
  const begun = effects.epoch({ keyId: fromHex(epoch.id), kem: await kemKeyOf(epoch.kemSeed), recipients });
  const founding = [create, effects.addDevice(dora, null, "manage", { grant, basis }), begun];
  const doras = world.found(dora, founding, { wraps: [[fromHex(dora.id), wrap]] });
  const { json, problems } = await readAs(world, id, dora);
  assert.deepEqual([json.devices, problems], [{ [doras]: { [dora.id]: "Laptop" } }, []]);
});

const filled = (byte) => new Uint8Array(32).fill(byte);
const OF_PROTOCOL =
  "nahtlos-device-raaxk2duoryhgorpf5zgk3dbpexgk6dbnvygyzkyeaaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba" +
  "eaqcaibaeaqcwbaaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibfqiadambqgaydambqgaydambqgayda" +
  "mbqgaydambqgaydambqgaydanmcabaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaelaqakbifaucqkbifa" +
  "ucqkbifaucqkbifaucqkbifaucqkbifaucqkbkyeadambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydanxqei" +
  "eba";

test("the device text of PROTOCOL §27 holds what stands beside it, and is written the same again", () => {
  const invitation = readDeviceText(OF_PROTOCOL);
  const { url, relay, network, person, institution, team, seed, key } = invitation;
  assert.deepEqual([url, relay, seed, key], ["https://relay.example", filled(1), filled(6), verifyingKeyOf(filled(6))]);
  assert.deepEqual([network, person, institution, team], ["02", "03", "04", "05"].map((byte) => byte.repeat(32)));
  const fields = [1, url, ...[1, 2, 3, 4, 5, 6].map(filled)];
  assert.equal(textOf("nahtlos-device-", encode(fields)), OF_PROTOCOL);
  const other = (changed) => () => readDeviceText(textOf("nahtlos-device-", encode(changed)));
  assert.throws(other([2, ...fields.slice(1)]), { code: "needs_newer" });
  assert.throws(other(fields.slice(0, -1)), { code: "mistyped" });
  assert.throws(other([1, "x".repeat(1024), ...fields.slice(2)]), { code: "mistyped" });
  assert.throws(() => readDeviceText(OF_PROTOCOL.replace("-device-", "-invite-")), { code: "other_text" });
});

const INTRODUCED = JSON.stringify({ name: "Telefon", function: "" });

/** A request by the invitation of a device text, with anything else in it that is asked for. */
function requestOf(newcomer, person, changed = {}) {
  const { seed = filled(6), operations, asks = newcomer, space = person, consent = person, introduced = INTRODUCED } = changed;
  const proof = sign(seed, "invitation/sign", concat(fromHex(space), fromHex(asks.id)));
  const base = { key: derive(filled(6), "introduction"), labelName: "introduction", header: new Uint8Array(0) };
  const introduction = sealedTo(base, utf8(introduced));
  const elements = operations ?? [encode([0, memberOf(newcomer, consent)])];
  const body = encode([1, fromHex(space), fromHex(asks.id), [verifyingKeyOf(seed), proof], elements, introduction]);
  return encode([body, sign(seed, "join/sign", body)]);
}

test("a further device of a person is taken with its name, and refused for what is wrong with it", async () => {
  const world = new World();
  const [anna, beat, gone, newcomer] = [await device(), await device(), await device(), await device()];
  const [annas, beats] = [world.person(anna), world.person(beat)];
  world.write(annas, anna, [effects.addDevice(gone, annas)]);
  world.write(annas, anna, [effects.removeMember(gone.id, 2)]);
  const invitation = { ...readDeviceText(OF_PROTOCOL), person: annas };
  const taken = readDeviceRequest(world.logs, invitation, requestOf(newcomer, annas));
  assert.deepEqual([taken.id, taken.name, taken.keys], [newcomer.id, "Telefon", newcomer.keys]);
  const member = encode([0, memberOf(newcomer, annas)]);
  const ofSmallOrder = { ...newcomer, keys: { ...newcomer.keys, verifying: new Uint8Array(32) } };
  const tooLarge = { ...newcomer, keys: { ...newcomer.keys, kem: new Uint8Array(1216).fill(255) } };
  for (const [code, request] of [
    ["no_device", requestOf(newcomer, annas, { operations: [] })],
    ["no_device", requestOf(newcomer, annas, { operations: [member, member] })],
    ["no_device", requestOf(newcomer, annas, { operations: [encode([1, [fromHex(annas)]])] })],
    ["no_device", requestOf(newcomer, annas, { operations: [concat(member, Uint8Array.of(0))] })],
    ["other_device", requestOf(newcomer, annas, { asks: beat })],
    ["no_device", requestOf(tooLarge, annas)],
    ["no_device", requestOf(ofSmallOrder, annas, { asks: beat })],
    ["not_agreed", requestOf(newcomer, annas, { consent: beats })],
    ["other_invitation", requestOf(newcomer, annas, { seed: filled(7) })],
    ["other_invitation", requestOf(newcomer, annas, { space: beats })],
    ["already_here", requestOf(anna, annas)],
    ["known_device", requestOf(gone, annas)],
    ["other_person", requestOf(beat, annas)],
    ["unreadable", requestOf(newcomer, annas, { introduced: "{" })],
    ["unreadable", requestOf(newcomer, annas, { introduced: JSON.stringify({ name: 7, function: "" }) })],
    ["too_large", requestOf(newcomer, annas, { introduced: JSON.stringify({ name: "x".repeat(1024), function: "" }) })],
    ["other_person", requestOf(beat, annas, { introduced: "{" })],
  ]) {
    assert.throws(() => readDeviceRequest(world.logs, invitation, request), { code });
  }
});
