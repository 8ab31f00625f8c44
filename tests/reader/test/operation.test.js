import test from "node:test";
import assert from "node:assert/strict";
import { decode, encode } from "../src/cbor.js";
import { concat, fromHex } from "../src/bytes.js";
import { replay } from "../src/replay.js";
import { Logs } from "../src/state.js";
import { decodeOperation, readEffect } from "../src/operation.js";
import { verifySignature } from "../src/primitives.js";
import { deviceFromSeed } from "../src/keys.js";

const masterSeed = Uint8Array.from({ length: 32 }, (_, index) => index);
const body = fromHex(
  "890102f600f65820ed7c6d9bddaea4cad76faba574d4e285d25428cf21f6b3e3b494f63c52177abd" +
    "1b0000018bcfe568008081820082055011111111111111111111111111111111",
);
const signature = fromHex(
  "9cfa84f128d873d5cddcc8f8fd919be6b2f0a36a12f869e221558fae5ca186b9" +
    "4ca286278705de8db5dd54c2c4e665054045c26b46810036b03ebe5289d8f709",
);
const signed = concat(fromHex("825848"), body, fromHex("5840"), signature);

test("operation 0 of PROTOCOL §27 has the ids given there and verifies with the device's key", async () => {
  const operation = decodeOperation(signed);
  assert.equal(signed.length, 141);
  assert.equal(operation.id, "050239fa4848b06509438fb064055bc2d88a411dc0ff7f802823356783f54841");
  assert.equal(operation.space, "3143d8348bd3a1f18a048f8a6149f6a8edb861c70fbe62fa58d7255d043fd8c0");
  assert.equal(operation.body.claimedAtMs, 1_700_000_000_000);
  assert.deepEqual(operation.body.effects, [
    { type: "Create", kind: "section", nonce: fromHex("11".repeat(16)), guardian: null, founder: null },
  ]);
  const device = await deviceFromSeed(masterSeed);
  verifySignature(device.keys.verifying, "operation/sign", operation.bodyBytes, operation.signature);
});

test("the effects of PROTOCOL §27 decode to what stands beside them", () => {
  const read = (hex) => readEffect(decode(fromHex(hex.replace(/ /g, ""))));
  assert.deepEqual(read("820d80"), { type: "Close" });
  const nonce = "50" + "11".repeat(16);
  assert.equal(read(`82 00 82 04 ${nonce}`).kind, "network");
  assert.equal(read(`82 00 83 02 ${nonce} 5820 ${"22".repeat(32)}`).guardian, "22".repeat(32));
  const add = `50${"33".repeat(16)} 820181 5820${"44".repeat(32)} 01 01`;
  const plain = read(`82 01 84 ${add}`);
  assert.deepEqual(plain.member, { type: "space", space: "44".repeat(32) });
  assert.deepEqual([plain.role, plain.history, plain.notAfterMs], ["read", "full", null]);
  assert.equal(read(`82 01 86 ${add} f6 05`).notAfterMs, 5);
  assert.deepEqual(read(`82 05 83 50${"33".repeat(16)} f6 01`), {
    type: "Remove", grant: "33".repeat(16), member: null, reason: 1,
  });
});

test("another version or suite needs a newer reader, even where the rest is of no known form", () => {
  const withBody = (changed) => encode([changed, signature]);
  const version = Uint8Array.from(body);
  version[1] = 2;
  const suite = Uint8Array.from(body);
  suite[2] = 3;
  for (const changed of [version, suite, concat(version.subarray(0, 3), fromHex("a0c0ff"))]) {
    assert.throws(() => decodeOperation(withBody(changed)), { code: "needs_newer" });
  }
  assert.throws(() => decodeOperation(withBody(concat(body.subarray(0, 3), fromHex("a0")))), { code: "malformed" });
});

test("every body cut short, and every operation with a byte more, is malformed", () => {
  for (let length = 3; length < body.length; length += 1) {
    assert.throws(() => decodeOperation(encode([body.subarray(0, length), signature])), { code: "malformed" });
  }
  assert.throws(() => decodeOperation(concat(signed, Uint8Array.of(0))), { code: "malformed" });
  assert.throws(() => decodeOperation(encode([concat(body, Uint8Array.of(0)), signature])), { code: "malformed" });
});

test("an operation that names a space at index 0, none at index 1, or holds no effect is refused in replay", () => {
  const fields = decode(body);
  const changedAt = (position, value) => {
    const changed = [...fields];
    changed[position] = value;
    return encode([encode(changed), signature]);
  };
  const other = fromHex("44".repeat(32));
  for (const [wrong, code] of [
    [changedAt(2, other), "not_next"], [changedAt(3, 1), "not_next"], [changedAt(4, other), "not_next"], [changedAt(8, []), "bad_founding"],
  ]) {
    assert.throws(() => replay(new Logs(), decodeOperation(wrong)), { code });
  }
});
