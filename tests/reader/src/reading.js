/** From items to documents: replay, keys, receipts, which envelopes count, and what they say (PROTOCOL §24, §28). */
import { Carrying } from "./carrying.js";
import { EnvelopeError, ReaderError } from "./errors.js";
import { decodeEnvelope, decodeErasure, openPayload, verifyEnvelope } from "./envelope.js";
import { decodeOperation } from "./operation.js";
import { envelopeId, operationId } from "./identifiers.js";
import { deviceFromSeed } from "./keys.js";
import { composeSpace } from "./composing.js";
import { DIRECTORY_CONTAINERS, PERSON_CONTAINERS } from "./document.js";
import { deviceNames } from "./devices.js";
import { judge, clones, erasureOf, knowledgeOf } from "./counting.js";
import { Keyring, WrapStore } from "./keyring.js";
import { replayAll } from "./replay.js";
import { findDeviceKeys } from "./rights.js";
import { isEarlier, isReceiptOf } from "./receipt.js";
import { Arrivals } from "./standing.js";
import { Logs, View, isKnownEpoch } from "./state.js";
import { openSectionLabel } from "./sealing.js";
import { isKnownSection, sectionContainers } from "./sections.js";

/**
 * Everything a device can know from what it was given.
 * @param {{network: string, seed: Uint8Array, items: Array<object>, keys: Array<object>|undefined,
 *   carried: Array<object>|undefined}} bundle of a bundle file also the `keys` in its head, and what has no receipt
 */
export class Reading {
  static async of(bundle) {
    const reading = new Reading(bundle.network);
    reading.keyring = new Keyring(await deviceFromSeed(bundle.seed));
    reading.sort(bundle.items);
    const { refused, waiting } = replayAll(reading.logs, reading.operations);
    for (const { operation, error } of refused) reading.problem("operation", operation.id, error);
    for (const { operation, error } of waiting) reading.problem("operation", operation.id, error);
    const carrying = new Carrying(reading, bundle.carried ?? []);
    carrying.takeOperations();
    if (bundle.carried !== undefined) reading.leaveOut(carrying);
    await reading.keyring.openHead(reading.logs, bundle.keys ?? []);
    await reading.keyring.open(reading.logs, reading.wraps);
    reading.verifyReceipts();
    reading.findForks(refused);
    reading.verifyEnvelopes();
    reading.openSpaces();
    carrying.takeEnvelopes();
    reading.carrying = carrying;
    return reading;
  }

  constructor(network) {
    this.logs = new Logs();
    this.logs.network = network;
    this.operations = [];
    this.envelopes = [];
    this.wraps = new WrapStore();
    this.receipts = new Map();
    this.claimedReceipts = [];
    /** spaces whose log the relay acknowledged in two ways */
    this.forked = new Set();
    /** what was refused, or waits for what the bundle does not hold: `{what, id, code, message}` */
    this.problems = [];
    /** envelopes that count and that this device has no key for: what it may not read */
    this.unread = [];
    /** snapshots that no document begins with although originals are gone, and why: `{id, code, message}` */
    this.passedOver = [];
    /** what has no receipt, and what became of it; none of it counts (PROTOCOL §29) */
    this.carrying = null;
    /** ids of envelopes of spaces that this device does not read, of a bundle file */
    this.notShared = new Set();
    /** space id → what is shown of it */
    this.spaces = new Map();
    this.keyring = null;
  }

  problem(what, id, error) {
    if (!(error instanceof ReaderError)) throw error;
    this.problems.push({ what, id, code: error.code, message: error.message });
  }

  sort(items) {
    for (const item of items) {
      for (const wrap of item.wraps) this.wraps.add(wrap);
      if (item.kind === "join_request") continue;
      try {
        const decoded = item.kind === "operation" ? decodeOperation(item.bytes) : decodeEnvelope(item.bytes);
        (item.kind === "operation" ? this.operations : this.envelopes).push(decoded);
        if (item.receipt !== null) this.claimedReceipts.push({ id: decoded.id, receipt: item.receipt });
      } catch (error) {
        this.problem(item.kind, item.kind === "operation" ? operationId(item.bytes) : envelopeId(item.bytes), error);
      }
    }
  }

  /** Passes over envelopes that a bundle file brings and that are not for this device. */
  leaveOut(carrying) {
    const isLeftOut = (envelope) => !carrying.isShared(envelope);
    this.notShared = new Set(this.envelopes.filter(isLeftOut).map(({ id }) => id));
    this.envelopes = this.envelopes.filter(({ id }) => !this.notShared.has(id));
  }

  /** Keeps the earliest receipts that verify by a relay key which the network's log ever named. */
  verifyReceipts() {
    const keys = this.logs.newest(this.logs.network)?.relayKeys ?? [];
    for (const { id, receipt } of this.claimedReceipts) {
      if (!keys.some((key) => isReceiptOf(receipt, id, key))) {
        this.problems.push({ what: "receipt", id, code: "bad_receipt", message: "by no relay of the network" });
        continue;
      }
      const before = this.receipts.get(id);
      if (before === undefined || isEarlier(receipt, before)) this.receipts.set(id, receipt);
    }
    this.arrivals = new Arrivals(this.logs, (operation) => this.receipts.get(operation) ?? null, isEarlier);
  }

