/** Wraps of an epoch of a healed branch that a cut separates from the current one (PROTOCOL §12, `Wrap`): the vectors. */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex } from "../src/bytes.js";
import { decodeOperation } from "../src/operation.js";
import { replay } from "../src/replay.js";
import { Logs } from "../src/state.js";
import { requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";

function outcomeOf({ pastWraps }) {
  const all = [...pastWraps].sort(([left], [right]) => (left < right ? -1 : 1));
  return all.flatMap(([keyId, recipients]) => recipients.map(({ id, key }) => [keyId, id, key]));
}

test("added/past_wraps.json: each operation on what those before it left", async (context) => {
  const logs = new Logs();
  for (const { name, operation: bytes, error, outcome } of vectorsOf("added/past_wraps.json")) {
    await context.test(name, () => {
      requireOnlyEncoding(fromHex(bytes));
      const operation = decodeOperation(fromHex(bytes));
      assert.equal(verdictOf(() => replay(logs, operation)), error);
      if (error !== null) return;
      const state = logs.newest(operation.space);
      if (state.kind === "network") logs.network = state.space;
      assert.deepEqual(outcomeOf(state), outcome);
    });
  }
});
