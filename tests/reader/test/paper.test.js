/** Papers: words, the text beside them, and who comes back by them (PROTOCOL §6, §21). */
import test from "node:test";
import assert from "node:assert/strict";
import { concat, fromHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { readClaim, readInvitation } from "../src/joining.js";
import { deviceOfPaper, readPaper, readWords, whoComesBack, wordsOf, wordsOfId } from "../src/paper.js";
import { textOf } from "../src/texts.js";
import { World, device, effects, fresh, grantIdOf } from "./fixture.js";

const filled = (byte, length = 32) => new Uint8Array(length).fill(byte);

const EIGHT = {
  "7f": "legal winner thank year wave sausage worth useful",
  "80": "letter advice cage absurd amount doctor acoustic avoid",
};

/** The 256-bit vectors that the standard publishes with its English list. */
const PUBLISHED = {
  "00": `${"abandon ".repeat(23)}art`,
  "7f": `${EIGHT["7f"]} ${EIGHT["7f"]} legal winner thank year wave sausage worth title`,
  "80": `${EIGHT["80"]} ${EIGHT["80"]} letter advice cage absurd amount doctor acoustic bless`,
  ff: `${"zoo ".repeat(23)}vote`,
};

test("the standard's own words give its entropy, and the entropy its words", () => {
  for (const [byte, words] of Object.entries(PUBLISHED)) {
    assert.deepEqual(readWords(words), fromHex(byte.repeat(32)));
    assert.equal(wordsOf(fromHex(byte.repeat(32))), words);
  }
});

test("an id's first 66 bits are six words of the list, the most significant first", () => {
  const six = (word) => Array(6).fill(word).join(" ");
  assert.deepEqual([wordsOfId("00".repeat(32)), wordsOfId("ff".repeat(32))], [six("abandon"), six("zoo")]);
  const id = `${"80".repeat(8)}bf${"00".repeat(23)}`;
  assert.equal(wordsOfId(id), PUBLISHED["80"].split(" ").slice(0, 6).join(" "), "as of the standard's entropy with the same bits");
  assert.equal(wordsOfId(`${"80".repeat(8)}80${"ff".repeat(23)}`), wordsOfId(id));
  assert.notEqual(wordsOfId(`${"80".repeat(8)}c0${"00".repeat(23)}`), wordsOfId(id));
});

test("words are refused for their number, for one that is in no list, and for the checksum, in this order", () => {
  const words = PUBLISHED["80"].split(" ");
  const typed = (changed) => readWords(changed.join(" "));
  assert.deepEqual(readWords(`\n ${PUBLISHED["80"].toUpperCase().replaceAll(" ", "\t\n ")} `), filled(0x80));
  for (const [code, changed] of [
    ["wrong_number_of_words", []],
    ["wrong_number_of_words", words.slice(1)],
    ["wrong_number_of_words", [...words, "zoo"]],
    ["wrong_number_of_words", [...Array(11).fill("abandon"), "about"]],
    ["wrong_number_of_words", ["nowhere", ...words]],
    ["unknown_word", words.with(3, "absurb")],
    ["unknown_word", words.with(3, "absu")],
    ["unknown_word", words.with(23, "baiser")],
    ["wrong_checksum", words.with(23, "bleak")],
    ["wrong_checksum", [words[1], words[0], ...words.slice(2)]],
  ]) {
    assert.throws(() => typed(changed), { code }, changed.join(" "));
  }
});

const OF_PROTOCOL =
  "nahtlos-paper-quaxk2duoryhgorpf5zgk3dbpexgk6dbnvygyzkyeaaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibae" +
  "aqcaibaeaqcwbaaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibeuaydambqgaydambqghpybk4q";

test("the paper text of PROTOCOL §27 holds what stands beside it; another form of its body is malformed", () => {
  const { url, relay, network, device: begin } = readPaper(OF_PROTOCOL);
  assert.deepEqual([url, relay, network, begin], ["https://relay.example", filled(1), "02".repeat(32), "03".repeat(10)]);
  const fields = [1, url, filled(1), filled(2), filled(3, 10)];
  assert.equal(textOf("nahtlos-paper-", encode(fields)), OF_PROTOCOL);
  const refused = (code, body) => assert.throws(() => readPaper(textOf("nahtlos-paper-", body)), { code });
  refused("mistyped", encode(fields.with(4, filled(3))));
  refused("mistyped", encode([...fields, 1]));
  refused("mistyped", concat(encode(fields), filled(0, 1)));
  refused("mistyped", new Uint8Array(0));
});

test("a text is refused for its kind, then as mistyped, then for its version, and for its form last", () => {
  const refused = (code, text) => assert.throws(() => readPaper(text), { code }, `${code} ${text}`);
  const of = (...bytes) => textOf("nahtlos-paper-", Uint8Array.from(bytes));
  for (const text of ["", "nahtlos-", "nahtlos-claim-1", textOf("nahtlos-claim-", encode([2]))]) refused("other_text", text);
  const newer = of(0x81, 2);
  const last = newer.at(-1);
  for (const text of ["nahtlos-paper-", "nahtlos-paper-1", `${newer}a`, newer.slice(0, -1) + (last === "a" ? "b" : "a")]) refused("mistyped", text);
  refused("mistyped", textOf("nahtlos-paper-", concat(encode([2]), filled(0, 1023))));
  const ofNewer = [[0x81, 2], [0x81, 0], [0x81, 0x18, 2], [0x81, 0x18, 255], [0x82, 2, 0xff], [0x81, 2, 0], [0x98, 1, 2]];
  for (const bytes of ofNewer) refused("needs_newer", of(...bytes));
  for (const bytes of [[0x81, 1], [0x81, 0x18, 1], [0x81, 0x19, 1, 0], [0x80], [0x81, 0x60], [2]]) refused("mistyped", of(...bytes));
});

test("unused bits of base 32 are zero, and any white space is dropped", () => {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const text = textOf("nahtlos-paper-", encode([1, "https://relay.exampl", filled(1), filled(2), filled(3, 10)]));
  assert.equal(readPaper(text.replace(/.{9}/g, "$&\u00a0\u2028\u3000\u0085\t")).url, "https://relay.exampl");
  assert.notEqual((text.length - "nahtlos-paper-".length) % 8, 0);
  const last = letters.indexOf(text.at(-1));
  assert.throws(() => readPaper(text.slice(0, -1) + letters[last + 1]), { code: "mistyped", message: /base 32/ });
});

test("the body of a paper, a claim or an invitation has 1,024 bytes at most", () => {
  const readers = [[readPaper, "paper"], [readClaim, "claim"], [readInvitation, "invite"]];
  for (const [read, name] of readers) {
    const codeOf = (length) => {
      try {
        read(textOf(`nahtlos-${name}-`, concat(encode([2]), filled(0, length - 2))));
      } catch ({ code }) {
        return code;
      }
      return null;
    };
    assert.deepEqual([codeOf(1024), codeOf(1025)], ["needs_newer", "mistyped"], name);
  }
  assert.equal(readClaim(textOf("nahtlos-claim-", encode([1, "x".repeat(951), filled(1), filled(2)]))).url.length, 951);
  assert.throws(() => readClaim(textOf("nahtlos-claim-", encode([1, "x".repeat(952), filled(1), filled(2)]))), { code: "mistyped" });
});

test("words of another seed are of another device than the text, also where their checksum is right", async () => {
  const owner = await device();
  const paper = { device: owner.id.slice(0, 20) };
  assert.equal((await deviceOfPaper(wordsOf(owner.masterSeed), paper)).id, owner.id);
  await assert.rejects(deviceOfPaper(PUBLISHED["7f"], paper), { code: "other_device" });
  await assert.rejects(deviceOfPaper(PUBLISHED["7f"].replace("title", "useful"), paper), { code: "wrong_checksum" });
});

/** Anna of an institution, with a paper, in three teams; the second she manages. */
async function threeTeams() {
  const world = new World();
  const [anna, paper] = [await device(), await device()];
  const office = world.found(anna, [effects.create("institution", { founder: anna })]);
  const annas = world.person(anna, office);
  world.write(annas, anna, [effects.addDevice(paper, annas)]);
  const teams = ["write", "manage", "administer"].map((role) => {
    return world.found(anna, [effects.create("team", { guardian: office, founder: anna }), effects.addSpace(annas, role)]);
  });
  return { world, anna, paper, office, annas, teams };
}

test("who comes back is the person whose log admitted the paper, of its guardian, in the team of the card or the strongest", async () => {
  const { world, paper, office, annas, teams: [written, managed, administered] } = await threeTeams();
  const teamBy = (card) => whoComesBack(world.logs, card, paper.id).team;
  assert.deepEqual(whoComesBack(world.logs, { team: written }, paper.id), { person: annas, institution: office, team: written });
  assert.deepEqual([teamBy(null), teamBy({}), teamBy({ team: office }), teamBy({ team: administered })], Array(4).fill(managed));
  const stranger = await device();
  assert.throws(() => whoComesBack(world.logs, null, stranger.id), { code: "unknown_person" });
});

test("a team of the card that the person has left does not count, and without any there is none", async () => {
  const { world, anna, paper, office, annas, teams: [written, managed] } = await threeTeams();
  const others = await device();
  const beats = world.person(others, office);
  world.write(managed, anna, [effects.addSpace(beats, "manage")]);
  world.write(managed, anna, [effects.removeGrant(grantIdOf(world.state(managed), annas))]);
  assert.equal(whoComesBack(world.logs, { team: managed }, paper.id).team, written);
  assert.equal(whoComesBack(world.logs, null, others.id).team, managed);
  const alone = await device();
  world.person(alone);
  assert.equal(whoComesBack(world.logs, null, alone.id).team, null);
});

test("a team of another institution, or of none, is not the one that somebody comes back to, whatever the card and the role say", async () => {
  const { world, anna, paper, office, annas, teams: [written, managed] } = await threeTeams();
  const beat = await device();
  const elsewhere = world.found(beat, [effects.create("institution", { founder: beat })]);
  const others = [elsewhere, null].map((guardian) => {
    return world.found(anna, [effects.create("team", { guardian, founder: anna }), effects.addSpace(annas, "manage")]);
  });
  for (const team of others) assert.equal(whoComesBack(world.logs, { team }, paper.id).team, managed);
  assert.equal(whoComesBack(world.logs, { team: written }, paper.id).team, written);
  assert.equal(world.state(annas).guardian, office);
  const alone = await device();
  const alones = world.person(alone);
  world.found(alone, [effects.create("team", { founder: alone }), effects.addSpace(alones, "manage")]);
  assert.deepEqual(whoComesBack(world.logs, null, alone.id), { person: alones, institution: null, team: null });
});

test("a team where nobody confirmed the person yet is none to come back to", async () => {
  const { world, anna, office } = await threeTeams();
  const [beat, carla] = [await device(), await device()];
  const [beats, carlas] = [world.person(beat, office), world.person(carla, office)];
  const team = world.found(anna, [
    effects.create("team", { guardian: office, founder: anna }), effects.addSpace(world.person(anna, office), "manage"), effects.addSpace(beats, "administer"),
  ]);
  const grant = fresh();
  world.write(team, beat, [effects.addSpace(carlas, "write", { grant })]);
  assert.equal(whoComesBack(world.logs, { team }, carla.id).team, null);
  world.write(team, anna, [effects.confirm(grant)]);
  assert.equal(whoComesBack(world.logs, null, carla.id).team, team);
});
