/** Papers: words, the text beside them, and who comes back by them (PROTOCOL §6, §21). */
import test from "node:test";
import assert from "node:assert/strict";
import { concat, fromHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { readClaim, readInvitation } from "../src/joining.js";
import { deviceOfPaper, readPaper, readWords, whoComesBack, wordsOf } from "../src/paper.js";
import { textOf } from "../src/texts.js";
import { World, device, effects, grantIdOf } from "./fixture.js";

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
  refused("malformed", encode(fields.with(0, 2)));
  refused("malformed", encode(fields.with(4, filled(3))));
  refused("malformed", encode([...fields, 1]));
  refused("malformed", concat(encode(fields), filled(0, 1)));
  refused("malformed", new Uint8Array(0));
});

test("the body of a paper, a claim or an invitation has 1,024 bytes at most", () => {
  const readers = [[readPaper, "paper"], [readClaim, "claim"], [readInvitation, "invite"]];
  for (const [read, name] of readers) {
    const codeOf = (length) => {
      try {
        read(textOf(`nahtlos-${name}-`, concat(filled(0x9f, 1), filled(0, length - 1))));
      } catch ({ code }) {
        return code;
      }
      return null;
    };
    assert.deepEqual([codeOf(1024), codeOf(1025)], ["malformed", "too_large"], name);
  }
  assert.equal(readClaim(textOf("nahtlos-claim-", encode([1, "x".repeat(951), filled(1), filled(2)]))).url.length, 951);
  assert.throws(() => readClaim(textOf("nahtlos-claim-", encode([1, "x".repeat(952), filled(1), filled(2)]))), { code: "too_large" });
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
    return world.found(anna, [effects.create("team", { founder: anna }), effects.addSpace(annas, role)]);
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
  const { world, anna, paper, annas, teams: [written, managed] } = await threeTeams();
  const others = await device();
  const beats = world.person(others);
  world.write(managed, anna, [effects.addSpace(beats, "manage")]);
  world.write(managed, anna, [effects.removeGrant(grantIdOf(world.state(managed), annas))]);
  assert.equal(whoComesBack(world.logs, { team: managed }, paper.id).team, written);
  assert.equal(whoComesBack(world.logs, null, others.id).team, managed);
  const alone = await device();
  world.person(alone);
  assert.equal(whoComesBack(world.logs, null, alone.id).team, null);
});
