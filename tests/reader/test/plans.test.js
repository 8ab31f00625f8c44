/** Plans and consents in what a device was given (PROTOCOL §30, §31): entries by their history, whose they are, and files of consents. */
import test from "node:test";
import assert from "node:assert/strict";
import { fromHex, toHex } from "../src/bytes.js";
import { verifyConsentFile } from "../src/consents.js";
import { encode } from "../src/cbor.js";
import { planText, textHash } from "../src/plan-text.js";
import { readPlan } from "../src/plans.js";
import { sign } from "../src/primitives.js";
import { sectionContainers } from "../src/sections.js";
import { CONSENT_EVENT, PLAN_AGREEMENT, statementBytes } from "../src/statements.js";
import { effects, fresh } from "./fixture.js";
import { offices, readAs } from "./offices.js";
import { Pen } from "./scribe.js";
import { verdictOf } from "./vector-files.js";

/** What a device signs now, as it is stored. */
function stored(world, who, said) {
  const heads = world.heads(null).map(([space, index, operation]) => ({ space: toHex(space), index, operation: toHex(operation) }));
  const signature = sign(who.signSeed, "statement/sign", statementBytes(said, { device: who.id, signedAtMs: 9, heads }));
  return Buffer.from(encode([1, fromHex(who.id), 9, world.heads(null), signature])).toString("base64");
}

const NAMES = ["aaaaaaaaaaaaa", "bbbbbbbbbbbba", "ccccccccccccc"];

/** Who leads, as it stands in a case's core data. */
const ledBy = (institution) => JSON.stringify({ institution, person: "p", since: "2026-09-01" });

/** A case that Anna's institution leads: a section `core`, and a `plan` whose step is Beat's institution's. */
async function plannedCase({ lead = null } = {}) {
  const made = await offices();
  const { world, first, second, annas, beats, anna, beat } = made;
  const nonce = fresh();
  const open = async (code) => {
    const space = world.found(anna, [effects.create("section", { guardian: first }), effects.addSpace(annas, "manage"), effects.addSpace(beats, "write")]);
    await world.begin(space, anna, { label: [code, fromHex(first), nonce] });
    return { space, pen: new Pen(space, anna, sectionContainers(code)), theirs: new Pen(space, beat, sectionContainers(code)) };
  };
  const [core, plan] = [await open("core"), await open("plan")];
  world.edit(core.space, anna, core.pen, (doc) => (doc.case.lead = ledBy(lead ?? first)));
  let newest = world.edit(plan.space, anna, plan.pen, (doc) => (doc.goals.g = { statement: "s", steps: { s: { title: "t", responsible: second } } }));
  const text = planText({ number: "1", lead: first, document: { goals: { g: { statement: "s", steps: { s: { title: "t", responsible: second } } } } } });
  const version = { heads: plan.pen.heads().join(), text };
  /** One edit of the plan by Anna or Beat, on all that stands there. */
  const edit = (who, callback) => {
    const [own, other] = who === anna ? [plan.pen, plan.theirs] : [plan.theirs, plan.pen];
    own.read(other);
    newest = world.edit(plan.space, who, own, callback, { parents: [newest] });
  };
  const agreement = (who, id, changed, by = who) => {
    const house = who === anna ? first : second;
    const fields = { number: "1", heads: version.heads, text_hash: textHash(text), party: house, method: "device_key", institution: house, ...changed };
    const signature = stored(world, who, { kind: PLAN_AGREEMENT, space: plan.space, entry: id, fields });
    edit(by, (doc) => (doc.plan[`signature:${id}`] = { ...fields, signature }));
  };
  const read = async () => readPlan((await readAs(world, made.id, beat)).reading, plan.space);
  return { ...made, core, plan, version, edit, agreement, read };
}

const byTheClient = { party: "client", method: "verbal", note: "yes" };

test("a version is in force that the lead entered and all agreed to, each by an own device; what is changed or removed later changes nothing", async () => {
  const { anna, beat, version, edit, agreement, read } = await plannedCase();
  edit(anna, (doc) => (doc.plan[`version:${NAMES[0]}`] = version));
  agreement(anna, NAMES[0], byTheClient);
  agreement(anna, NAMES[1]);
  assert.deepEqual(await read(), { sound: [NAMES[0]], counting: NAMES.slice(0, 2), inForce: null });
  agreement(beat, NAMES[2]);
  const inForce = { sound: [NAMES[0]], counting: NAMES, inForce: NAMES[0] };
  assert.deepEqual(await read(), inForce);
  edit(beat, (doc) => (doc.plan[`version:${NAMES[0]}`].text = "other"));
  edit(beat, (doc) => delete doc.plan[`signature:${NAMES[1]}`]);
  edit(beat, (doc) => (doc.plan[`version:${NAMES[0]}`] = { heads: "", text: "" }));
  edit(beat, (doc) => (doc.goals.g.statement = "other"));
  assert.deepEqual(await read(), inForce);
});

