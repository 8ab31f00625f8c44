/** The versions of a plan in the document of its section: what its history says was entered, by whom (PROTOCOL §31). */
import * as Automerge from "@automerge/automerge";
import { institutionsOf } from "./belonging.js";
import { decodeChange, decodedGenesis, jsonAt } from "./document.js";
import { GENESIS_ACTOR } from "./gate.js";
import { ReaderError } from "./errors.js";
import { judgePlan, readEntryName } from "./plan-versions.js";
import { sectionContainers } from "./sections.js";
import { PLAN_AGREEMENT, fromBase64, verifyStatement } from "./statements.js";
import { View } from "./state.js";

/**
 * @param {Reading} reading
 * @param {string} space a section `plan` with a document
 * @returns {{sound: string[], counting: string[], inForce: string|null}} as `judgePlan`
 */
export function readPlan(reading, space) {
  const { document, label } = reading.spaces.get(space);
  return judgePlan({
    entries: entriesOf(reading, space, document),
    planAt: (heads) => (heads.every((head) => document.history.has(head)) ? jsonAt(document, heads) : null),
    ledBy: leadsOf(reading, label),
    holds: ({ id, fields, signature }) => signerOf(reading.logs, { kind: PLAN_AGREEMENT, space, entry: id, fields }, signature),
  });
}

/** The device whose statement it is, where it holds for the institution that it names. */
function signerOf(logs, said, signature) {
  try {
    return verifyStatement(logs, said.fields.institution, said, fromBase64(signature)).device;
  } catch (error) {
    if (error instanceof ReaderError) return null;
    throw error;
  }
}

/** Every entry as it stood after the change that made it. Of two who made one name at once neither changed the other's. */
function entriesOf(reading, space, document) {
  const view = View.newest(reading.logs);
  const owners = new Map([...document.actors].flatMap(([device, actors]) => [...actors].map((actor) => [actor, device])));
  const makers = new Map();
  const entries = [];
  for (const { change, names } of writesTo(document, "plan", "plan")) {
    for (const name of names) {
      const named = readEntryName(name);
      const before = makers.get(name) ?? [];
      if (named === null || before.some((maker) => isBelow(document, maker, change))) continue;
      makers.set(name, [...before, change]);
      const device = owners.get(change.actor) ?? null;
      const [institution = null, ...others] = device === null ? [] : institutionsOf(view, space, device);
      const stored = jsonAt(document, [change.hash]).plan[name];
      entries.push({ ...named, stored, device, institution: others.length === 0 ? institution : null });
    }
  }
  return entries;
}

/** The changes that write to a map at the root of a section's document, parents first, and the names that each writes there. */
function* writesTo(document, code, container) {
  const { startOp, ops } = decodedGenesis(sectionContainers(code));
  const map = `${startOp + ops.findIndex(({ key }) => key === container)}@${GENESIS_ACTOR}`;
  for (const change of Automerge.getAllChanges(document.document).map((bytes) => decodeChange(bytes))) {
    const written = change.ops.filter(({ obj, action }) => obj === map && action !== "del");
    if (written.length > 0) yield { change, names: [...new Set(written.map(({ key }) => key))] };
  }
}

/** Whether a change builds on another one. */
function isBelow({ history }, below, { hash }) {
  return (history.changes.get(hash).counts.get(below.actor) ?? 0) >= below.seq;
}

/**
 * The institutions that `case/lead` of the case ever named, each once, in the order in which they were named last; null where no section
 * `core` of it is readable.
 */
function leadsOf(reading, { home, caseId }) {
  const cores = [...reading.spaces.values()].filter(
    ({ label, document }) => label?.code === "core" && label.home === home && label.caseId === caseId && document !== null,
  );
  if (cores.length === 0) return null;
  const named = cores.flatMap(({ document }) =>
    [...writesTo(document, "core", "case")]
      .filter(({ names }) => names.includes("lead"))
      .map(({ change }) => ({ ...change, lead: institutionIn(jsonAt(document, [change.hash]).case.lead) })),
  );
  const inOrder = named.sort((one, other) => one.startOp - other.startOp || (one.hash < other.hash ? -1 : 1)).map(({ lead }) => lead);
  return inOrder.filter((lead, index) => lead !== null && inOrder.lastIndexOf(lead) === index);
}

/** Which institution a value of `case/lead` names; null where it is none. */
function institutionIn(lead) {
  try {
    const { institution, person, since } = JSON.parse(lead);
    return [institution, person, since].every((each) => typeof each === "string") ? institution : null;
  } catch {
    return null;
  }
}
