import test from "node:test";
import assert from "node:assert/strict";
import { encode } from "../src/cbor.js";
import { concat, fromHex, utf8 } from "../src/bytes.js";
import { epochFromSeed } from "../src/keys.js";
import { caseId } from "../src/identifiers.js";
import { open, openBasis, openSectionLabel, pad, paddedLength, seal, unpad } from "../src/sealing.js";

const filled = (byte, length = 32) => new Uint8Array(length).fill(byte);

test("padding has the totals that PROTOCOL §9 lists", () => {
  const totals = { 0: 256, 252: 256, 253: 512, 4092: 4096, 4093: 4352, 8189: 8704, 1000000: 1015808 };
  for (const [length, total] of Object.entries(totals)) assert.equal(paddedLength(Number(length)), total);
});

test("padding comes off as it went on; another total or filling is refused", () => {
  const padded = pad(utf8("abc"));
  assert.deepEqual(unpad(padded), utf8("abc"));
  const filling = Uint8Array.from(padded);
  filling[255] = 1;
  const longer = concat(padded, filled(0, 256));
  const length = Uint8Array.from(padded);
  length[0] = 253;
  for (const wrong of [filling, longer, length, padded.subarray(0, 255), filled(0, 3), filled(0xff, 256)]) {
    assert.throws(() => unpad(wrong), { code: "bad_padding" });
  }
});

test("what is sealed opens with its key, header and label, and in no other way", () => {
  const base = { key: filled(1), salt: filled(2), labelName: "envelope/changes", header: utf8("header") };
  const sealed = { ...base, ...seal({ ...base, plaintext: utf8("content") }) };
  assert.deepEqual(open(sealed), utf8("content"));
  const others = [{ key: filled(9) }, { salt: filled(9) }, { labelName: "sealed-label" }, { header: utf8("other") }, { commitment: filled(0) }];
  for (const other of others) assert.throws(() => open({ ...sealed, ...other }), { code: "wrong_commitment" });
  const ciphertext = Uint8Array.from(sealed.ciphertext);
  ciphertext[5] ^= 1;
  assert.throws(() => open({ ...sealed, ciphertext }), { code: "does_not_open" });
});

test("a section's label opens under its epoch and names its case", () => {
  const epoch = epochFromSeed(filled(0x20));
  const home = "44".repeat(32);
  const selfContained = (context, plaintext) => {
    const base = { key: epoch.labelKey, salt: filled(5), labelName: "sealed-label", header: context };
    const { commitment, ciphertext } = seal({ ...base, plaintext });
    return concat(base.salt, commitment, ciphertext);
  };
  const plaintext = encode(["measure/x", fromHex(home), filled(7, 16)]);
  const sealed = selfContained(fromHex(epoch.id), plaintext);
  assert.deepEqual(openSectionLabel(epoch, sealed), { code: "measure/x", home, nonce: "07".repeat(16), caseId: caseId(home, filled(7, 16)) });
  assert.throws(() => openSectionLabel(epochFromSeed(filled(1)), sealed), { code: "wrong_commitment" });

  const grant = "33".repeat(16);
  const basis = selfContained(fromHex(grant), utf8("Einwilligung"));
  assert.equal(openBasis(epoch.labelKey, grant, basis), "Einwilligung");
  assert.throws(() => openBasis(epoch.labelKey, "34".repeat(16), basis), { code: "wrong_commitment" });
});