  /** A log is forked where the relay took in another operation for a place that is taken, and no `Heal` carries it. */
  findForks(refused) {
    for (const { operation } of refused) {
      const taken = this.logs.operationAt(operation.space, operation.body.index);
      const isOther = taken !== undefined && taken.id !== operation.id && !this.logs.operations.has(operation.id);
      if (isOther && this.receipts.has(operation.id)) this.forked.add(operation.space);
    }
  }

  /** Leaves those that verify, with the knowledge of their authors. One of no known epoch counts all the same (§24). */
  verifyEnvelopes() {
    this.verified = [];
    for (const envelope of this.envelopes) {
      try {
        this.verified.push(this.requireAuthor(envelope));
        this.requireEpoch(envelope);
      } catch (error) {
        this.problem("envelope", envelope.id, error);
      }
    }
  }

  /** All that is asked of one envelope before it is opened. */
  verifyOne(envelope) {
    const verified = this.requireAuthor(envelope);
    this.requireEpoch(envelope);
    return verified;
  }

  requireEpoch({ header }) {
    if (!isKnownEpoch(this.logs.newest(header.space), header.keyId)) {
      throw new EnvelopeError("unknown_epoch", "no epoch of its space");
    }
  }

  requireAuthor(envelope) {
    const { header } = envelope;
    const knowledge = knowledgeOf(this.logs, header.accessHeads);
    if (!knowledge.has(header.space)) throw new EnvelopeError("no_access_head", "its own log is not among what its access heads know");
    const view = View.known(this.logs, knowledge);
    const keys = findDeviceKeys(view, [header.space, ...knowledge.keys()], header.author);
    if (keys === null) throw new EnvelopeError("unknown_author", "no log it names knows its author's keys");
    verifyEnvelope(envelope, keys.verifying);
    return {
      id: envelope.id,
      space: header.space,
      kind: header.kind,
      author: header.author,
      authorSequence: header.authorSequence,
      parents: header.parents,
      knowledge,
      receipt: this.receipts.get(envelope.id) ?? null,
      envelope,
    };
  }

  openSpaces() {
    for (const space of [...this.logs.logs.keys()].sort()) {
      this.spaces.set(space, this.openSpace(space));
    }
  }

  openSpace(space) {
    const state = this.logs.newest(space);
    const envelopes = this.verified.filter((envelope) => envelope.space === space);
    const label = this.labelOf(state);
    const judgement = judge(this.logs, space, envelopes, this.arrivals);
    const erasure = erasureOf(this.logs, space, envelopes, this.arrivals, isEarlier);
    const containers = erasure === null ? containersOf(state, label, envelopes) : null;
    const applied = erasure === null ? envelopes : envelopes.filter(({ kind }) => kind !== "changes");
    const content = composeSpace({ ...this, state, containers, envelopes: applied, judgement });
    for (const { id, error } of content.problems) this.problem("envelope", id, error);
    this.unread.push(...content.unread);
    this.passedOver.push(...content.passedOver);
    const verdicts = shownVerdicts(judgement.verdicts, content.covered);
    const names = state.kind === "person" ? deviceNames(state, content.document, this.keyring) : null;
    return { state, label, verdicts, clones: clones(envelopes, verdicts), document: content.document, names, erased: this.erasedBy(erasure) };
  }

  /** Who erased a section and why; null where nobody did. */
  erasedBy(erasure) {
    if (erasure === null) return null;
    const epoch = this.keyring.epoch(erasure.space, erasure.envelope.header.keyId);
    return { by: erasure.id, reason: epoch === null ? null : reasonOf(erasure.envelope, epoch) };
  }

  /** A section's label is the one of its first epoch that this device can open. */
  labelOf(state) {
    if (state.kind !== "section") return null;
    for (const record of state.epochs) {
      const epoch = this.keyring.epoch(state.space, record.keyId);
      if (epoch === null) continue;
      if (record.label === null) return null;
      try {
        return openSectionLabel(epoch, record.label);
      } catch (error) {
        this.problem("label", state.space, error);
        return null;
      }
    }
    return null;
  }
}

/** One that does not open gives none. */
function reasonOf(envelope, epoch) {
  try {
    return decodeErasure(openPayload(envelope, epoch));
  } catch (error) {
    if (error instanceof ReaderError) return null;
    throw error;
  }
}

/** What is covered by the snapshot that a document begins with stands in it: somebody built on it, and is gone. */
function shownVerdicts(verdicts, covered) {
  const vouched = { verdict: "vouched", reason: null };
  return new Map([...verdicts].map(([id, said]) => [id, said.verdict === "held" && covered.has(id) ? vouched : said]));
}

/**
 * What a space's document begins with; null where it has none, or where this device cannot know. A person's space has none
 * before its first verified envelope.
 */
function containersOf(state, label, envelopes) {
  if (state.kind === "network") return DIRECTORY_CONTAINERS;
  if (state.kind === "person") return envelopes.length > 0 ? PERSON_CONTAINERS : null;
  return label === null || !isKnownSection(label.code) ? null : sectionContainers(label.code);
}
