/**
 * The worlds of `tests/vectors/v1`: what a device was given, and what it must make of it; and what is refused in them.
 */
import test from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromHex } from "../src/bytes.js";
import { readBundle } from "../src/bundle.js";
import { decodeEnvelope } from "../src/envelope.js";
import { ReaderError } from "../src/errors.js";
import { operationId } from "../src/identifiers.js";
import { decodeOperation } from "../src/operation.js";
import { Reading } from "../src/reading.js";
import { replay } from "../src/replay.js";
import { report } from "../src/report.js";

const ROOT = fileURLToPath(new URL("../../vectors/v1/", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../reader.js", import.meta.url));

/** Every device's view of a world, and no fewer than there were. */
const KNOWN_WORLDS = [
  "custodian/confirmed", "custodian/waiting", "edges/branches", "edges/keys", "edges/rights", "erased", "ends/all", "ends/custodian", "from_now/before",
  "from_now/newcomer", "healed/forked", "healed/healed", "healed/other_side", "junk_epoch", "removal/adopted", "removal/held",
  "removal/provisional", "removal/removed_device", "shared", "snapshots", "suspended/added", "suspended/decided", "suspended/suspended",
];

/** How many refused items there are at least. */
const REFUSED = { operations: 64, envelopes: 5 };

const place = (world) => join(ROOT, "worlds", world);
const expected = (world) => JSON.parse(readFileSync(join(place(world), "expected.json"), "utf8"));

const WORLDS = readdirSync(join(ROOT, "worlds"), { recursive: true })
  .filter((path) => path.endsWith("items.cbor"))
  .map(dirname)
  .sort();

test("every world that there was is here", () => {
  assert.deepEqual(KNOWN_WORLDS.filter((world) => !WORLDS.includes(world)), []);
});

const readings = new Map();

/** One reading per world, for all that asks about it. */
async function readingOf(world) {
  if (!readings.has(world)) readings.set(world, Reading.of(readBundle(place(world))));
  return readings.get(world);
}

for (const world of WORLDS) {
  test(`world ${world}: logs, epochs, verdicts and documents are those of the device that was there`, async () => {
    const { problems, spaces, device, network } = expected(world);
    const said = JSON.parse(JSON.stringify(report(await readingOf(world))));
    assert.deepEqual([said.device, said.network], [device, network]);
    assert.deepEqual(Object.fromEntries(said.problems.map(({ id, code }) => [id, code])), problems);
    assert.deepEqual(Object.keys(said.spaces).sort(), Object.keys(spaces).sort());
    for (const [space, each] of Object.entries(spaces)) assert.deepEqual(said.spaces[space], each, space);
  });
}

/** Orders in which the items of a world may arrive, but for operations that the relay lost: they come last (PROTOCOL §28). */
const ORDERS = {
  "from the last to the first": (items) => items.toReversed(),
  "by their bytes": (items) => items.toSorted((left, right) => Buffer.compare(left.bytes.subarray(-32), right.bytes.subarray(-32))),
};

for (const world of WORLDS) {
  test(`world ${world} is the same in whatever order its items arrive`, async () => {
    const bundle = readBundle(place(world));
    const { problems, ...inOrder } = report(await readingOf(world));
    const refused = new Set(problems.filter(({ what }) => what === "operation").map(({ id }) => id));
    const isLost = ({ kind, bytes }) => kind === "operation" && refused.has(operationId(bytes));
    for (const [name, order] of Object.entries(ORDERS)) {
      const items = [...order(bundle.items.filter((item) => !isLost(item))), ...bundle.items.filter(isLost)];
      const turned = report(await Reading.of({ ...bundle, items }));
      assert.deepEqual({ ...turned, problems: [], keys_not_opened: [] }, { ...inOrder, problems: [], keys_not_opened: [] }, name);
      assert.deepEqual(new Set(turned.problems.map(({ id, code }) => `${id} ${code}`)), new Set(problems.map(({ id, code }) => `${id} ${code}`)), name);
    }
  });
}

test("a fork shows as one until it is healed", async () => {
  for (const [world, count] of [["healed/forked", 1], ["healed/healed", 0], ["healed/other_side", 0]]) {
    assert.equal((await readingOf(world)).forked.size, count, world);
  }
});

test("a world that is changed by one byte of an item is not the same", async () => {
  const bundle = readBundle(place("shared"));
  const position = bundle.items.findLastIndex(({ kind }) => kind === "envelope");
  const bytes = Uint8Array.from(bundle.items[position].bytes);
  bytes[bytes.length - 1] ^= 1;
  bundle.items[position] = { ...bundle.items[position], bytes };
  const { problems } = await Reading.of(bundle);
  assert.deepEqual(problems.map(({ code }) => code).sort(), ["bad_receipt", "bad_signature"]);
});

test("where originals are gone a document begins with the attested snapshot, unless somebody disputes it", async () => {
  const whole = await readingOf("snapshots");
  const [snapshot] = whole.verified.filter(({ id, kind, space }) => {
    return kind === "snapshot" && whole.spaces.get(space).verdicts.get(id).verdict === "counts";
  });
  const about = (kind) => whole.verified.find((each) => each.kind === kind && each.parents.includes(snapshot.id)).id;
  const below = new Set(snapshot.parents);
  for (const id of below) for (const parent of whole.verified.find((each) => each.id === id).parents) below.add(parent);
  const without = async (...ids) => {
    const bundle = readBundle(place("snapshots"));
    bundle.items = bundle.items.filter(({ kind, bytes }) => kind !== "envelope" || !ids.includes(decodeEnvelope(bytes).id));
    return Reading.of(bundle);
  };
  const documentOf = (reading) => reading.spaces.get(snapshot.space).document;
  const original = documentOf(whole);
  const pruned = await without(...below, about("dispute"));
  assert.deepEqual(pruned.problems, []);
  assert.deepEqual(documentOf(pruned).toJson(), original.toJson());
  assert.deepEqual(documentOf(pruned).heads(), original.heads());
  for (const [code, ...gone] of [["disputed", ...below], ["not_attested", ...below, about("dispute"), about("attest")]]) {
    const reading = await without(...gone);
    assert.notDeepEqual(documentOf(reading).heads(), original.heads());
    assert.deepEqual(reading.passedOver.map((each) => [each.id, each.code]), [[snapshot.id, code]]);
    assert.deepEqual([...new Set(reading.problems.map((each) => each.code))], ["missing_parents"]);
  }
});

const refused = (name) => JSON.parse(readFileSync(join(ROOT, "refused", `${name}.json`), "utf8")).vectors;

function verdictOf(check) {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof ReaderError) return error.code;
    throw error;
  }
}

