import test from "node:test";
import assert from "node:assert/strict";
import { fromHex, toHex, concat } from "../src/bytes.js";
import * as primitives from "../src/primitives.js";
import { deviceFromSeed, epochFromSeed, openHistoryLink, openSymmetricWrap } from "../src/keys.js";
import { fingerprint, readFingerprint } from "../src/identifiers.js";

const masterSeed = Uint8Array.from({ length: 32 }, (_, index) => index);
const filled = (byte, length = 32) => new Uint8Array(length).fill(byte);

test("a device has the keys and the id that PROTOCOL §27 gives", async () => {
  const device = await deviceFromSeed(masterSeed);
  assert.equal(toHex(device.keys.verifying), "84b1be32323efd6c8e4966c2c18f10facbdcd5f0da9ddda59df2521cf8b15d5f");
  assert.equal(device.id, "ed7c6d9bddaea4cad76faba574d4e285d25428cf21f6b3e3b494f63c52177abd");
  assert.equal(fingerprint(device.id), "XNY6-V6YX-NTJC-NNVF");
  assert.equal(readFingerprint("xny6 v6yx ntjc-nnvf"), "XNY6-V6YX-NTJC-NNVF");
});

test("an epoch derives the keys of PROTOCOL §27, and its link opens the epoch before", () => {
  const epoch = epochFromSeed(filled(0x20));
  assert.equal(epoch.id, "1b05a70948ad997f4b0b47df8bf8f8f800f0278b8edeadc7e8ed1b95c469cf84");
  assert.equal(toHex(epoch.contentKey), "2e190feee453ba346adee59c31cf1217c22f5d463a06e57b7c97f5fe8ae1c888");
  assert.equal(toHex(epoch.historyKey), "7b40ffb4fbb0be9a79fe61dc7398d99bd254ca254f06f5f6e8e2c6ffeaac7050");
  assert.equal(toHex(epoch.wrapKey), "40ce279744162b46197eb045dd3d3b80baeb261622d4d80b26f0fb3b13e8dff0");
  assert.equal(toHex(epoch.labelKey), "ed7e6154179b01fabc0409fe21bc6d06845a51d4f011d5c23e593467628ef9e3");
  const link = fromHex(
    "e2a486e7c726b1e4866d736c0c772498fa4bf9e897b22a2f0710896d5a740c9d1df69bb119d31bf7cb9ba57b2b5b0150",
  );
  const previous = epochFromSeed(filled(0x1f));
  assert.deepEqual(openHistoryLink(epoch, previous.id, link).seed, filled(0x1f));
  assert.throws(() => openHistoryLink(epoch, epoch.id, link), { code: "does_not_open" });
});

test("a symmetric wrap opens to the seed of PROTOCOL §27, and not with one bit changed", () => {
  const epoch = epochFromSeed(filled(0x20));
  const wrapped = epochFromSeed(filled(0x07));
  const wrap = fromHex(
    "32e08e56fa71d63545f0c2198893562c6bf7c816cea860054b849339249ac3a7dc3518874fc8c75b9fe18a86a0bf527f",
  );
  const info = Uint8Array.of(0x69);
  assert.deepEqual(openSymmetricWrap(epoch.wrapKey, info, wrap, wrapped.id).seed, filled(0x07));
  assert.throws(() => openSymmetricWrap(epoch.wrapKey, info, wrap, epoch.id), { code: "other_epoch" });
  const changed = Uint8Array.from(wrap);
  changed[0] ^= 1;
  assert.throws(() => openSymmetricWrap(epoch.wrapKey, info, changed, wrapped.id), { code: "does_not_open" });
});

