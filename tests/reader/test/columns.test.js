/** What columns claim, before anything expands them (PROTOCOL §24, rule 2; §25). */
import test from "node:test";
import assert from "node:assert/strict";
import { requireChangeColumns, requireDocumentColumns } from "../src/columns.js";
import { changeBody, documentBody, nulls, run, textRun } from "./chunks.js";

const change = (...columns) => () => requireChangeColumns(changeBody(columns));
const changes = (...columns) => () => requireDocumentColumns(documentBody({ changes: columns }));
const operations = (...columns) => () => requireDocumentColumns(documentBody({ operations: columns }));

/** A claim at a limit passes, and one above it does not. */
function atMost(limit, claim, message) {
  claim(limit)();
  assert.throws(claim(limit + 1), { code: "bad_change", message });
}

const ROWS = /too many rows/;
const TEXTS = /keys.* too large/;

test("a change claims at most 100,000 operations, in every kind of column", () => {
  for (const specification of [0x01, 0x02, 0x13, 0x42, 0x56, 0x70]) atMost(100_000, (rows) => change([specification, run(rows, 0)]), ROWS);
  atMost(100_000, (rows) => change([0x15, textRun(rows, 1)]), ROWS);
  atMost(100_000, (rows) => change([0x34, run(1, rows - 1)]), ROWS);
  atMost(100_000, (rows) => change([0x15, nulls(rows)]), ROWS);
});

test("a change claims at most 200,000 predecessors, by their number and by their columns", () => {
  for (const specification of [0x71, 0x73]) atMost(200_000, (rows) => change([specification, run(rows, 0)]), ROWS);
  atMost(200_000, (rows) => change([0x70, run(1, rows)]), ROWS);
});

test("the keys of a change expand to at most 16,000,000 bytes", () => {
  change([0x15, textRun(100_000, 160)])();
  assert.throws(change([0x15, textRun(100_000, 161)]), { message: TEXTS });
});

test("a snapshot claims at most 500,000 changes and 5,000,000 rows of operations", () => {
  for (const specification of [0x01, 0x03, 0x13, 0x23, 0x40, 0x43, 0x56]) atMost(500_000, (rows) => changes([specification, run(rows, 0)]), ROWS);
  atMost(500_000, (rows) => changes([0x35, nulls(rows)]), ROWS);
  for (const specification of [0x01, 0x02, 0x13, 0x21, 0x23, 0x42, 0x80, 0x81, 0x83]) {
    atMost(5_000_000, (rows) => operations([specification, run(rows, 0)]), ROWS);
  }
  atMost(5_000_000, (rows) => operations([0x80, run(1, rows)]), ROWS);
});

test("the keys and messages of a snapshot expand to at most 268,435,456 bytes together", () => {
  const keys = [0x15, textRun(4_194_304, 63)];
  const messages = (length) => [0x35, textRun(1, length)];
  const both = (length) => () => requireDocumentColumns(documentBody({ changes: [messages(length)], operations: [keys] }));
  atMost(4_194_304, both, TEXTS);
});

test("a snapshot's columns are known, ascend, hold no marks or empty runs, and name its own actors and values", () => {
  const wrong = {
    "an unknown column": [operations([0x94, run(1, 1)]), operations([0xa5, textRun(1, 1)]), operations([0x09, run(1, 0)]), changes([0x15, run(1, 0)])],
    "columns ascend": [operations([0x02, run(1, 0)], [0x01, run(1, 0)]), changes([0x03, run(1, 0)], [0x03, run(1, 0)])],
    "an empty run": [operations([0x02, nulls(0)]), operations([0x13, nulls(0)]), changes([0x35, nulls(0)]), operations([0x34, Uint8Array.of(0, 1, 0, 1)])],
    "an unknown actor": [changes([0x01, run(1, 1)]), operations([0x81, run(1, 1)])],
    "the values are not as long as they are said to be": [operations([0x56, run(2, 0x16)], [0x57, Uint8Array.of(1)]), changes([0x57, Uint8Array.of(1)])],
  };
  for (const [message, claims] of Object.entries(wrong)) for (const claim of claims) assert.throws(claim, { code: "bad_change", message });
  operations([0x34, Uint8Array.of(0, 1)], [0x56, run(2, 0x16)], [0x57, Uint8Array.of(1, 2)])();
});
