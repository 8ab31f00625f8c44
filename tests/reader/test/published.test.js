/** The published vectors that the reference runs too, through this reader's own functions. */
import test from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { XWing } from "@hpke/hybridkem-x-wing";
import { concat, fromHex, toHex } from "../src/bytes.js";
import * as primitives from "../src/primitives.js";

function vectors(name) {
  return JSON.parse(readFileSync(new URL(`../../vectors/primitives/${name}.json`, import.meta.url), "utf8"));
}

function eachTest(file, run) {
  const { testGroups, numberOfTests } = vectors(file);
  let count = 0;
  for (const group of testGroups) {
    for (const vector of group.tests) {
      run(vector, group);
      count += 1;
    }
  }
  assert.equal(count, numberOfTests);
}

function accepts(run) {
  try {
    run();
    return true;
  } catch (error) {
    assert.ok(error.code, error.stack);
    return false;
  }
}

test("Wycheproof's Ed25519 signatures are accepted and refused as published", () => {
  eachTest("wycheproof_ed25519", (vector, group) => {
    const [key, message, signature] = [group.publicKey.pk, vector.msg, vector.sig].map(fromHex);
    const accepted = accepts(() => primitives.verifyStrictly(key, message, signature));
    assert.equal(accepted, vector.result === "valid", `vector ${vector.tcId}`);
  });
});

test("Wycheproof's ChaCha20-Poly1305 ciphertexts open and fail as published", () => {
  eachTest("wycheproof_chacha20_poly1305", (vector) => {
    const [key, nonce, associated, sealed] = [vector.key, vector.iv, vector.aad, vector.ct + vector.tag].map(fromHex);
    let opened = null;
    const accepted = accepts(() => {
      opened = primitives.openAead(key, nonce, associated, sealed);
    });
    assert.equal(accepted, vector.result === "valid", `vector ${vector.tcId}`);
    if (accepted) assert.equal(toHex(opened), vector.msg);
  });
});

test("Wycheproof's HKDF-SHA256 outputs come out as published", () => {
  eachTest("wycheproof_hkdf_sha256", (vector) => {
    const derive = () => primitives.expand(fromHex(vector.ikm), fromHex(vector.salt), fromHex(vector.info), vector.size);
    if (vector.result === "valid") assert.equal(toHex(derive()), vector.okm, `vector ${vector.tcId}`);
    else assert.throws(derive, undefined, `vector ${vector.tcId}`);
  });
});

test("ML-KEM keys with a coefficient that is not reduced are refused, others not", () => {
  eachTest("wycheproof_mlkem_768_encaps", (vector) => {
    const key = concat(fromHex(vector.ek), new Uint8Array(32));
    const accepted = accepts(() => primitives.checkKemKey(key));
    assert.equal(accepted, vector.result === "valid", `vector ${vector.tcId}`);
  });
});

test("the X-Wing draft's seeds give its keys, and its encapsulations its secrets", async () => {
  const all = vectors("x_wing_draft");
  assert.equal(all.length, 3);
  for (const vector of all) {
    assert.equal(toHex(await primitives.kemKeyOf(fromHex(vector.seed))), vector.pk);
    const kem = new XWing();
    const { privateKey } = await kem.generateKeyPairDerand(fromHex(vector.seed));
    const secret = await kem.decap({ recipientKey: privateKey, enc: new Uint8Array(fromHex(vector.ct)).buffer });
    assert.equal(toHex(new Uint8Array(secret)), vector.ss);
  }
});

test("the HPKE draft's first message over X-Wing opens, and not under another info", async () => {
  const vector = vectors("hpke").find((each) => each.kem_id === 0x647a);
  const [first] = vector.encryptions;
  const sealed = concat(fromHex(vector.enc), fromHex(first.ct));
  const open = (info) => primitives.openHybrid(fromHex(vector.skRm), info, sealed, fromHex(first.aad));
  assert.equal(toHex(await open(fromHex(vector.info))), first.pt);
  await assert.rejects(open(fromHex("00")), { code: "does_not_open" });
});
