/** Versions of plans (PROTOCOL §31): their text, what is sound, what counts, and which is in force. */
import test from "node:test";
import assert from "node:assert/strict";
import { fieldsOf, planText, readPlanText, textHash } from "../src/plan-text.js";
import { judgePlan, partiesOf, readEntryName, readPlanSignature, readVersion } from "../src/plan-versions.js";
import { verdictOf } from "./vector-files.js";

const [LEAD, OTHER, THIRD] = ["1a", "2b", "3c"].map((byte) => byte.repeat(32));
const HEADS = ["aa", "bb"].map((byte) => byte.repeat(32));

const step = (fields = {}) => ({ steps: { s1: { title: "call", responsible: `${OTHER}/p`, status: "planned", ...fields } }, status: "active" });
const plan = (goal = step()) => ({ plan: { aim: "home" }, goals: { g1: goal }, acknowledged: { x: { y: 1 } } });
const text = (document = plan(), number = "1", lead = LEAD) => planText({ number, lead, document });

test("the text has a line for each field, ascending by the steps of the path as bytes, and strings escaped where they must be alone", () => {
  const document = { "é": 1, z: [1, "a", { b: null, a: true }], a: { "b-": 1, b: { c: "\"\\\b\f\n\r\t\u0001\u001f\u007f\u2028/ü😀" } }, goals: {} };
  assert.equal(
    planText({ number: "12", lead: LEAD, document }),
    `nahtlos-plan 1\nnumber\t12\nlead\t${LEAD}\na/b/c\t"\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\u007f\u2028/ü😀"\na/b-\t1\nz\t[1,"a",{"a":true,"b":null}]\né\t1\n`,
  );
});

test("acknowledged, versions, signatures, reviews, approvals and how far goals and steps are stand in no text; all else does", () => {
  const about = { "version:a": { text: "t" }, "signature:a": { x: "1" }, "review:a": { by: "x" }, "versions:a": "in", version: "in" };
  const document = { ...plan(), plan: { aim: "home", ...about } };
  document.goals.g2 = { status: "dropped", acknowledged: "in", approvals: { a: "in" }, steps: { s2: { status: "refused", approvals: { o: { by: "x" } } } } };
  document.goals.g2.steps.s3 = { status: "reached", note: { status: "planned", approvals: { a: "in" } } };
  const paths = fieldsOf(document).map(({ path }) => path.join("/"));
  assert.deepEqual(paths, [
    "goals/g1/steps/s1/responsible", "goals/g1/steps/s1/title", "goals/g2/acknowledged", "goals/g2/approvals/a", "goals/g2/status",
    "goals/g2/steps/s2/status", "goals/g2/steps/s3/note/approvals/a", "goals/g2/steps/s3/note/status", "goals/g2/steps/s3/status",
    "plan/aim", "plan/version", "plan/versions:a",
  ]);
  for (const status of ["open", "active", "reached", "partly", "not_reached"]) assert.equal(text(plan({ ...step(), status })), text(), status);
  for (const status of ["planned", "requested", "approved", "running", "done"]) assert.equal(text(plan(step({ status }))), text(), status);
  for (const status of ["aborted", "open", 1]) assert.notEqual(text(plan(step({ status }))), text());
  for (const status of ["dropped", "planned", null]) assert.notEqual(text(plan({ ...step(), status })), text());
});

test("a text is read as it is written, and in no other form", () => {
  const { number, lead, fields } = readPlanText(text());
  assert.deepEqual([number, lead, fields], ["1", LEAD, fieldsOf(plan())]);
  assert.deepEqual(readPlanText(text({})).fields, []);
  const head = `nahtlos-plan 1\nnumber\t1\nlead\t${LEAD}\n`;
  const good = `${head}a/b\t1\na/c\t"x"\n`;
  assert.equal(verdictOf(() => readPlanText(good)), null);
  const others = [
    "", "\n", head.slice(0, -1), good.slice(0, -1), `${good}\n`, ` ${good}`, good.replaceAll("\n", "\r\n"), good.replace("plan 1", "plan 2"),
    ...["0", "01", "+1", "1.0", "-1", "", " 1", "4294967296"].map((written) => good.replace("number\t1", `number\t${written}`)),
    good.replace(LEAD, LEAD.toUpperCase()), good.replace(LEAD, LEAD.slice(2)), good.replace("lead", "Lead"), good.replace("number\t1\n", ""),
    `${head}a/c\t1\na/b\t1\n`, `${head}a/b\t1\na/b\t1\n`, `${head}a\t1\na/b\t1\n`, `${head}a-b\t1\na/b\t1\n`, `${head}a\n`, `${head}a\t\n`,
    ...["1.0", "1e2", "01", " 1", "\"\\u0041\"", "\"\\/\"", "\"\\u000a\"", "\"\\u001F\"", "[1, 2]", "{}", "{\"a\":1}", "[{\"b\":1,\"a\":2}]", "'a'", "\"\t\"", "nul"].map((value) => `${head}a\t${value}\n`),
    ...["acknowledged/a\t1", "plan/version:a/text\t\"\"", "goals/g/status\t\"open\"", "goals/g/steps/s/approvals/x\t1", "goals/g/steps/s/status\t\"done\""].map((line) => `${head}${line}\n`),
  ];
  for (const each of others) assert.equal(verdictOf(() => readPlanText(each)), "malformed", JSON.stringify(each));
});

