/**
 * Which snapshot a document begins with where originals are gone (PROTOCOL §16).
 *
 * Two words stand behind a snapshot: its author's and an independent device's. What is here and known is held against both,
 * so that two who work together can make nobody lose or refuse what the originals say.
 */
import { compare, fromHex } from "./bytes.js";
import { isIndependent } from "./belonging.js";
import { decodeChange } from "./document.js";
import { EnvelopeError, ReaderError } from "./errors.js";
import { View } from "./state.js";

function refuse(code, message) {
  throw new EnvelopeError(code, message);
}

/**
 * The snapshot to begin with, of those that count: the one that covers most and that nothing refutes.
 * @param {View} view the newest logs
 * @param {string} space
 * @param {Array<object>} envelopes verified, of this space
 * @param {{verdicts: Map<string, {verdict: string}>, firm: Set<string>}} judgement
 * @param {{snapshot: Function, heads: Function, changes: Function}} open what each kind holds: a snapshot `{payload, loaded}`,
 *   an attest its heads, an edit its changes; each throws what it fails for, a `ReaderError`
 * @returns {{beginning: object|null, passedOver: Array<{id: string, code: string, message: string}>}}
 */
export function findBeginning(view, space, envelopes, { verdicts, firm }, open) {
  const byId = new Map(envelopes.map((envelope) => [envelope.id, envelope]));
  const passedOver = [];
  const tryOne = (id, check) => {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof ReaderError)) throw error;
      passedOver.push({ id, code: error.code, message: error.message });
      return null;
    }
  };
  // Who knows every parent lacks nothing that a snapshot could bring (§16, rules 2 and 4): none is even opened.
  if (envelopes.every(({ parents }) => parents.every((parent) => byId.has(parent)))) return { beginning: null, passedOver };
  const counting = envelopes.filter(({ id }) => verdicts.get(id)?.verdict === "counts");
  const opened = counting
    .filter(({ kind }) => kind === "snapshot")
    .map((envelope) => tryOne(envelope.id, () => ({ ...envelope, ...open.snapshot(envelope) })))
    .filter((snapshot) => snapshot !== null)
    .sort(coversMore);
  const beginning = opened.find((snapshot) =>
    tryOne(snapshot.id, () => {
      requireVouchers(view, space, snapshot, counting, open);
      requireCovered(snapshot, byId, { verdicts, firm });
      requireChanges(snapshot, byId, open);
      requireGain(snapshot, byId);
      return true;
    }),
  );
  return { beginning: beginning ?? null, passedOver };
}

function coversMore(left, right) {
  return right.payload.covered.length - left.payload.covered.length || (left.id < right.id ? -1 : 1);
}

/** Somebody independent came to the same heads, and nobody disputes. Of a person's own document nobody is independent. */
function requireVouchers(view, space, snapshot, counting, open) {
  const about = counting.filter(({ parents }) => parents.includes(snapshot.id));
  if (about.some(({ kind }) => kind === "dispute")) refuse("disputed", "somebody disputes it");
  const stateAt = ({ knowledge }) => View.known(view.logs, knowledge).required(space);
  const isHeard = (attest) =>
    isIndependent(view, stateAt(attest), snapshot.author, attest.author) && headsOf(attest, open)?.join() === snapshot.payload.heads.join();
  if (!about.some((each) => each.kind === "attest" && isHeard(each))) refuse("not_attested", "nobody independent attests it");
}

/** The heads that an attest holds; null where it does not open, and so is not heard. */
function headsOf(attest, open) {
  try {
    return open.heads(attest);
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    return null;
  }
}

/** What it says it covers, against what is known of the graph (rules 1 and 2). */
function requireCovered({ parents, payload }, byId, judgement) {
  const covered = new Set(payload.covered);
  const isAscending = payload.covered.every((id, index, all) => index === 0 || compare(fromHex(all[index - 1]), fromHex(id)) < 0);
  if (!isAscending) refuse("covers_wrongly", "what it covers does not ascend");
  if (!parents.every((parent) => covered.has(parent))) refuse("covers_wrongly", "it does not cover its own parents");
  // What is not known may have adopted what is held here: then the void of a manager alone speaks against it. Where all of it
  // is known the snapshot brings nothing (rule 4), whatever it covers.
  for (const id of covered) {
    const known = byId.get(id);
    if (known === undefined) continue;
    const mayStand = judgement.firm.has(id) || (known.kind === "changes" && !isVoided(judgement, id));
    if (!mayStand) refuse("covers_wrongly", "it covers what is no edit that counts for good");
    if (!known.parents.every((parent) => covered.has(parent))) refuse("covers_wrongly", "it leaves out what a covered edit builds on");
  }
  // By now it holds all of what is known below: only more can be wrong.
  const below = wholeAncestry(parents, byId);
  if (below !== null && below.size !== covered.size) refuse("covers_wrongly", "it covers more than its parents build on");
}

/** A manager voided it, or something that it builds on. */
function isVoided({ verdicts }, id) {
  return ["voided", "builds_on_voided"].includes(verdicts.get(id).reason);
}

/** These and all that they build on; null where something of it is not known. */
function wholeAncestry(ids, byId) {
  const below = new Set();
  const open = [...ids];
  while (open.length > 0) {
    const id = open.pop();
    if (below.has(id)) continue;
    if (!byId.has(id)) return null;
    below.add(id);
    open.push(...byId.get(id).parents);
  }
  return below;
}

/** Its document holds what the covered edits that are here and open say, under their authors' names (rule 3). */
function requireChanges({ payload, loaded }, byId, open) {
  const hashes = new Set(loaded.changes.map(({ hash }) => hash));
  for (const edit of payload.covered.map((id) => byId.get(id))) {
    for (const { hash, actor } of edit === undefined ? [] : changesOf(edit, open).map(decodeChange)) {
      if (!hashes.has(hash)) refuse("lacks_changes", "its document lacks a change of an edit that it covers");
      if (loaded.owners.get(actor) !== edit.author) refuse("other_author", "it gives another author to a change");
    }
  }
}

/** The changes of an edit, none where this device cannot open it. */
function changesOf(edit, open) {
  try {
    return open.changes(edit);
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    return [];
  }
}

/**
 * It brings something whose original is gone (rule 4). What it would take away is not asked: this reader begins anew with
 * every bundle, so all that its document could hold has its original here.
 */
function requireGain({ payload }, byId) {
  if (payload.covered.every((id) => byId.has(id))) refuse("brings_nothing", "all that it covers is here");
}
