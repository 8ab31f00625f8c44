/** Bundle files and requests for one (PROTOCOL §29): the vectors, and what of a file refuses all of it. */
import test from "node:test";
import assert from "node:assert/strict";
import { concat, fromHex, toHex, u32BigEndian, utf8 } from "../src/bytes.js";
import { readBundleFile, readRequestFile } from "../src/bundle-file.js";
import { decode, encode } from "../src/cbor.js";
import { digest } from "../src/primitives.js";
import { each, requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";
import { snake } from "./vector-json.js";

/** A file with these parts and the right digest, whatever the parts are. */
function fileOf(opening, parts, end = new Uint8Array(4)) {
  const body = concat(utf8(opening), ...parts.flatMap((part) => [u32BigEndian(part.length), part]), end);
  return concat(body, digest(body));
}

const id = (byte) => byte.repeat(32);
/** Of both vectors. */
const NETWORK = id("11");
const OTHER_KIND = { bundle: "not_a_bundle", request: "not_a_request" };
const MADE_AT = 1_700_000_000_000;
const wrap = { recipient: id("55"), bytes: "66666666" };

/** What each vector says, by the forms of §29 alone. */
const FILES = {
  bundle: {
    opening: "nahtlos-bundle-v1\n",
    read: readBundleFile,
    value: {
      head: {
        version: 1, network: NETWORK, device: id("22"), made_at_ms: MADE_AT, is_whole: true,
        keys: [{ space: id("33"), key_id: id("44"), wrap }],
      },
      items: [
        {
          kind: "operation", bytes: "aaaaaaaaaa", wraps: [wrap],
          receipt: {
            journal: "77".repeat(16), sequence: 9, accepted_at_ms: MADE_AT + 1, count: 2, position: 1, path: [id("88")], signature: "99".repeat(64),
          },
        },
        { kind: "envelope", bytes: "bbbbbbbbbb", wraps: [], receipt: null },
      ],
    },
    partsOf: ({ head, items }) => [
      [head.version, head.network, head.device, head.madeAtMs, head.isWhole, head.keys.map(({ space, keyId, wrap: given }) => [space, keyId, wrapOf(given)])],
      ...items.map(partOfItem),
    ],
  },
  request: {
    opening: "nahtlos-request-v1\n",
    read: readRequestFile,
    value: {
      head: { version: 1, network: NETWORK, device: id("22"), made_at_ms: MADE_AT, logs: [{ space: id("33"), length: 7, opens: true }] },
      envelopes: [id("01"), id("02")],
    },
    partsOf: ({ head, envelopes }) => [
      [head.version, head.network, head.device, head.madeAtMs, head.logs.map(({ space, length, opens }) => [space, length, opens])],
      [envelopes],
    ],
  },
};

const wrapOf = ({ recipient, bytes }) => [recipient, bytes];

function partOfItem({ kind, bytes, wraps, receipt }) {
  const item = [{ operation: 1, envelope: 2 }[kind], bytes, wraps.map(wrapOf)];
  return receipt === null ? item : [...item, Object.values(receipt)];
}

/** Written from what was read: identifiers are texts inside the reader. */
const written = (value) => encode(bytesIn(value));
function bytesIn(value) {
  if (typeof value === "string") return fromHex(value);
  return Array.isArray(value) ? value.map(bytesIn) : value;
}

const vectors = Object.fromEntries(vectorsOf("added/bundles.json").map((vector) => [vector.name, vector]));
const partsOf = (name) => vectors[name].parts.map(fromHex);

each("added/bundles.json", ({ name, file, parts }) => {
  const { opening, read, value, partsOf: writeParts } = FILES[name];
  const result = read(fromHex(file), NETWORK);
  assert.equal(verdictOf(() => read(fromHex(file), id("12"))), "bundle_other_network");
  assert.deepEqual(snake(result), value);
  for (const part of parts) requireOnlyEncoding(fromHex(part));
  const again = writeParts(result).map(written);
  assert.deepEqual(again.map(toHex), parts);
  assert.equal(toHex(fileOf(opening, again)), file);
});

/** The word for a file whose first bytes another one has. */
function expectedAt(name, offset, altered) {
  const { opening } = FILES[name];
  const version = opening.length - 2;
  if (offset < version) return OTHER_KIND[name];
  const [first, second] = [...altered.subarray(version, version + 2)].map((byte) => String.fromCharCode(byte));
  return /^[02-9]/.test(first) || /^1[0-9]/.test(first + second) ? "needs_newer" : "bundle_damaged";
}

test("a file with any one byte altered, cut off anywhere or followed by a byte is refused, and another number as its version needs newer", () => {
  for (const [name, { opening, read }] of Object.entries(FILES)) {
    const file = fromHex(vectors[name].file);
    const verdict = (bytes) => verdictOf(() => read(bytes, NETWORK));
    for (let offset = 0; offset < file.length; offset += 1) {
      for (const bit of [1, 0x80]) {
        const altered = Uint8Array.from(file);
        altered[offset] ^= bit;
        assert.equal(verdict(altered), expectedAt(name, offset, altered), `${name}, byte ${offset}`);
      }
      assert.equal(verdict(file.subarray(0, offset)), offset < opening.length - 2 ? OTHER_KIND[name] : "bundle_damaged", `${name}, ${offset} bytes`);
    }
    assert.equal(verdict(concat(file, new Uint8Array(1))), "bundle_damaged");
    assert.equal(verdict(fromHex(vectors[name === "bundle" ? "request" : "bundle"].file)), OTHER_KIND[name]);
    for (const other of [..."023456789", "10", "19", "2x"].map((version) => opening.replace("1", version))) {
      for (const bytes of [fileOf(other, partsOf(name)), utf8(other)]) assert.equal(verdict(bytes), "needs_newer", JSON.stringify(other));
    }
    assert.equal(verdict(utf8(opening.replace("1\n", "2"))), "needs_newer", "whatever follows it, also nothing");
    for (const other of ["1 ", "1", "a\n", "/\n", ":\n", "1/", "1:", "\n"]) {
      assert.equal(verdict(fileOf(opening.replace("1\n", other), partsOf(name))), "bundle_damaged", JSON.stringify(other));
    }
  }
});

/** One place in one part of a vector altered, and the digest right. */
function verdictOfPart(name, index, alter) {
  const { opening, read } = FILES[name];
  const parts = partsOf(name);
  const value = decode(parts[index]);
  parts[index] = encode(alter(value) ?? value);
  return verdictOf(() => read(fileOf(opening, parts), NETWORK));
}

const set = (...path) => (value) => {
  const place = path.slice(0, -2).reduce((at, key) => at[key], value);
  place[path.at(-2)] = path.at(-1);
};

test("each field of each part has its form: another one refuses the file, whose digest is right", () => {
  const short = new Uint8Array(31);
  const cases = {
    bundle: [
      [0, set(0, 256)], [0, set(1, short)], [0, set(2, short)], [0, set(3, "x")], [0, set(4, 1)], [0, set(5, null)],
      [0, set(5, 0, 0, short)], [0, set(5, 0, 1, short)], [0, set(5, 0, 2, 0, short)], [0, set(5, 0, 2, 1, "x")],
      [0, (head) => head.slice(0, 5)], [0, (head) => [...head, null]], [0, (head) => [...head, 1]],
      [1, set(0, 0)], [1, set(0, 3)], [1, set(1, "x")], [1, set(2, null)], [1, set(2, 0, 0, short)], [1, set(3, 0, short)],
      [1, set(3, 3, 2 ** 32)], [1, set(3, 6, short)], [1, set(3, null)],
      [2, set(2, [[new Uint8Array(32), short]])], [2, (item) => item.slice(0, 2)], [2, (item) => [...item, null]],
    ],
    request: [
      [0, set(0, 256)], [0, set(1, short)], [0, set(2, short)], [0, set(3, "x")], [0, set(4, null)], [0, set(4, 0, 0, short)],
      [0, set(4, 0, 1, "x")], [0, set(4, 0, 2, 1)], [0, (head) => head.slice(0, 4)], [0, (head) => [...head, 1]],
      [1, set(0, null)], [1, set(0, 0, short)], [1, () => []], [1, (ids) => [...ids, 1]],
    ],
  };
  for (const [name, alterations] of Object.entries(cases)) {
    assert.equal(verdictOfPart(name, 0, () => {}), null);
    for (const [index, alter] of alterations) assert.equal(verdictOfPart(name, index, alter), "bundle_damaged", `${name}, part ${index}: ${alter}`);
  }
});

test("a head's form comes before its version, that before the form of other parts, and the network after all of it", () => {
  const both = (name, alterHead, alterOther) => {
    const { opening, read } = FILES[name];
    const [head, ...others] = partsOf(name).map((part) => decode(part));
    const parts = [alterHead(head) ?? head, ...others.map((part, index) => (index === 0 ? (alterOther(part) ?? part) : part))];
    return verdictOf(() => read(fileOf(opening, parts.map((part) => encode(part))), NETWORK));
  };
  const all = (...alterations) => (value) => alterations.forEach((alter) => alter(value));
  const [newer, broken, foreign, fine] = [set(0, 2), set(3, "x"), set(1, new Uint8Array(32)), () => {}];
  for (const name of ["bundle", "request"]) {
    const other = set(0, "x");
    assert.equal(both(name, fine, () => {}), null);
    assert.equal(both(name, all(newer, broken), () => {}), "bundle_damaged");
    for (const version of [0, 2, 255]) assert.equal(both(name, set(0, version), other), "needs_newer");
    assert.equal(both(name, all(newer, foreign), () => {}), "needs_newer");
    assert.equal(both(name, foreign, other), "bundle_damaged");
    assert.equal(both(name, foreign, () => {}), "bundle_other_network");
  }
});

test("a path of any length is no matter of a file's form", () => {
  assert.equal(verdictOfPart("bundle", 1, set(3, 5, Array(21).fill(new Uint8Array(32)))), null);
});

test("a file has a first part, none is empty, and keys, envelopes and parts have their limits", () => {
  const [head, item] = partsOf("bundle");
  const [logs, ids] = partsOf("request");
  const bundle = (parts, end) => verdictOf(() => readBundleFile(fileOf("nahtlos-bundle-v1\n", parts, end), NETWORK));
  const request = (parts) => verdictOf(() => readRequestFile(fileOf("nahtlos-request-v1\n", parts), NETWORK));
  assert.deepEqual([bundle([]), request([]), bundle([item]), request([ids])], Array(4).fill("bundle_damaged"));
  assert.deepEqual([bundle([head]), request([logs])], [null, null]);
  assert.equal(bundle([head, new Uint8Array(0), item]), "bundle_damaged");
  assert.equal(bundle([head, head]), "bundle_damaged");
  assert.equal(bundle([head], u32BigEndian(18_874_369)), "bundle_damaged");
  const withKeys = (count) => {
    const value = decode(head);
    value[5] = Array(count).fill(value[5][0]);
    return encode(value);
  };
  assert.deepEqual([bundle([withKeys(0)]), bundle([withKeys(2_048)]), bundle([withKeys(2_049)])], [null, null, "bundle_damaged"]);
  const named = (count) => encode([Array(count).fill(new Uint8Array(32))]);
  assert.deepEqual([request([logs, named(10_000)]), request([logs, named(10_001)])], [null, "bundle_damaged"]);
  const few = Array(1_000).fill(ids);
  assert.deepEqual([request([logs, ...few]), request([logs, ...few, ids])], [null, "bundle_damaged"]);
  const whole = (length) => encode([1, new Uint8Array(length), []]);
  assert.deepEqual([bundle([head, whole(18_874_368 - 8)]), bundle([head, whole(18_874_368 - 7)])], [null, "bundle_damaged"]);
});
