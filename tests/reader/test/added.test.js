/** The vectors of what version 1 gained since its files were opened: `tests/vectors/v1/added`. */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex, toHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { PERSON_CONTAINERS, decodeChange, genesis } from "../src/document.js";
import { fingerprint } from "../src/identifiers.js";
import { deviceFromSeed } from "../src/keys.js";
import { deviceOfPaper, readPaper, readWords, wordsOf } from "../src/paper.js";
import { commitmentOf, openShare, readShareText, shareInfo } from "../src/recovery.js";
import * as sync from "../src/sync.js";
import { textOf } from "../src/texts.js";
import { each, requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";
import { requestJson, resultJson } from "./vector-json.js";

const QUESTIONS = {
  question: ({ bytes, value }) => assert.deepEqual(requestJson(sync.decodeSyncRequest(fromHex(bytes))), value),
  voided: ({ bytes, value }) => assert.deepEqual(resultJson(sync.decodeResult(fromHex(bytes))), value),
};

each("added/questions.json", (vector) => {
  requireOnlyEncoding(fromHex(vector.bytes));
  QUESTIONS[vector.name](vector);
});

test("a question has an id of 32 bytes and nothing else, and a push item or a code above the last known is malformed", () => {
  const [question, voided] = vectorsOf("added/questions.json").map(({ bytes }) => bytes);
  const asked = `818202815820${"31".repeat(32)}`;
  assert.ok(question.includes(asked) && voided.includes("0511"));
  for (const other of [`818203815820${"31".repeat(32)}`, `818202825820${"31".repeat(32)}80`, `81820281581f${"31".repeat(31)}`]) {
    assert.equal(verdictOf(() => sync.decodeSyncRequest(fromHex(question.replace(asked, other)))), "malformed", other);
  }
  assert.equal(verdictOf(() => sync.decodeResult(fromHex(voided.replace("0511", "0512")))), "malformed");
});

const added = Object.fromEntries(vectorsOf("added/papers_and_shares.json").map((vector) => [vector.name, vector]));

/** The device to whose recipient seed the vector's share is sealed, and what is published of the share. */
async function shareOfVector({ set, index, nonce, commitment, recipient_seed: seed }) {
  const published = { member: set, index, nonce: fromHex(nonce), commitment };
  return { published, device: await deviceFromSeed(fromHex(seed)) };
}

const PAPERS_AND_SHARES = {
  paper({ text, url, relay, network, fingerprint: shown }) {
    const paper = readPaper(text);
    assert.deepEqual([paper.url, toHex(paper.relay), paper.network, paper.fingerprint], [url, relay, network, shown]);
    const body = encode([1, paper.url, paper.relay, fromHex(paper.network), fromHex(paper.device)]);
    assert.equal(textOf("nahtlos-paper-", body), text);
  },
  async words({ seed, words }) {
    assert.equal(toHex(readWords(words)), seed);
    assert.equal(wordsOf(fromHex(seed)), words);
    const device = await deviceOfPaper(words, readPaper(added.paper.text));
    assert.equal(fingerprint(device.id), added.paper.fingerprint);
  },
  async share(vector) {
    const { published, device } = await shareOfVector(vector);
    const share = readShareText(vector.text);
    assert.deepEqual([share.member, share.index], [vector.set, vector.index]);
    assert.deepEqual(share.wraps.map(({ recipient }) => recipient), [device.id]);
    assert.equal(toHex(shareInfo(published.nonce, published.commitment, device.id)), vector.info);
    assert.equal(commitmentOf(vector.set, vector.index, fromHex(vector.value)), vector.commitment);
    assert.equal(toHex(await openShare(published, device, share.wraps[0].bytes)), vector.value);
    const wraps = share.wraps.map(({ recipient, bytes }) => [fromHex(recipient), bytes]);
    assert.equal(textOf("nahtlos-share-", encode([1, fromHex(share.member), share.index, wraps])), vector.text);
  },
  "genesis of a person's document"({ containers, hash }) {
    assert.deepEqual(PERSON_CONTAINERS, containers);
    assert.equal(decodeChange(genesis(containers)).hash, hash);
  },
};

each("added/papers_and_shares.json", (vector) => PAPERS_AND_SHARES[vector.name](vector));

test("the vector's share opens for its device alone, under its member's nonce, number and commitment alone", async () => {
  const { published, device } = await shareOfVector(added.share);
  const wrap = readShareText(added.share.text).wraps[0].bytes;
  const refused = async (code, changed, opener = device) => assert.rejects(openShare({ ...published, ...changed }, opener, wrap), { code });
  await refused("does_not_open", {}, await deviceFromSeed(new Uint8Array(32)));
  await refused("does_not_open", { nonce: new Uint8Array(16) });
  await refused("does_not_open", { commitment: commitmentOf(published.member, 3, fromHex(added.share.value)) });
  await refused("share_wrong", { index: 3 });
  await refused("share_wrong", { member: "06".repeat(32) });
});

test("a paper or share text with another letter, or another's body is mistyped, and one with another prefix another text; spaces and case do not matter", () => {
  const [paper, share] = [added.paper.text, added.share.text];
  const spread = (text) => ` ${text.toUpperCase().replace(/.{37}/g, "$&\r\n\t ")} `;
  assert.deepEqual(readPaper(spread(paper)), readPaper(paper));
  assert.deepEqual(readShareText(spread(share)), readShareText(share));
  for (const [read, text, other] of [[readPaper, paper, share], [readShareText, share, paper]]) {
    for (const position of [14, 40, text.length - 1]) {
      const letter = text[position] === "a" ? "b" : "a";
      assert.equal(verdictOf(() => read(text.slice(0, position) + letter + text.slice(position + 1))), "mistyped");
    }
    for (const each of [text.slice(0, -1), `${text}a`, text.slice(0, 14)]) assert.equal(verdictOf(() => read(each)), "mistyped", each.slice(0, 20));
    for (const each of [other, other.slice(0, 14) + text.slice(14), ""]) assert.equal(verdictOf(() => read(each)), "other_text", each.slice(0, 20));
  }
  assert.equal(verdictOf(() => readShareText(share.slice(0, 14) + paper.slice(14))), "mistyped");
  assert.equal(verdictOf(() => readPaper(paper.slice(0, 14) + share.slice(14))), "mistyped");
});