test("the client, the lead and whoever is responsible for a step that stands must agree", () => {
  const parties = (goal) => partiesOf(LEAD, fieldsOf(plan(goal)));
  assert.deepEqual(parties(), [LEAD, OTHER, "client"].sort());
  assert.deepEqual(parties(step({ responsible: "school/Ms X" })), [LEAD, "client", "school"]);
  for (const changed of [step({ status: "aborted" }), { ...step(), status: "dropped" }, step({ responsible: 7 }), { responsible: OTHER }]) {
    assert.deepEqual(parties(changed), [LEAD, "client"]);
  }
});

const id = (letter) => letter.repeat(12) + "a";
const version = (letter, { number = "1", document = plan(), lead = LEAD, heads = HEADS.join(), ...rest } = {}) => ({
  type: "version", id: id(letter), device: "d1", institution: LEAD, stored: { heads, text: text(document, number, lead) }, ...rest,
});

function signature(letter, about, { changed = {}, ...rest } = {}) {
  const { number } = readVersion(about.stored);
  const stored = {
    number, heads: about.stored.heads, text_hash: textHash(about.stored.text), party: "client", method: "paper", paper: "0f".repeat(32), institution: LEAD,
    signature: "AA==", ...changed,
  };
  return { type: "signature", id: id(letter), device: "d1", institution: LEAD, stored: Object.fromEntries(Object.entries(stored).filter(([, value]) => value !== null)), ...rest };
}

const key = (party) => ({ party, institution: party, method: "device_key", paper: null });
const allOf = (about, letters = "pqr") => [
  signature(letters[0], about), signature(letters[1], about, { changed: key(LEAD) }), signature(letters[2], about, { changed: key(OTHER) }),
];

const judged = (entries, { planAt = () => plan(), ledBy = [LEAD], holds = () => "d1" } = {}) => judgePlan({ entries, planAt, ledBy, holds });

test("a version is sound that its lead made, of a case that it led, of what the plan said", () => {
  const sound = (changed, given) => judged([version("v", changed)], given).sound.length === 1;
  assert.ok(sound());
  for (const institution of [OTHER, null]) assert.ok(!sound({ institution }));
  assert.ok(!sound({ lead: OTHER }));
  assert.ok(!sound({}, { ledBy: [OTHER] }));
  assert.ok(sound({}, { ledBy: [OTHER, LEAD] }) && sound({}, { ledBy: null }));
  assert.ok(!sound({}, { planAt: () => plan(step({ title: "write" })) }));
  assert.ok(sound({}, { planAt: () => null }) && sound({}, { planAt: () => plan(step({ status: "done" })) }));
});

test("what cannot be read is no version", () => {
  const verdict = (changed) => verdictOf(() => readVersion({ ...version("v").stored, ...changed }));
  assert.deepEqual([verdict({}), verdict({ more: "x" })], [null, null]);
  const many = Array.from({ length: 65 }, (_, index) => index.toString(16).padStart(64, "0"));
  assert.equal(verdict({ heads: many.slice(1).join() }), null);
  const heads = ["", HEADS.toReversed().join(), `${HEADS[0]},${HEADS[0]}`, `${HEADS.join()},`, HEADS.join(", "), HEADS[0].toUpperCase(), many.join()];
  for (const changed of [...heads.map((each) => ({ heads: each })), { text: "" }, { text: 1 }, { more: 1 }]) assert.equal(verdict(changed), "malformed");
  for (const stored of [null, "x", [], { heads: HEADS[0] }, { text: text() }]) assert.equal(verdictOf(() => readVersion(stored)), "malformed");
});

test("an entry is named by what it is and 8 bytes in base 32", () => {
  assert.deepEqual(readEntryName("version:abcdefghijkm2"), { type: "version", id: "abcdefghijkm2" });
  assert.deepEqual(readEntryName("signature:7777777777776")?.type, "signature");
  for (const name of ["review:abcdefghijkm2", "version:abcdefghijkm3", "version:abcdefghijkm", "version:ABCDEFGHIJKM2", "version:abcdefghijk12", "xversion:abcdefghijkm2", "version:abcdefghijkm2=", "aim"]) {
    assert.equal(readEntryName(name), null, name);
  }
});

