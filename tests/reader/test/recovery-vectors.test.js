/** The vectors of a recovery member (PROTOCOL §21): its card, its shares, and what texts make of them. */
import test from "node:test";
import assert from "node:assert/strict";
import { concat, fromHex, toHex, u32BigEndian } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { ReaderError } from "../src/errors.js";
import { readHandedOver } from "../src/handed-over.js";
import { deviceFromSeed } from "../src/keys.js";
import { deviceOfPaper, readPaper, readWords } from "../src/paper.js";
import { commitmentOf, openShare, ownShares, presentSet, readRecoveryCard, readShareText, recoveryDevice } from "../src/recovery.js";
import { digest } from "../src/primitives.js";
import { combine } from "../src/shamir.js";
import { textOf } from "../src/texts.js";
import { vectorsOf, verdictOf } from "./vector-files.js";

const [set, ...vectors] = vectorsOf("added/recovery.json");

/** The set's bundle file with more items behind its own. */
function withItems(items) {
  const body = fromHex(set.file).subarray(0, -36);
  const longer = concat(body, ...items.flatMap((item) => [u32BigEndian(item.length), item]), new Uint8Array(4));
  return items.length === 0 ? fromHex(set.file) : concat(longer, digest(longer));
}

async function readSet(items = []) {
  const paper = readPaper(set.paper.text);
  const device = await deviceOfPaper(set.paper.words, paper);
  const { reading } = await readHandedOver(withItems(items), { network: paper.network, seed: readWords(set.paper.words) });
  assert.deepEqual([reading.problems, reading.keyring.failures], [[], []]);
  const { people } = reading.spaces.get(paper.network).document.toJson();
  const cardOf = (member) => readRecoveryCard(reading.logs, member, people[member]);
  return { device, logs: reading.logs, people, cardOf };
}

const made = readSet();

test("added/recovery.json: the member's card, device and shares are what stands beside them, and two shares make the key", async () => {
  const { device, logs, people, cardOf } = await made;
  assert.deepEqual(JSON.parse(people[set.member]), set.card);
  const card = cardOf(set.member);
  assert.equal(card.threshold, set.threshold);
  assert.deepEqual(card.shares.map(({ commitment }, position) => ({ commitment, index: position + 1 })), set.shares.map(({ commitment, index }) => ({ commitment, index })));
  for (const { index, value, commitment } of set.shares) assert.equal(commitmentOf(set.member, index, fromHex(value)), commitment);
  for (const chosen of [[0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
    const points = chosen.map((position) => [set.shares[position].index, fromHex(set.shares[position].value)]);
    assert.equal(toHex(combine(new Map(points))), set.seed);
  }
  const member = logs.newest(set.member);
  assert.equal((await deviceFromSeed(fromHex(set.seed))).id, set.device);
  assert.deepEqual([...member.grants.values()].map((grant) => grant.member.id), [set.device]);
  assert.deepEqual([member.kind, member.epochs, member.guardian], ["person", [], set.card.institution]);
  const [own, ...others] = ownShares(card, device);
  assert.deepEqual([own.index, others], [1, []]);
  const published = { member: set.member, index: 1, nonce: member.nonce, commitment: set.shares[0].commitment };
  assert.equal(toHex(await openShare(published, device, own.wraps[0].bytes)), set.shares[0].value);
});

test("added/recovery.json: which cards are a recovery member's, and which set is the present one", async (context) => {
  const { logs, people, cardOf } = await made;
  const sets = [];
  for (const { name, member, counts } of [{ name: "the set's own", member: set.member, counts: true }, ...set.cards]) {
    await context.test(name, () => {
      assert.ok(people[member] !== undefined);
      assert.equal(verdictOf(() => sets.push(cardOf(member))) === null, counts);
    });
  }
  assert.equal(presentSet(logs, sets).member, set.member);
});

test("added/recovery.json: what the texts make that the holder of the paper is given", async (context) => {
  for (const { name, of, given, items = [], error } of vectors) {
    await context.test(name, async () => {
      assert.equal(of, set.name);
      const { device, logs, cardOf } = items.length === 0 ? await made : await readSet(items.map(fromHex));
      const card = cardOf(set.member);
      const texts = given.map((text) => readShareText(text));
      texts.forEach(({ member, index, wraps }, position) => {
        const body = encode([1, fromHex(member), index, wraps.map(({ recipient, bytes }) => [fromHex(recipient), bytes])]);
        assert.equal(textOf("nahtlos-share-", body), given[position]);
      });
      try {
        assert.equal((await recoveryDevice(logs, card, device, [...ownShares(card, device), ...texts])).id, set.device);
        assert.equal(error, null);
      } catch (thrown) {
        if (!(thrown instanceof ReaderError)) throw thrown;
        assert.equal(thrown.code, error);
      }
    });
  }
});
