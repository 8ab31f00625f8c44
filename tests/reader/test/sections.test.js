/** Which containers a section's document begins with, by the section's code (PROTOCOL §9, §15). */
import test from "node:test";
import assert from "node:assert/strict";
import { toHex } from "../src/bytes.js";
import { DIRECTORY_CONTAINERS, SpaceDocument, decodedGenesis, genesis } from "../src/document.js";
import { sectionContainers } from "../src/sections.js";
import { effects, fresh, fromHex } from "./fixture.js";
import { offices, readAs } from "./offices.js";
import { Pen } from "./scribe.js";
import { each, vectorsOf } from "./vector-files.js";

const FILE = "added/sections.json";
const KNOWN = vectorsOf(FILE).filter(({ hash }) => hash !== null);

each(FILE, ({ name, containers, hash }) => {
  assert.deepEqual(sectionContainers(name), containers);
  assert.equal(decodedGenesis(containers)?.hash ?? null, hash);
  assert.deepEqual(new SpaceDocument("44".repeat(32), containers).heads(), hash === null ? [] : [hash]);
});

test("the vectors leave out no section code that there is, and hold one that is not known", () => {
  const codes = [
    "core", "ident", "labour", "education", "function", "medical", "social", "finance", "migration", "protection", "plan", "journal",
    "tasks", "consent", "access", "measure/", "internal/", "meeting/", "employer/",
  ];
  const known = new Set(KNOWN.map(({ name }) => name.replace(/(?<=\/).*/, "")));
  assert.deepEqual(codes.filter((code) => !known.has(code)), []);
  assert.ok(KNOWN.length < vectorsOf(FILE).length);
});

test("the genesis of the tasks is the chunk that PROTOCOL §27 spells out, and the directory's has the hash that stands there", () => {
  const chunk = [
    "856f4a83", "62389e6b", "01", "3d", "0010", "00".repeat(16), "0101000000", "05", "1514", "3401", "4202", "5602", "7002",
    "7e0c61636b6e6f776c6564676564057461736b73", "02", "0200", "0200", "0200",
  ];
  assert.equal(toHex(genesis(sectionContainers("tasks"))), chunk.join(""));
  assert.equal(decodedGenesis(DIRECTORY_CONTAINERS).hash, "9fbb512c3ea9f725e86aebbedc00652fb8f2affdea004ea63dac6bd5865b6eb6");
});

test("an id has 1 to 64 ASCII letters, digits, hyphens or underscores, and stands behind a kind that has one alone", () => {
  const described = sectionContainers("medical");
  for (const kind of ["measure", "internal", "meeting", "employer"]) {
    for (const id of ["a", "Az-_09", "0".repeat(64)]) assert.deepEqual(sectionContainers(`${kind}/${id}`), described, `${kind}/${id}`);
    for (const id of ["", "0".repeat(65), "a/b", "a b", "ä", "a\n", "a."]) assert.deepEqual(sectionContainers(`${kind}/${id}`), [], `${kind}/${id}`);
    for (const code of [kind, kind.toUpperCase(), `x${kind}/a`]) assert.deepEqual(sectionContainers(code), [], code);
  }
  for (const code of ["", "Core", "core/a", "labour/a", "medical ", "constructor", "__proto__"]) assert.deepEqual(sectionContainers(code), [], code);
});

test("a slice names its source, whom it is for and its number; an enquiry has no id", () => {
  const described = sectionContainers("medical");
  const id = "0".repeat(64);
  for (const source of ["core", "labour", "education", "function", "protection", "plan", "tasks", "consent"]) {
    for (const number of ["1", "9999"]) assert.deepEqual(sectionContainers(`slice/${source}/${id}/${number}`), described, source);
  }
  const wrong = ["slice", "slice/function", `slice/function/${id}`, `slice/function/${id}/0`, `slice/function/${id}/01`, `slice/function/${id}/10000`, `slice/medical/${id}/1`, `slice/ident/${id}/1`, `slice/function/${id}/1\n`, "enquiry/a"];
  for (const code of wrong) assert.deepEqual(sectionContainers(code), [], code);
  assert.deepEqual(sectionContainers("enquiry"), described);
});

/** A section of Anna's and Beat's, with what Anna's pen writes into it. @returns {Promise<string>} its space id */
async function section({ world, first, annas, anna, beats }, code, containers, write) {
  const space = world.found(anna, [effects.create("section"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "write")]);
  await world.begin(space, anna, { label: [code, fromHex(first), fresh()] });
  world.edit(space, anna, new Pen(space, anna, containers), write);
  return space;
}

test("of a section of every code a document is read that begins with what every device makes itself", async () => {
  const made = await offices();
  for (const { name, containers } of KNOWN) await section(made, name, containers, (doc) => (doc[containers[0]].x = name));
  const { json, problems } = await readAs(made.world, made.id, made.beat);
  assert.deepEqual([problems, json.unread], [[], []]);
  for (const { name, containers } of KNOWN) {
    const [{ document }] = json.sections[name];
    assert.deepEqual(document, { ...Object.fromEntries(containers.map((container) => [container, {}])), [containers[0]]: { x: name } });
  }
});

test("of a section whose code is not known no document is made: its edits count and wait, unjudged, whatever they hold", async () => {
  const made = await offices();
  const { world, anna } = made;
  const without = await section(made, "genetics", [], (doc) => (doc.x = 1));
  const other = await section(made, "internal/", ["markers"], (doc) => (doc.markers.x = 1));
  world.seal("changes", other, anna, [[], [Uint8Array.of(1)]]);
  const { json, problems } = await readAs(world, made.id, made.beat);
  assert.deepEqual(problems, []);
  assert.deepEqual([json.sections.genetics, json.sections["internal/"]].map(([{ space, document }]) => [space, document]), [[without, null], [other, null]]);
  const edits = [without, other].flatMap((space) => Object.entries(json.spaces[space].envelopes));
  assert.deepEqual(edits.map(([, { verdict }]) => verdict), ["counts", "counts", "counts"]);
  assert.deepEqual(json.unread, edits.map(([id]) => id).sort());
  for (const space of [without, other]) assert.deepEqual([json.spaces[space].document, json.spaces[space].heads], [null, null]);
});

test("an edit of such a section that builds on what is no edit is refused, and one that builds on what is not here waits for the code first", async () => {
  const made = await offices();
  const { world, anna } = made;
  const space = await section(made, "genetics", [], (doc) => (doc.x = 1));
  const erasure = world.seal("erasure", space, anna, [[], []]);
  const refused = world.seal("changes", space, anna, [[], []], { parents: [erasure] });
  const waits = world.seal("changes", space, anna, [[], []], { parents: ["ab".repeat(32)] });
  const { json, problems } = await readAs(world, made.id, made.beat);
  assert.deepEqual(problems.map(({ id, code }) => [id, code]), [[refused, "parent_is_no_edit"]]);
  assert.ok(json.unread.includes(waits) && !json.unread.includes(refused));
});

test("where no label opens, the edits of a section wait in the same way", async () => {
  const made = await offices();
  const { world, anna, annas, beats } = made;
  const space = world.found(anna, [effects.create("section"), effects.addSpace(annas, "manage"), effects.addSpace(beats, "write")]);
  await world.begin(space, anna);
  const edit = world.seal("changes", space, anna, [[], [Uint8Array.of(1)]]);
  const { json, problems } = await readAs(world, made.id, made.beat);
  assert.deepEqual([problems, json.unread, json.sections, json.spaces[space].document], [[], [edit], {}, null]);
});
