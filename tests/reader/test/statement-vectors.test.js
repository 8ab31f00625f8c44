/** The vectors of statements and of versions of plans (PROTOCOL §30, §31). */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex, toHex } from "../src/bytes.js";
import { deviceFromSeed } from "../src/keys.js";
import { decodeOperation } from "../src/operation.js";
import { fieldsOf, planText, readPlanText, textHash } from "../src/plan-text.js";
import { judgePlan, partiesOf, readEntryName } from "../src/plan-versions.js";
import { sign, verifySignature } from "../src/primitives.js";
import { replay } from "../src/replay.js";
import { Logs } from "../src/state.js";
import { decodeSignature, decodeStatement, statementBytes, verifyStatement } from "../src/statements.js";
import { each, requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";

each("added/statements.json", async ({ kind, space, entry, fields, heads, seed, signed_at_ms: signedAtMs, message, signature: stored }) => {
  const { id, keys, signSeed } = await deviceFromSeed(fromHex(seed));
  const bytes = statementBytes({ kind, space, entry, fields }, { device: id, signedAtMs, heads });
  assert.equal(toHex(bytes), message);
  requireOnlyEncoding(bytes);
  const { fields: named, ...rest } = decodeStatement(bytes);
  assert.deepEqual(rest, { version: 1, kind, space, entry, device: id, signedAtMs, heads });
  assert.deepEqual(Object.fromEntries(named.map(({ name, value }) => [name, value])), fields);
  requireOnlyEncoding(fromHex(stored));
  const { signature, ...said } = decodeSignature(fromHex(stored));
  assert.deepEqual(said, { version: 1, device: id, signedAtMs, heads });
  verifySignature(keys.verifying, "statement/sign", bytes, signature);
  assert.deepEqual(sign(signSeed, "statement/sign", bytes), signature);
});

test("added/statements_held.json: each statement by the logs as they are after what stands before it", async (context) => {
  const logs = new Logs();
  for (const { name, operation, verdict, ...statement } of vectorsOf("added/statements_held.json")) {
    await context.test(name, () => (operation === undefined ? judge(logs, statement, verdict) : replay(logs, decodeOperation(fromHex(operation)))));
  }
});

function judge(logs, { institution, signature, ...said }, { error, device, person }) {
  let held = null;
  const word = verdictOf(() => (held = verifyStatement(logs, institution, said, fromHex(signature))));
  assert.equal(word, error);
  if (error === null) assert.deepEqual([held.device, held.persons], [device, [person]]);
}

each("added/plan_texts.json", ({ document, text, number, lead, sha256, parties, error }) => {
  if (error !== null) {
    assert.deepEqual([error, verdictOf(() => readPlanText(text))], ["not_canonical", "malformed"]);
    return;
  }
  assert.equal(planText({ number: String(number), lead, document }), text);
  assert.equal(textHash(text), sha256);
  const read = readPlanText(text);
  assert.deepEqual(read, { number: String(number), lead, fields: fieldsOf(document) });
  assert.deepEqual(partiesOf(lead, read.fields), parties);
});

each("added/plan_versions.json", ({ entries, plans, led_by: ledBy, holds, sound, counting, in_force: inForce }) => {
  const named = entries.map(({ name, fields: stored, ...by }) => ({ ...readEntryName(name), stored, ...by }));
  const judged = judgePlan({
    entries: named,
    planAt: (heads) => plans[heads.join()] ?? null,
    ledBy,
    holds: ({ id }) => holds[id] ?? null,
  });
  assert.deepEqual({ ...judged, sound: judged.sound.toSorted(), counting: judged.counting.toSorted() }, { sound, counting, inForce });
});
