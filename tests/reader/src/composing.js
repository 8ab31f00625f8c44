/** The content of one space: what its document begins with, and what its counting edits make of it (PROTOCOL §16, §24). */
import { findBeginning } from "./beginning.js";
import { SpaceDocument, decodedGenesis } from "./document.js";
import { decodeChanges, decodeHeads, decodeSnapshot, openPayload } from "./envelope.js";
import { EnvelopeError, MissingError, ReaderError } from "./errors.js";
import { loadSnapshot } from "./snapshot.js";
import { View, isKnownEpoch } from "./state.js";

/** Verdicts under which an edit is part of the document. */
const IN_THE_DOCUMENT = ["counts", "vouched", "provisional"];

/**
 * @param {object} given
 * @param {Logs} given.logs
 * @param {Keyring} given.keyring
 * @param {object} given.state of the space
 * @param {string[]|null} given.containers what its document begins with; null where it has none, or nobody here knows
 * @param {Array<object>} given.envelopes verified, of this space
 * @param {{verdicts: Map<string, {verdict: string}>, firm: Set<string>}} given.judgement
 * @returns {{document: SpaceDocument|null, unread: string[], problems: Array<{id: string, error: Error}>,
 *   passedOver: Array<{id: string, code: string, message: string}>, covered: Set<string>}} `covered`: by what it begins with
 */
export function composeSpace({ logs, keyring, state, containers, envelopes, judgement }) {
  const { space } = state;
  const open = opener(keyring, containers);
  const { beginning, passedOver } =
    containers === null ? { beginning: null, passedOver: [] } : findBeginning(View.newest(logs), space, envelopes, judgement, open);
  const composition = new Composition(state, containers, envelopes, beginning, open);
  for (const envelope of parentsFirst(envelopes)) {
    const isPart = envelope.kind === "changes" && IN_THE_DOCUMENT.includes(judgement.verdicts.get(envelope.id).verdict);
    if (isPart) composition.take(envelope);
  }
  const { document, unread, problems } = composition;
  return { document, unread, problems, passedOver, covered: composition.covered };
}

/** How envelopes are opened, each kind as what it holds. Every function throws what it fails for. */
function opener(keyring, containers) {
  const payloadOf = ({ space, envelope }) => {
    const epoch = keyring.epoch(space, envelope.header.keyId);
    if (epoch === null) throw new MissingError("no_key", "no key for its epoch is here", [envelope.header.keyId]);
    return openPayload(envelope, epoch);
  };
  return {
    edit: (envelope) => decodeChanges(payloadOf(envelope)),
    changes: (envelope) => decodeChanges(payloadOf(envelope)).changes,
    heads: (envelope) => decodeHeads(payloadOf(envelope)),
    snapshot(envelope) {
      const payload = decodeSnapshot(payloadOf(envelope));
      return { payload, loaded: loadSnapshot(payload, decodedGenesis(containers)) };
    },
  };
}

/** What no other item of this bundle could bring: no fault of an edit, and no problem of the bundle (PROTOCOL §28). */
const WAITS_UNREAD = ["no_key", "newer_section"];

/** A document that edits are applied to, parents first. What builds on an edit that is not there waits with it. */
class Composition {
  constructor(state, containers, envelopes, beginning, open) {
    this.state = state;
    this.document = documentOf(state.space, containers, beginning);
    this.kinds = new Map(envelopes.map(({ id, kind }) => [id, kind]));
    this.covered = new Set(beginning?.payload.covered);
    this.applied = new Set(this.covered);
    this.open = open;
    this.unread = [];
    this.problems = [];
  }

  /** One edit that counts, in the order of §24: the first failure is the word. */
  take(edit) {
    if (this.covered.has(edit.id)) return;
    try {
      this.requireParents(edit);
      this.requireKnownSection();
      this.requireParentsHere(edit);
      // One of no known epoch was refused as such; what builds on it waits.
      if (this.document === null || !isKnownEpoch(this.state, edit.envelope.header.keyId)) return;
      if (!edit.parents.every((parent) => this.applied.has(parent))) {
        this.unread.push(edit.id);
        return;
      }
      this.document.apply(edit.author, this.open.edit(edit));
      this.applied.add(edit.id);
    } catch (error) {
      if (WAITS_UNREAD.includes(error.code)) this.unread.push(edit.id);
      else if (error instanceof ReaderError) this.problems.push({ id: edit.id, error });
      else throw error;
    }
  }

  requireParents({ parents }) {
    if (parents.some((parent) => (this.kinds.get(parent) ?? "changes") !== "changes")) {
      throw new EnvelopeError("parent_is_no_edit", "it builds on what is no edit");
    }
  }

  /** Nobody here knows the genesis of a section without a label that opens, or of a code that is not known: a newer program may. */
  requireKnownSection() {
    if (this.state.kind === "section" && this.document === null) {
      throw new MissingError("newer_section", "the section's code is not known here", [this.state.space]);
    }
  }

  requireParentsHere({ parents }) {
    // Without a document nobody here can tell what a snapshot covers, and so what is lacking.
    const missing = parents.filter((parent) => !this.kinds.has(parent) && !this.covered.has(parent));
    if (this.document !== null && missing.length > 0) throw new MissingError("missing_parents", "it builds on what is not here", missing);
  }
}

function documentOf(space, containers, beginning) {
  if (containers === null) return null;
  return beginning === null ? new SpaceDocument(space, containers) : SpaceDocument.fromSnapshot(space, beginning.loaded);
}

/** Each after those of its parents that are known; else by author and number, whatever order they came in. */
function parentsFirst(envelopes) {
  const known = new Set(envelopes.map(({ id }) => id));
  const waiting = [...envelopes].sort(byAuthor);
  const ordered = new Set();
  while (waiting.length > 0) {
    const isNext = ({ parents }) => parents.every((parent) => ordered.has(parent) || !known.has(parent));
    ordered.add(waiting.splice(waiting.findIndex(isNext), 1)[0].id);
  }
  const byId = new Map(envelopes.map((envelope) => [envelope.id, envelope]));
  return [...ordered].map((id) => byId.get(id));
}

function byAuthor(left, right) {
  if (left.author !== right.author) return left.author < right.author ? -1 : 1;
  const order = BigInt(left.authorSequence) - BigInt(right.authorSequence);
  if (order !== 0n) return order < 0n ? -1 : 1;
  return left.id < right.id ? -1 : 1;
}