test("a signature is read with every value in its form, and other names beside", () => {
  const verdict = (changed) => verdictOf(() => readPlanSignature(signature("s", version("v"), { changed }).stored));
  for (const changed of [{}, { more: "x" }, { note: "😀".repeat(2000) }, { paper: null }, { party: "school" }]) assert.equal(verdict(changed), null);
  const missing = ["number", "heads", "text_hash", "party", "method", "institution", "signature"].map((name) => ({ [name]: null }));
  const others = [
    { number: "0" }, { number: "1 " }, { heads: "" }, { text_hash: "0F".repeat(32) }, { method: "key" }, { paper: "" }, { paper: "0f" }, { note: "" },
    { note: "x".repeat(2001) }, { institution: "school" }, { party: "" }, { more: 1 },
  ];
  for (const changed of [...missing, ...others]) assert.equal(verdict(changed), "malformed", JSON.stringify(changed));
});

test("a signature counts where its own device put it, about a version, for an institution by itself and for others by the lead", () => {
  const about = version("v");
  const counts = (changed, given, rest) => judged([about, signature("s", about, { changed, ...rest })], given).counting.length === 1;
  assert.ok(counts({}));
  assert.ok(!counts({}, { holds: () => null }) && !counts({}, { holds: () => "d2" }) && !counts({}, { holds: () => null }, { device: null }));
  for (const changed of [{ number: "2" }, { heads: HEADS[0] }, { text_hash: "00".repeat(32) }]) assert.ok(!counts(changed));
  assert.ok(counts({ method: "verbal", note: "yes" }) && counts({ party: "school" }));
  for (const changed of [{ method: "verbal" }, { paper: null }, { paper: null, note: "yes" }, { method: "device_key" }, { institution: OTHER }]) assert.ok(!counts(changed));
  assert.ok(counts(key(OTHER)) && counts(key(THIRD)) && counts({ ...key(OTHER), paper: "00".repeat(32) }));
  for (const changed of [{ institution: LEAD }, { method: "paper", paper: "00".repeat(32) }, { method: "verbal", note: "yes" }]) {
    assert.ok(!counts({ ...key(OTHER), ...changed }));
  }
});

test("in force is the highest sound version that all agreed to, and none where two share its number", () => {
  const [one, two, again] = [version("v"), version("w", { number: "10" }), version("x", { number: "10", heads: HEADS[0] })];
  const nine = version("y", { number: "9" });
  const force = (...entries) => judged(entries.flat()).inForce;
  assert.equal(force(one), null);
  assert.equal(force(one, allOf(one)), one.id);
  for (const left of [0, 1, 2]) assert.equal(force(one, allOf(one).toSpliced(left, 1)), null);
  assert.equal(force(one, two, allOf(one)), one.id);
  assert.equal(force(nine, two, allOf(nine), allOf(two, "stu")), two.id);
  assert.equal(force(one, two, again, allOf(one), allOf(two, "stu"), allOf(again, "klm")), null);
  assert.equal(force(one, two, again, allOf(one), allOf(two, "stu"), allOf(again, "klm").slice(1)), two.id);
  const unsound = { ...two, institution: OTHER };
  assert.equal(force(one, unsound, allOf(one), allOf(unsound, "stu")), one.id);
  assert.deepEqual(judged([unsound, ...allOf(unsound)]).counting.length, 3, "a signature counts under a version that is not sound, and puts nothing in force");
});

test("what all agreed to under the present lead is in force whatever number an earlier lead's versions have", () => {
  const [now, before] = [version("v"), version("w", { number: "9", lead: OTHER, institution: OTHER, document: { plan: { aim: "home" } } })];
  const byOther = [
    signature("k", before, { changed: { institution: OTHER } }), signature("l", before, { changed: key(OTHER) }),
  ];
  const force = (ledBy) => judged([now, before, ...allOf(now), ...byOther], { ledBy, planAt: () => null }).inForce;
  assert.equal(force([OTHER, LEAD]), now.id);
  assert.equal(force([LEAD, OTHER]), before.id, "control: all have agreed to it");
  assert.equal(force(null), before.id, "who led is not known: the number alone");
});

test("what stands under a name that no program gives a field is in no text", () => {
  for (const name of ["", "a/b", "a\tb", "a\nb", "\u007f", "\u0085", "x".repeat(257), "é".repeat(129)]) {
    assert.equal(text({ ...plan(), [name]: 1 }), text(), JSON.stringify(name));
    assert.equal(text({ ...plan(), plan: { aim: "home", [name]: { in: "it" } } }), text(), JSON.stringify(name));
  }
  for (const name of ["x".repeat(256), "\u00a0", "a b"]) assert.notEqual(text({ ...plan(), [name]: 1 }), text());
});

test("versions with the same heads and text are one, and sound if one of them is the lead's", () => {
  const [copy, own] = [version("v", { institution: OTHER }), version("w")];
  assert.deepEqual(judged([copy, own, ...allOf(own)]), { sound: [copy.id], counting: allOf(own).map((each) => each.id), inForce: copy.id });
});