test("a version that another than the lead entered is not sound, nor counts a signature that another device entered", async () => {
  const { anna, beat, version, edit, agreement, read } = await plannedCase();
  edit(beat, (doc) => (doc.plan[`version:${NAMES[1]}`] = version));
  agreement(anna, NAMES[0], byTheClient, beat);
  agreement(beat, NAMES[1]);
  assert.deepEqual(await read(), { sound: [], counting: [NAMES[1]], inForce: null });
  edit(anna, (doc) => (doc.plan[`version:${NAMES[0]}`] = version));
  assert.deepEqual((await read()).sound.length, 1);
});

test("who led the case once, by its core, may have entered a version; who never did may not", async () => {
  const { world, anna, second, core, edit, version, read } = await plannedCase();
  edit(anna, (doc) => (doc.plan[`version:${NAMES[0]}`] = version));
  world.edit(core.space, anna, core.pen, (doc) => (doc.case.lead = ledBy(second)));
  assert.deepEqual((await read()).sound, [NAMES[0]]);
  const other = await plannedCase({ lead: "ab".repeat(32) });
  other.edit(other.anna, (doc) => (doc.plan[`version:${NAMES[0]}`] = other.version));
  assert.deepEqual((await other.read()).sound, []);
});

/** A file of one event of a ledger, with all logs that there are. */
async function consents() {
  const { world, anna, beat, annas, first } = await offices();
  const ledger = world.found(anna, [effects.create("section", { guardian: first }), effects.addSpace(annas, "manage")]);
  const bytesOf = ({ bodyBytes, signature }) => Buffer.from(encode([bodyBytes, signature])).toString("base64");
  const said = { kind: "given", form: "paper" };
  const event = (who, id, signature, fields = said) => ({ ledger, id, fields, signature: signature ?? stored(world, who, { kind: CONSENT_EVENT, space: ledger, entry: id, fields }) });
  const file = {
    what: "nahtlos consents", schema_version: 1, case: "00".repeat(16), written_at: "2027-01-01", names: {},
    ledgers: [{ space: ledger, founding: bytesOf(world.logs.operationAt(ledger, 0)) }],
    events: [event(anna, "e1"), event(beat, "e2"), { ...event(anna, "e3"), id: "e4" }, event(anna, "e5", "AA=="), { ...event(anna, "e6"), signature: null }],
    logs: [...world.logs.logs].map(([space, { operations }]) => ({ space, operations: operations.map(bytesOf) })),
  };
  return { file, anna, annas, first, ledger, inCase: (id) => event(anna, "e7", undefined, { ...said, case: id }) };
}

test("an event that was signed together with its case holds in a file of that case alone", async () => {
  const { file, inCase } = await consents();
  const words = (id) => verifyConsentFile(JSON.stringify({ ...file, events: [inCase(id)] })).map(({ error }) => error);
  assert.deepEqual(words(file.case), [null]);
  assert.deepEqual(words("11".repeat(16)), ["other_case"]);
});

test("a file of consents verifies by the logs in it, each event for its ledger's guardian", async () => {
  const { file, anna, annas, first, ledger } = await consents();
  const words = (changed) => verifyConsentFile(JSON.stringify({ ...file, ...changed })).map(({ error }) => error);
  const [one] = verifyConsentFile(JSON.stringify(file));
  assert.deepEqual(one, { ledger, id: "e1", institution: first, error: null, device: anna.id, persons: [annas], signedAtMs: 9 });
  assert.deepEqual(words({}), [null, "not_of_the_institution", "bad_signature", "malformed", "not_signed"]);
  assert.deepEqual(words({ logs: file.logs.slice(1) }).slice(0, 2), ["unknown_log", "unknown_log"]);
  assert.deepEqual(words({ logs: file.logs.toReversed(), events: [] }), []);
});

test("a file of consents of another kind, version or ledger is refused", async () => {
  const { file } = await consents();
  const verdict = (changed) => verdictOf(() => verifyConsentFile(JSON.stringify({ ...file, ...changed })));
  assert.equal(verdict({ schema_version: 2 }), "needs_newer");
  const others = [{ what: "consents" }, { logs: null }, { ledgers: [] }, { ledgers: [{ ...file.ledgers[0], space: "00".repeat(32) }] }];
  for (const changed of others) assert.equal(verdict(changed), "malformed");
  for (const text of ["", "null", "[]"]) assert.equal(verdictOf(() => verifyConsentFile(text)), "malformed");
});
