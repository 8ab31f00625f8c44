/**
 * The frozen vectors of `tests/vectors/v1`: every file of them, and no fewer than there were. They were written by another
 * program than this one.
 */
import test from "node:test";
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { concat, fromHex, toHex } from "../src/bytes.js";
import { ReaderError } from "../src/errors.js";
import * as envelopes from "../src/envelope.js";
import { deviceId, fingerprint, wrapHash } from "../src/identifiers.js";
import * as joining from "../src/joining.js";
import * as keys from "../src/keys.js";
import { decodeOperation, readEffect } from "../src/operation.js";
import * as primitives from "../src/primitives.js";
import { chainAfter, decodeReceipt, verifyReceipt } from "../src/receipt.js";
import { read } from "../src/schema.js";
import { openSealedLabel, pad, seal, unpad } from "../src/sealing.js";
import * as sync from "../src/sync.js";
import { ROOT, each, requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";
import { bodyJson, effectJson, headerJson, requestJson, responseJson, snake } from "./vector-json.js";

/** How many vectors each file has at least. A file that nobody reads, here or in another test, makes a test fail. */
const COUNTS = {
  forms: {
    "effects.json": 26, "envelopes.json": 5, "headers.json": 6, "identifiers.json": 8, "joining.json": 6, "journal.json": 2,
    "keys.json": 4, "operations.json": 2, "receipts.json": 19, "sealing.json": 7, "sync_requests.json": 4,
    "sync_responses.json": 3, "tokens.json": 1, "wraps.json": 4,
  },
  added: {
    "bundle_files.json": 2, "bundle_files_refused.json": 62, "bundle_items.json": 45, "bundles.json": 2, "joining_devices.json": 16,
    "papers_and_shares.json": 4, "past_wraps.json": 38, "plan_texts.json": 21, "plan_versions.json": 51, "policies.json": 40, "policy_effects.json": 4,
    "questions.json": 2, "recovery.json": 21, "sections.json": 20, "statements.json": 4, "statements_held.json": 48,
  },
  refused: { "bytes.json": 33, "crypto.json": 27 },
};

/** Files of refused items that `worlds.test.js` reads. */
const OF_WORLDS = ["envelopes.json", "operations.json"];

test("every file of forms, of what was added and of refused bytes is read, and has no fewer vectors than it had", () => {
  for (const [directory, counts] of Object.entries(COUNTS)) {
    const files = readdirSync(`${ROOT}${directory}`).filter((name) => directory !== "refused" || !OF_WORLDS.includes(name));
    assert.deepEqual(files.sort(), Object.keys(counts).sort());
    for (const [name, count] of Object.entries(counts)) assert.ok(vectorsOf(`${directory}/${name}`).length >= count, name);
  }
});

each("forms/effects.json", ({ bytes, value }) => {
  requireOnlyEncoding(fromHex(bytes));
  assert.deepEqual(effectJson(read(readEffect, fromHex(bytes))), value);
});

each("forms/operations.json", ({ bytes, id, space, seed, verifying, value }) => {
  const operation = decodeOperation(fromHex(bytes));
  assert.deepEqual([operation.id, operation.space], [id, space]);
  assert.deepEqual(bodyJson(operation.body), value);
  requireOnlyEncoding(operation.bodyBytes);
  primitives.verifySignature(fromHex(verifying), "operation/sign", operation.bodyBytes, operation.signature);
  const signSeed = primitives.derive(fromHex(seed), "device/sign");
  assert.deepEqual(primitives.sign(signSeed, "operation/sign", operation.bodyBytes), operation.signature);
});

each("forms/headers.json", ({ bytes, label, value, name }) => {
  const header = envelopes.decodeHeader(fromHex(bytes));
  requireOnlyEncoding(fromHex(bytes));
  assert.deepEqual(headerJson(header), value);
  assert.equal(header.kind, name);
  assert.equal(toHex(primitives.label(`envelope/${header.kind}`)), label);
});

each("forms/envelopes.json", async ({ bytes, id, name, epoch_seed: seed, author_seed: author, verifying, plaintext }) => {
  const envelope = envelopes.decodeEnvelope(fromHex(bytes));
  assert.equal(envelope.id, id);
  envelopes.verifyEnvelope(envelope, fromHex(verifying));
  assert.equal(toHex((await keys.deviceFromSeed(fromHex(author))).keys.verifying), verifying);
  const epoch = keys.epochFromSeed(fromHex(seed));
  const payload = envelopes.openPayload(envelope, epoch);
  assert.equal(toHex(payload), plaintext);
  requireOnlyEncoding(payload);
  assert.ok(PAYLOADS[name](payload));
  const { headerBytes, header } = envelope;
  const again = seal({ key: epoch.contentKey, salt: header.salt, labelName: `envelope/${name}`, header: headerBytes, plaintext: payload });
  assert.deepEqual([again.commitment, again.ciphertext], [envelope.commitment, envelope.ciphertext]);
});

/** Each payload in the form of its kind, with something in it that the vector put there. */
const PAYLOADS = {
  changes: (payload) => envelopes.decodeChanges(payload).runNonces.length > 0,
  snapshot: (payload) => envelopes.decodeSnapshot(payload).actors[0].device === "89".repeat(32),
  attest: (payload) => envelopes.decodeHeads(payload).length === 2,
  dispute: (payload) => envelopes.decodeHeads(payload).length === 2,
  erasure: (payload) => envelopes.decodeChanges(payload).changes.length === 0,
};

each("forms/identifiers.json", ({ id, input, label, fingerprint: shown }) => {
  const name = new TextDecoder().decode(fromHex(label)).slice("nahtlos/v1/".length, -1);
  const hashed = toHex(primitives.hash(name, fromHex(input)));
  assert.equal(hashed.slice(0, id.length), id);
  assert.ok([32, 64].includes(id.length));
  assert.equal(toHex(primitives.label(name)), label);
  assert.equal(fingerprint(hashed), shown);
});

each("forms/keys.json", async (vector) => {
  if (vector.device_id !== undefined) {
    const device = await keys.deviceFromSeed(fromHex(vector.seed));
    assert.deepEqual([device.id, ...Object.values(snake(device.keys))], [vector.device_id, vector.verifying, vector.kem]);
    return;
  }
  const epoch = keys.epochFromSeed(fromHex(vector.seed));
  assert.equal(epoch.id, vector.key_id);
  assert.equal(toHex(await primitives.kemKeyOf(epoch.kemSeed)), vector.kem);
  for (const key of ["contentKey", "historyKey", "wrapKey", "labelKey"]) {
    assert.equal(toHex(epoch[key]), vector[key.replace("K", "_k")]);
  }
});

/** The key that a vector says opens a hybrid wrap: of a device (its master seed) or of an epoch. */
async function kemSeedOf(opener, info) {
  const device = await keys.deviceFromSeed(opener);
  return toHex(info.subarray(80)) === device.id ? device.kemSeed : keys.epochFromSeed(opener).kemSeed;
}

async function openWrap(method, opener, info, wrap) {
  const keyId = toHex(info.subarray(16, 48));
  if (method === 2) return keys.openSymmetricWrap(keys.epochFromSeed(opener).wrapKey, info, wrap, keyId);
  return keys.openHybridWrap(await kemSeedOf(opener, info), info, wrap, keyId);
}

each("forms/wraps.json", async (vector) => {
  if (vector.link !== undefined) {
    const [newer, previous] = [vector.new_seed, vector.previous_seed].map((seed) => keys.epochFromSeed(fromHex(seed)));
    assert.equal(keys.openHistoryLink(newer, previous.id, fromHex(vector.link)).id, previous.id);
    const key = primitives.derive(newer.historyKey, "history-link", fromHex(newer.id), fromHex(previous.id));
    assert.equal(toHex(primitives.sealOnce(key, previous.seed)), vector.link);
    return;
  }
  const [opener, info, wrap] = [vector.opener, vector.info, vector.wrap].map(fromHex);
  assert.equal(wrapHash(wrap), vector.hash);
  assert.equal(toHex((await openWrap(vector.method, opener, info, wrap)).seed), vector.seed);
  if (vector.method !== 2) return;
  const key = primitives.derive(keys.epochFromSeed(opener).wrapKey, "wrap/symmetric", info);
  assert.deepEqual(primitives.sealOnce(key, fromHex(vector.seed)), wrap);
});

each("forms/sealing.json", (vector) => {
  if (vector.total !== undefined) {
    const padded = pad(Uint8Array.from({ length: vector.length }, (_, index) => index & 0xff));
    assert.deepEqual([padded.length, toHex(primitives.digest(padded))], [vector.total, vector.hash]);
    assert.equal(unpad(padded).length, vector.length);
    return;
  }
  const { labelKey } = keys.epochFromSeed(fromHex(vector.seed));
  const [header, sealed, plaintext] = [vector.context, vector.sealed, vector.plaintext].map(fromHex);
  assert.equal(toHex(openSealedLabel(labelKey, header, sealed)), vector.plaintext);
  const salt = sealed.subarray(0, 32);
  const { commitment, ciphertext } = seal({ key: labelKey, salt, labelName: "sealed-label", header, plaintext });
  assert.deepEqual(concat(salt, commitment, ciphertext), sealed);
});

each("forms/receipts.json", ({ bytes, item, relay, relay_seed: seed, value }) => {
  const receipt = decodeReceipt(fromHex(bytes));
  requireOnlyEncoding(fromHex(bytes));
  assert.deepEqual(snake(receipt), value);
  assert.equal(toHex(primitives.verifyingKeyOf(fromHex(seed))), relay);
  verifyReceipt(receipt, item, fromHex(relay));
  assert.throws(() => verifyReceipt(receipt, "ff".repeat(32), fromHex(relay)), { code: "bad_signature" });
});

each("forms/journal.json", (vector) => {
  if (vector.items !== undefined) {
    const chain = vector.items.reduce((before, { item, sequence }) => chainAfter(before, sequence, item), new Uint8Array(32));
    assert.equal(toHex(chain), vector.hash);
    return;
  }
  requireOnlyEncoding(fromHex(vector.bytes));
  assert.deepEqual(snake(sync.decodeMark(fromHex(vector.bytes))), vector.value);
});

each("forms/sync_requests.json", ({ bytes, value }) => {
  requireOnlyEncoding(fromHex(bytes));
  assert.deepEqual(requestJson(sync.decodeSyncRequest(fromHex(bytes))), value);
});

each("forms/sync_responses.json", ({ bytes, value, device, statement, relay_seed: seed }) => {
  requireOnlyEncoding(fromHex(bytes));
  assert.deepEqual(responseJson(sync.decodeSyncResponse(fromHex(bytes))), value);
  assert.equal(toHex(sync.statementOf(fromHex(bytes), device)), statement);
  sync.verifyResponse(fromHex(bytes), device, primitives.verifyingKeyOf(fromHex(seed)));
  assert.throws(() => sync.verifyResponse(fromHex(bytes), "ff".repeat(32), primitives.verifyingKeyOf(fromHex(seed))), {
    code: "bad_signature",
  });
});

each("forms/tokens.json", async (vector) => {
  const { token, signature, signed } = sync.decodeToken(vector.token);
  const author = await keys.deviceFromSeed(fromHex(vector.seed));
  const relay = primitives.verifyingKeyOf(fromHex(vector.relay_seed));
  primitives.verifySignature(author.keys.verifying, "request/sign", signed, signature);
  assert.deepEqual(primitives.sign(author.signSeed, "request/sign", signed), signature);
  assert.deepEqual([token.device, token.relay, token.issuedAtMs], [vector.device, relay, vector.now_ms]);
  assert.equal(author.id, vector.device);
  assert.equal(token.expiresAtMs - token.issuedAtMs, 300_000);
  assert.equal(sync.relayTime(vector.time, vector.token, relay), vector.time_ms);
  assert.throws(() => sync.relayTime(vector.time, `${vector.token}A`, relay), { code: "bad_signature" });
});

const joiningVectors = Object.fromEntries(vectorsOf("forms/joining.json").map((vector) => [vector.name, vector]));

const JOINING = {
  claim({ text, seed, url }) {
    const claim = joining.readClaim(`  ${text.toUpperCase()}\n`);
    assert.deepEqual([claim.url, toHex(claim.seed)], [url, seed]);
    assert.throws(() => joining.readClaim(text.replace(/.$/, (last) => (last === "a" ? "b" : "a"))), { code: "mistyped" });
  },
  "invitation of an institution": readsInvitation,
  "invitation of a person": readsInvitation,
  "claim request"({ bytes }) {
    requireOnlyEncoding(fromHex(bytes));
    const claim = joining.readClaim(joiningVectors.claim.text);
    assert.equal(joining.readClaimRequest(fromHex(bytes), claim).push.length, 0);
  },
  "join request"({ bytes, id, newcomer }) {
    const invitation = joining.readInvitation(joiningVectors["invitation of a person"].text);
    const request = joining.readJoinRequest(fromHex(bytes));
    assert.deepEqual([request.id, request.newcomer, request.space], [id, newcomer, invitation.space]);
    assert.deepEqual(request.proof.invitation, invitation.key);
    assert.equal(request.operations.length, 1);
    assert.ok(request.introduction.length > 0);
  },
  "join answer"({ bytes }) {
    requireOnlyEncoding(fromHex(bytes));
    assert.equal(joining.readJoinAnswer(fromHex(bytes)).status, "accepted");
  },
};

function readsInvitation({ text, seed, guardian }) {
  const invitation = joining.readInvitation(text);
  assert.deepEqual([invitation.guardian, toHex(invitation.seed)], [guardian, seed]);
}

each("forms/joining.json", (vector) => JOINING[vector.name](vector));

const FORMS = {
  operation: decodeOperation,
  envelope: envelopes.decodeEnvelope,
  "sync request": sync.decodeSyncRequest,
  receipt: decodeReceipt,
};

each("refused/bytes.json", ({ form, bytes, error }) => {
  assert.equal(verdictOf(() => FORMS[form](fromHex(bytes))), error);
});

/** The opener is a device's master seed or an epoch's: neither opens what is refused. */
async function openHybridEitherWay(opener, info, wrap) {
  const keyId = toHex(info.subarray(16, 48));
  const { kemSeed } = await keys.deviceFromSeed(opener);
  try {
    await keys.openHybridWrap(kemSeed, info, wrap, keyId);
  } catch {
    await keys.openHybridWrap(keys.epochFromSeed(opener).kemSeed, info, wrap, keyId);
  }
}

const CRYPTO = {
  "verifying key": ({ bytes }) => primitives.parseVerifyingKey(fromHex(bytes)),
  "kem key": ({ bytes }) => primitives.checkKemKey(fromHex(bytes)),
  signature: ({ bytes, label, message, verifying }) =>
    primitives.verifyStrictly(fromHex(verifying), concat(fromHex(label), fromHex(message)), fromHex(bytes)),
  "hybrid wrap": ({ bytes, info, opener }) => openHybridEitherWay(fromHex(opener), fromHex(info), fromHex(bytes)),
  "symmetric wrap": ({ bytes, info, opener }) => openWrap(2, fromHex(opener), fromHex(info), fromHex(bytes)),
  "history link": ({ bytes, new_seed: seed, previous }) =>
    keys.openHistoryLink(keys.epochFromSeed(fromHex(seed)), previous, fromHex(bytes)),
  padding: ({ bytes }) => unpad(fromHex(bytes)),
};

each("refused/crypto.json", async (vector) => {
  const attempt = async () => CRYPTO[vector.form](vector);
  if (vector.taken) await attempt();
  else await assert.rejects(attempt, ReaderError);
});