test("refused operations and envelopes are no fewer than there were, and some of them follow", () => {
  for (const [name, count] of Object.entries(REFUSED)) assert.ok(refused(name).length >= count, name);
  assert.ok(refused("operations").some(({ error }) => error === null));
});

for (const { name, world, bytes, error } of refused("operations")) {
  test(`refused in ${world}: ${name}`, async () => {
    const { logs } = await readingOf(world);
    assert.equal(verdictOf(() => replay(logs.copy(), decodeOperation(fromHex(bytes)))), error);
  });
}

for (const { name, world, bytes, error } of refused("envelopes")) {
  test(`refused in ${world}: ${name}`, async () => {
    const reading = await readingOf(world);
    assert.equal(verdictOf(() => reading.verifyOne(decodeEnvelope(fromHex(bytes)))), error);
  });
}

test("the program prints documents by section code and succeeds only where nothing is wrong", () => {
  const run = (...given) => spawnSync("node", [PROGRAM, ...given], { encoding: "utf8" });
  const good = run(place("shared"));
  assert.equal(good.status, 0, good.stderr);
  const { sections } = JSON.parse(good.stdout);
  assert.equal(sections.tasks[0].document.tasks.t2.title, "Standortgespräch");
  const forked = run(place("healed/forked"));
  assert.equal(forked.status, 1);
  assert.equal(JSON.parse(forked.stdout).problems.length, 3);
  const withSeed = run(place("shared"), "--device-seed-file", join(place("shared"), "device.seed"));
  assert.equal(withSeed.stdout, good.stdout);
});
