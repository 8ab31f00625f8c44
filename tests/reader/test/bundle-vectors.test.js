/** The vectors of bundle files (PROTOCOL §29): whole ones, items behind them, and files that are refused. */
import test from "node:test";
import assert from "node:assert/strict";
import { concat, fromHex, toHex, u32BigEndian, utf8 } from "../src/bytes.js";
import { readBundleFile, readRequestFile } from "../src/bundle-file.js";
import { itemId } from "../src/carrying.js";
import { decodeEnvelope } from "../src/envelope.js";
import { answerTo, readHandedOver } from "../src/handed-over.js";
import { decodeOperation } from "../src/operation.js";
import { deviceOfPaper, readPaper, readWords } from "../src/paper.js";
import { digest } from "../src/primitives.js";
import { each, requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";

/** A file with these parts behind its name and version, with its end and digest. */
function framed(beginning, parts) {
  const body = concat(beginning, ...parts.flatMap((part) => [u32BigEndian(part.length), part]), new Uint8Array(4));
  return concat(body, digest(body));
}

const BUNDLE = utf8("nahtlos-bundle-v1\n");

function partsOf(file) {
  const parts = [];
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let offset = BUNDLE.length; view.getUint32(offset) > 0; offset += 4 + view.getUint32(offset)) {
    parts.push(file.subarray(offset + 4, offset + 4 + view.getUint32(offset)));
  }
  return parts;
}

/** Reads as the holder of a vector's paper, by its words and text alone. */
async function readBy({ words, text, seed }, file) {
  const paper = readPaper(text);
  assert.equal(toHex(readWords(words)), seed);
  await deviceOfPaper(words, paper);
  return readHandedOver(file, { network: paper.network, seed: readWords(words) });
}

const [whole, request] = vectorsOf("added/bundle_files.json");
const wholeFile = fromHex(whole.file);
const wholeParts = partsOf(wholeFile);

test("added/bundle_files.json: the head and each item of the whole bundle are what stands beside them, and are written the same again", () => {
  const { head, items } = readBundleFile(wholeFile, whole.head.network);
  const { device, isWhole, madeAtMs, network } = head;
  const keys = head.keys.map(({ space, keyId, wrap }) => ({ space, key_id: keyId, recipient: wrap.recipient }));
  assert.deepEqual({ device, is_whole: isWhole, made_at_ms: madeAtMs, network, keys }, whole.head);
  assert.deepEqual(items.map((item) => {
    const decoded = item.kind === "operation" ? decodeOperation(item.bytes) : decodeEnvelope(item.bytes);
    const space = decoded.space ?? decoded.header.space;
    return { id: itemId(item), kind: item.kind, sequence: item.receipt?.sequence ?? null, space, wraps: item.wraps.map(({ recipient }) => recipient) };
  }), whole.items);
  for (const part of wholeParts) requireOnlyEncoding(part);
  assert.deepEqual(framed(BUNDLE, wholeParts), wholeFile);
});

/** What the vectors say of a reading. */
function shownOf({ reading, items, becomes }) {
  const count = (kind, word) => items.filter((item, index) => (kind === null || item.kind === kind) && becomes[index] === word).length;
  const { id } = reading.keyring.device;
  const person = [...reading.spaces.values()].find(({ names }) => names?.has(id));
  const devices = [...person.names].map(([device, name]) => {
    const isLive = [...person.state.grants.values()].some(({ member, ended }) => member.id === device && ended === null);
    return { id: device, name, state: isLive ? "live" : "ended" };
  });
  const unconfirmed = [...reading.carrying.carried].map(([item, { space }]) => {
    const founding = reading.logs.operationAt(space, 0).id;
    return { edits: 1, is_new_section: reading.carrying.taken.has(founding), space, state: becomes[items.indexOf(item)] };
  });
  const known = new Set(["received", "taken", "shown", "not_shown", "waits", "known", "left_out", "not_shared"]);
  const imported = {
    operations: count("operation", "received"), envelopes: count("envelope", "received"), known: count(null, "known"),
    left_out: count(null, "left_out"), not_shared: count(null, "not_shared"),
    pending: ["taken", "waits", "shown", "not_shown"].reduce((sum, word) => sum + count(null, word), 0),
    refused: becomes.filter((word) => !known.has(word)),
  };
  return { carried: unconfirmed.sort((left, right) => (left.space < right.space ? -1 : 1)), devices, imported };
}

test("added/bundle_files.json: the holder of the paper reads what stands beside the whole bundle, in whatever order its items come", async () => {
  const [head, ...items] = wholeParts;
  const rotated = [...items.slice(17), ...items.slice(0, 17)];
  for (const order of [items, items.toReversed(), rotated]) {
    const file = framed(BUNDLE, [head, ...order]);
    const made = await readBy(whole.paper, file);
    const { carried, ...rest } = shownOf(made);
    assert.deepEqual(rest, { devices: whole.read.devices, imported: whole.read.imported });
    assert.deepEqual(carried, [...whole.read.carried].sort((left, right) => (left.space < right.space ? -1 : 1)));
    assert.deepEqual([made.reading.problems, made.reading.keyring.failures], [[], []]);
    const sections = {};
    for (const [space, { label, document }] of made.reading.spaces) {
      if (label === null) continue;
      assert.equal(label.caseId, whole.case);
      sections[label.code] = { space, document: (made.reading.carrying.shown.get(space) ?? document).toJson() };
    }
    assert.deepEqual(sections, whole.sections);
  }
});

test("added/bundle_files.json: what a request asks for is what answers it", () => {
  const { network } = whole.head;
  const read = readRequestFile(fromHex(request.file), network);
  const { items } = readBundleFile(wholeFile, network);
  assert.deepEqual(answerTo(read, items).map(itemId), request.answered_with);
});

each("added/bundle_items.json", async ({ items, becomes }) => {
  const file = framed(BUNDLE, [...wholeParts, ...items.map(fromHex)]);
  const made = await readBy(whole.paper, file);
  assert.deepEqual(made.becomes.slice(wholeParts.length - 1), becomes);
});

function repeated(bytes, times) {
  const all = new Uint8Array(bytes.length * times);
  for (let count = 0; count < times; count += 1) all.set(bytes, count * bytes.length);
  return all;
}

/** A part as a vector describes it, as often as it stands there. */
function madeOf({ part, before, repeat, times = 1, after, counter_at: place }) {
  if (part === undefined) return [concat(fromHex(before), repeated(fromHex(repeat), times), fromHex(after))];
  const bytes = fromHex(part);
  if (place === undefined) return Array(times).fill(bytes);
  return Array.from({ length: times }, (_, count) => concat(bytes.subarray(0, place), u32BigEndian(count), bytes.subarray(place + 4)));
}

async function verdictOn(read) {
  try {
    await read();
    return null;
  } catch (error) {
    return verdictOf(() => {
      throw error;
    });
  }
}

const READ = { bundle: readBundleFile, request: readRequestFile };

each("added/bundle_files_refused.json", async ({ file, beginning, made_of: parts, read_as: kind, network, paper, error }) => {
  const bytes = file === undefined ? framed(fromHex(beginning), parts.flatMap(madeOf)) : fromHex(file);
  assert.equal(await verdictOn(() => (paper === undefined ? READ[kind](bytes, network) : readBy(paper, bytes))), error);
});
