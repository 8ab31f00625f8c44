import test from "node:test";
import assert from "node:assert/strict";
import { decode, encode } from "../src/cbor.js";
import { fromHex, toHex } from "../src/bytes.js";
import { bytesOf, list, optional, read, plainEnum, struct, unsigned, variantEnum } from "../src/schema.js";

test("RFC 8949, appendix A: values this protocol uses decode and encode to the published bytes", () => {
  const examples = [
    [0, "00"], [1, "01"], [10, "0a"], [23, "17"], [24, "1818"], [25, "1819"], [100, "1864"], [1000, "1903e8"],
    [1000000, "1a000f4240"], [1000000000000, "1b000000e8d4a51000"], [18446744073709551615n, "1bffffffffffffffff"],
    [false, "f4"], [true, "f5"], [null, "f6"], [fromHex(""), "40"], [fromHex("01020304"), "4401020304"],
    ["", "60"], ["a", "6161"], ["IETF", "6449455446"], ["\"\\", "62225c"], ["ü", "62c3bc"], ["水", "63e6b0b4"],
    ["𐅑", "64f0908591"], [[], "80"], [[1, 2, 3], "83010203"], [[1, [2, 3], [4, 5]], "8301820203820405"],
    [Array.from({ length: 25 }, (_, index) => index + 1), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"],
  ];
  for (const [value, hex] of examples) {
    assert.deepEqual(decode(fromHex(hex)), value, hex);
    assert.equal(toHex(encode(value)), hex);
  }
});

test("other forms of the same value, and everything the protocol does not use, are refused", () => {
  const refused = {
    "integer in one byte too many": "1817", "in two": "1900ff", "in four": "1a0000ffff", "in eight": "1b00000000ffffffff",
    "length of bytes": "580101", "length of text": "780161", "length of an array": "980101",
    "indefinite bytes": "5f4101ff", "indefinite text": "7f6161ff", "indefinite array": "9f01ff", "break alone": "ff",
    "negative": "20", "map": "a0", "tag": "c000", "half float": "f93c00", "double": "fb3ff199999999999a",
    "undefined": "f7", "simple value 255": "f8ff", "simple false in two bytes": "f814", "text not UTF-8": "61ff",
    "surrogate": "63eda080", "bytes after": "0000", "nothing": "", "cut bytes": "4201", "cut array": "8201",
    "array longer than its bytes": "9affffffff", "array of 2^64-1": "9bffffffffffffffff", "bytes of 2^63": "5b8000000000000000",
    "nested a thousand times": "81".repeat(1000) + "00",
  };
  for (const [what, hex] of Object.entries(refused)) {
    assert.throws(() => decode(fromHex(hex)), { code: "malformed" }, what);
  }
});

test("every input of one or two bytes is refused or encodes to itself", () => {
  let accepted = 0;
  const tryOne = (bytes) => {
    let value;
    try {
      value = decode(bytes);
    } catch (error) {
      assert.equal(error.code, "malformed");
      return;
    }
    accepted += 1;
    assert.deepEqual(encode(value), bytes);
  };
  for (let first = 0; first < 256; first += 1) {
    tryOne(Uint8Array.of(first));
    for (let second = 0; second < 256; second += 1) tryOne(Uint8Array.of(first, second));
  }
  assert.ok(accepted > 100);
});

test("an absent optional is null before a present field and left out at the end", () => {
  const shape = struct([["first", unsigned(8)], ["second", optional(unsigned(8))], ["third", optional(bytesOf(1))]]);
  assert.deepEqual(read(shape, fromHex("8101")), { first: 1, second: null, third: null });
  assert.deepEqual(read(shape, fromHex("820102")), { first: 1, second: 2, third: null });
  assert.deepEqual(read(shape, fromHex("8301f64107")), { first: 1, second: null, third: fromHex("07") });
  for (const hex of ["80", "8201f6", "8301f6f6", "830102f6", "840102410701", "81f6", "82190100f6", "01"]) {
    assert.throws(() => read(shape, fromHex(hex)), { code: "malformed" }, hex);
  }
});

test("an enum number that is not known needs a newer reader; a wrong form is malformed", () => {
  const plain = plainEnum({ 1: "read" });
  assert.equal(plain(1), "read");
  assert.throws(() => plain(2), { code: "needs_newer" });
  assert.throws(() => plain(fromHex("01")), { code: "malformed" });
  const variant = variantEnum({ 13: { type: "Close", fields: [] } });
  assert.deepEqual(read(variant, fromHex("820d80")), { type: "Close" });
  assert.throws(() => read(variant, fromHex("821863 80".replace(" ", ""))), { code: "needs_newer" });
  for (const hex of ["0d", "810d", "820d8101", "820d00", "830d8000"]) {
    assert.throws(() => read(variant, fromHex(hex)), { code: "malformed" }, hex);
  }
});

test("a list above its limit is malformed, at its limit it is not", () => {
  const shape = list(unsigned(8), 2);
  assert.deepEqual(shape([1, 2]), [1, 2]);
  assert.throws(() => shape([1, 2, 3]), { code: "malformed" });
});