test("a signature verifies with its label and message, and in no other way", () => {
  const key = primitives.verifyingKeyOf(filled(1));
  const message = filled(2, 10);
  const signature = primitives.sign(filled(1), "operation/sign", message);
  primitives.verifySignature(key, "operation/sign", message, signature);
  assert.throws(() => primitives.verifySignature(key, "envelope/sign", message, signature), { code: "bad_signature" });
  assert.throws(() => primitives.verifySignature(key, "operation/sign", filled(3, 10), signature), {
    code: "bad_signature",
  });
});

test("a signature whose S is not reduced is refused, though the equation holds", () => {
  const key = primitives.verifyingKeyOf(filled(1));
  const signature = primitives.sign(filled(1), "operation/sign", filled(2));
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  let scalar = 0n;
  for (let index = 63; index >= 32; index -= 1) scalar = (scalar << 8n) | BigInt(signature[index]);
  scalar += order;
  const grown = Uint8Array.from(signature);
  for (let index = 0; index < 32; index += 1) grown[32 + index] = Number((scalar >> BigInt(8 * index)) & 0xffn);
  primitives.verifySignature(key, "operation/sign", filled(2), signature);
  assert.throws(() => primitives.verifySignature(key, "operation/sign", filled(2), grown), { code: "bad_signature" });
});

test("verifying keys of small order, with torsion or not canonical are refused", () => {
  const good = "84b1be32323efd6c8e4966c2c18f10facbdcd5f0da9ddda59df2521cf8b15d5f";
  primitives.parseVerifyingKey(fromHex(good));
  const smallOrder = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ];
  const notCanonical = [
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
  ];
  const noPoint = ["0200000000000000000000000000000000000000000000000000000000000000"];
  for (const key of [...smallOrder, ...notCanonical, ...noPoint, withTorsion(good)]) {
    assert.throws(() => primitives.parseVerifyingKey(fromHex(key)), { code: "bad_key" }, key);
  }
});

/** The same key plus the point of order two, (0, −1): that negates both coordinates. */
function withTorsion(key) {
  const prime = 2n ** 255n - 19n;
  const bytes = fromHex(key);
  const sign = bytes[31] >> 7;
  let y = 0n;
  for (let index = 31; index >= 0; index -= 1) y = (y << 8n) | BigInt(index === 31 ? bytes[31] & 0x7f : bytes[index]);
  const negated = prime - y;
  const result = new Uint8Array(32);
  for (let index = 0; index < 32; index += 1) result[index] = Number((negated >> BigInt(8 * index)) & 0xffn);
  result[31] |= (1 - sign) << 7;
  return toHex(result);
}

test("a KEM key is refused by its length and by a coefficient that is not reduced", async () => {
  const { keys } = await deviceFromSeed(masterSeed);
  primitives.checkKemKey(keys.kem);
  assert.throws(() => primitives.checkKemKey(keys.kem.subarray(1)), { code: "bad_key" });
  for (const offset of [0, 1, 1149, 1150]) {
    const broken = Uint8Array.from(keys.kem);
    broken[offset] = 0xff;
    broken[offset + 1] = 0xff;
    assert.throws(() => primitives.checkKemKey(broken), { code: "bad_key" }, `offset ${offset}`);
  }
});

test("RFC 8439 §2.8.2: the AEAD opens the published ciphertext", () => {
  const key = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);
  const nonce = fromHex("070000004041424344454647");
  const associated = fromHex("50515253c0c1c2c3c4c5c6c7");
  const sealed = concat(
    fromHex(
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e06" +
        "0b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
    ),
    fromHex("1ae10b594f09e26a7e902ecbd0600691"),
  );
  const opened = new TextDecoder().decode(primitives.openAead(key, nonce, associated, sealed));
  assert.match(opened, /^Ladies and Gentlemen of the class of '99/);
});

test("RFC 5869, test case 1: the key derivation gives the published bytes", () => {
  const okm = primitives.expand(filled(0x0b, 22), fromHex("000102030405060708090a0b0c"), fromHex("f0f1f2f3f4f5f6f7f8f9"), 42);
  assert.equal(
    toHex(okm),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
});
