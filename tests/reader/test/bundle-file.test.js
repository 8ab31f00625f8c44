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
const MADE_AT = 1_700_000_000_000;
const wrap = { recipient: id("55"), bytes: "66666666" };

/** What each vector says, by the forms of §29 alone. */
const FILES = {
  bundle: {
    opening: "nahtlos-bundle-v1\n",
    read: readBundleFile,
    value: {
      head: {
        version: 1, network: id("11"), device: id("22"), made_at_ms: MADE_AT, is_whole: true,
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
      head: { version: 1, network: id("11"), device: id("22"), made_at_ms: MADE_AT, logs: [{ space: id("33"), length: 7, opens: true }] },
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
  const result = read(fromHex(file));
  assert.deepEqual(snake(result), value);
  for (const part of parts) requireOnlyEncoding(fromHex(part));
  const again = writeParts(result).map(written);
  assert.deepEqual(again.map(toHex), parts);
  assert.equal(toHex(fileOf(opening, again)), file);
});

test("a file with any one byte altered, cut off anywhere or followed by a byte is refused, and another digit as its version needs newer", () => {
  for (const [name, { opening, read }] of Object.entries(FILES)) {
    const file = fromHex(vectors[name].file);
    const verdict = (bytes) => verdictOf(() => read(bytes));
    for (let offset = 0; offset < file.length; offset += 1) {
      for (const bit of [1, 0x80]) {
        const altered = Uint8Array.from(file);
        altered[offset] ^= bit;
        const isDigit = offset === opening.length - 2 && bit === 1;
        const [refused, expected] = [verdict(altered), isDigit ? ["needs_newer"] : ["malformed", "too_large"]];
        assert.ok(expected.includes(refused), `${name}, byte ${offset}: ${refused}`);
      }
      assert.equal(verdict(file.subarray(0, offset)), "malformed", `${name}, ${offset} bytes`);
    }
    assert.equal(verdict(concat(file, new Uint8Array(1))), "malformed");
    assert.equal(verdict(fromHex(vectors[name === "bundle" ? "request" : "bundle"].file)), "malformed");
    for (const digit of "023456789") assert.equal(verdict(fileOf(opening.replace("1", digit), partsOf(name))), "needs_newer", digit);
    assert.equal(verdict(utf8(opening.replace("1", "2"))), "needs_newer", "whatever follows it");
    for (const other of ["1 ", "1", "a\n", "10\n", "\n"]) {
      assert.equal(verdict(fileOf(opening.replace("1\n", other), partsOf(name))), "malformed", JSON.stringify(other));
    }
  }
});

/** One place in one part of a vector altered, and the digest right. */
function verdictOfPart(name, index, alter) {
  const { opening, read } = FILES[name];
  const parts = partsOf(name);
  const value = decode(parts[index]);
  parts[index] = encode(alter(value) ?? value);
  return verdictOf(() => read(fileOf(opening, parts)));
}

const set = (...path) => (value) => {
  const place = path.slice(0, -2).reduce((at, key) => at[key], value);
  place[path.at(-2)] = path.at(-1);
};

test("each field of each part has its form: another one refuses the file, whose digest is right", () => {
  const short = new Uint8Array(31);
  const cases = {
    bundle: [
      [0, set(0, 2)], [0, set(0, 0)], [0, set(1, short)], [0, set(2, short)], [0, set(3, "x")], [0, set(4, 1)], [0, set(5, null)],
      [0, set(5, 0, 0, short)], [0, set(5, 0, 1, short)], [0, set(5, 0, 2, 0, short)], [0, set(5, 0, 2, 1, "x")],
      [0, (head) => head.slice(0, 5)], [0, (head) => [...head, null]], [0, (head) => [...head, 1]],
      [1, set(0, 0)], [1, set(0, 3)], [1, set(1, "x")], [1, set(2, null)], [1, set(2, 0, 0, short)], [1, set(3, 0, short)],
      [1, set(3, 3, 2 ** 32)], [1, set(3, 6, short)], [1, set(3, null)],
      [2, set(2, [[new Uint8Array(32), short]])], [2, (item) => item.slice(0, 2)], [2, (item) => [...item, null]],
    ],
    request: [
      [0, set(0, 2)], [0, set(1, short)], [0, set(2, short)], [0, set(3, "x")], [0, set(4, null)], [0, set(4, 0, 0, short)],
      [0, set(4, 0, 1, "x")], [0, set(4, 0, 2, 1)], [0, (head) => head.slice(0, 4)], [0, (head) => [...head, 1]],
      [1, set(0, null)], [1, set(0, 0, short)], [1, () => []], [1, (ids) => [...ids, 1]],
    ],
  };
  for (const [name, alterations] of Object.entries(cases)) {
    assert.equal(verdictOfPart(name, 0, () => {}), null);
    for (const [index, alter] of alterations) assert.equal(verdictOfPart(name, index, alter), "malformed", `${name}, part ${index}: ${alter}`);
  }
});

test("a file has a first part, none is empty, and keys, envelopes and parts have their limits", () => {
  const [head, item] = partsOf("bundle");
  const [logs, ids] = partsOf("request");
  const bundle = (parts, end) => verdictOf(() => readBundleFile(fileOf("nahtlos-bundle-v1\n", parts, end)));
  const request = (parts) => verdictOf(() => readRequestFile(fileOf("nahtlos-request-v1\n", parts)));
  assert.deepEqual([bundle([]), request([]), bundle([item]), request([ids])], Array(4).fill("malformed"));
  assert.deepEqual([bundle([head]), request([logs])], [null, null]);
  assert.equal(bundle([head, new Uint8Array(0), item]), "malformed");
  assert.equal(bundle([head, head]), "malformed");
  assert.equal(bundle([head], u32BigEndian(18_874_369)), "too_large");
  const withKeys = (count) => {
    const value = decode(head);
    value[5] = Array(count).fill(value[5][0]);
    return encode(value);
  };
  assert.deepEqual([bundle([withKeys(0)]), bundle([withKeys(2_048)]), bundle([withKeys(2_049)])], [null, null, "malformed"]);
  const named = (count) => encode([Array(count).fill(new Uint8Array(32))]);
  assert.deepEqual([request([logs, named(10_000)]), request([logs, named(10_001)])], [null, "malformed"]);
  const few = Array(1_000).fill(ids);
  assert.deepEqual([request([logs, ...few]), request([logs, ...few, ids])], [null, "malformed"]);
  const whole = (length) => encode([1, new Uint8Array(length), []]);
  assert.deepEqual([bundle([head, whole(18_874_368 - 8)]), bundle([head, whole(18_874_368 - 7)])], [null, "too_large"]);
});
