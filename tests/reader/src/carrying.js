/**
 * What a bundle file brings without a receipt (PROTOCOL §29): operations of sections that are new to every relay are taken,
 * envelopes are carried, and shown above a document where they can be. None of it counts.
 */
import { stands } from "./counting.js";
import { decodeChanges, decodeEnvelope, openPayload } from "./envelope.js";
import { EnvelopeError, MissingError, ReaderError } from "./errors.js";
import { envelopeId, operationId } from "./identifiers.js";
import { decodeOperation } from "./operation.js";
import { tried } from "./replay.js";
import { contentRole } from "./rights.js";
import { View, isKnownEpoch } from "./state.js";

const DECODE = { operation: decodeOperation, envelope: decodeEnvelope };

/** The id of an item in a bundle file. */
export function itemId({ kind, bytes }) {
  return kind === "operation" ? operationId(bytes) : envelopeId(bytes);
}

export class Carrying {
  /**
   * @param {Reading} reading with its operations replayed
   * @param {Array<object>} items as `readBundleFile` gives them, in the order of the file
   */
  constructor(reading, items) {
    this.reading = reading;
    this.items = items;
    /** item → `taken`, `waits`, `shown`, `not_shown`, `known`, `dropped`, `not_shared`, `left_out`, or why it is refused */
    this.becomes = new Map();
    /** item → why, of what is refused */
    this.errors = new Map();
    this.seen = new Set([...reading.operations, ...reading.envelopes].map(({ id }) => id));
    /** operations that this device took without a receipt */
    this.taken = new Set();
    /** envelopes that are carried: item → as verified, or null where that waits */
    this.carried = new Map();
    /** space id → its document with what is shown above it */
    this.shown = new Map();
  }

  say(item, word, error = null) {
    this.becomes.set(item, word);
    if (error !== null) this.errors.set(item, error);
  }

  /** Each once, but what is the reader's own; what does not decode is left out. @returns {Array<{item: object, decoded: object}>} */
  decoded(kind) {
    const found = [];
    for (const item of this.items.filter((each) => each.kind === kind)) {
      const decoded = this.decode(item);
      if (decoded === null) continue;
      const author = kind === "operation" ? decoded.body.author : decoded.header.author;
      if (this.seen.has(decoded.id) || author === this.reading.keyring.device.id) this.say(item, "known");
      else found.push({ item, decoded });
      this.seen.add(decoded.id);
    }
    return found;
  }

  decode(item) {
    try {
      return DECODE[item.kind](item.bytes);
    } catch (error) {
      if (!(error instanceof ReaderError)) throw error;
      this.say(item, "left_out");
      return null;
    }
  }

  /** Replays each on the newest logs, and again after each other that was taken. */
  takeOperations() {
    let waiting = [];
    for (const arrived of this.decoded("operation")) {
      waiting.push(arrived);
      for (let progress = true; progress; ) {
        const before = this.taken.size;
        waiting = waiting.filter(({ item, decoded }) => this.takeOperation(item, decoded) === "waits");
        progress = this.taken.size > before;
      }
    }
  }

  takeOperation(item, operation) {
    const { logs, wraps } = this.reading;
    const { space, body, id } = operation;
    let next;
    try {
      next = tried(logs, operation);
    } catch (error) {
      if (!(error instanceof ReaderError)) throw error;
      this.say(item, wordFor(logs, operation, error), error);
      return this.becomes.get(item);
    }
    const isOfNewSection = next.state.kind === "section" && (body.index === 0 || this.taken.has(body.previous));
    if (!isOfNewSection) this.say(item, "no_receipt");
    else if (contentRole(View.newest(logs), body.author, logs.network) === "none") this.say(item, "not_admitted");
    else {
      logs.append(operation, next.knowledge, next.state);
      for (const wrap of item.wraps) wraps.add(wrap);
      this.taken.add(id);
      this.say(item, "taken");
      this.errors.delete(item);
    }
    return this.becomes.get(item);
  }

  /** Whether this device reads an envelope's space, or cannot know it yet. */
  isShared({ header }) {
    const { logs, keyring } = this.reading;
    if (contentRole(View.newest(logs), keyring.device.id, header.space) !== "none") return true;
    const length = logs.length(header.space);
    const head = header.accessHeads.find(({ space }) => space === header.space);
    return length === 0 || (head !== undefined && BigInt(head.index) >= BigInt(length));
  }

  /** Judges each by itself, then shows what can be shown. Documents and keys stand by then. */
  takeEnvelopes() {
    const candidates = [];
    for (const { item, decoded } of this.decoded("envelope")) {
      try {
        this.say(item, this.judge(item, decoded));
      } catch (error) {
        if (!(error instanceof ReaderError)) throw error;
        if (error instanceof MissingError) {
          this.say(item, "not_shown");
          this.carried.set(item, null);
        } else this.say(item, error.code, error);
      }
      if (this.carried.get(item)) candidates.push(item);
    }
    this.show(candidates);
  }

  /** @returns {string} what becomes of it, where nothing refuses it @throws {ReaderError} */
  judge(item, envelope) {
    const { header } = envelope;
    if (!this.isShared(envelope)) return "not_shared";
    if (this.isReplaced(header)) return "dropped";
    if (this.reading.logs.newest(header.space) === null) throw new MissingError("missing_log", "the log of its space is not here", [header.space]);
    if (header.kind === "blob") throw new EnvelopeError("needs_newer", "a blob");
    this.carried.set(item, this.reading.requireAuthor(envelope));
    return "not_shown";
  }

  /** Whether the relay acknowledged an edit of the same author with the same number or a higher one. */
  isReplaced(header) {
    return header.kind === "changes" && this.reading.verified.some((other) => isLater(other, header));
  }

  /** Whether an edit with a receipt takes the place of one that was carried. */
  replaces(received) {
    return this.items.some((item) => this.becomes.get(item) === "dropped" && isLater(received, decodeEnvelope(item.bytes).header));
  }

  /** Each above its document with those shown before, until no more can be. */
  show(candidates) {
    let open = candidates;
    for (let progress = true; progress; ) {
      const left = open.filter((item) => !this.showOne(item));
      progress = left.length < open.length;
      open = left;
    }
  }

  showOne(item) {
    const { logs, keyring, arrivals, spaces } = this.reading;
    const { space, kind, author, envelope, ...rest } = this.carried.get(item);
    const document = this.shown.get(space) ?? spaces.get(space).document?.copy() ?? null;
    const { keyId } = envelope.header;
    const epoch = keyring.epoch(space, keyId);
    if (kind !== "changes" || document === null || epoch === null || !isKnownEpoch(logs.newest(space), keyId)) return false;
    if (!stands(logs, { space, kind, author, envelope, ...rest }, arrivals)) return false;
    try {
      document.apply(author, decodeChanges(openPayload(envelope, epoch)));
    } catch (error) {
      if (!(error instanceof ReaderError)) throw error;
      return false;
    }
    this.shown.set(space, document);
    this.say(item, "shown");
    return true;
  }

  /** What of the file stays on a device without a receipt. */
  kept() {
    return this.items.filter((item) => ["taken", "waits", "shown", "not_shown"].includes(this.becomes.get(item)));
  }
}

function isLater({ kind, author, space, authorSequence }, header) {
  const isSame = kind === "changes" && author === header.author && space === header.space;
  return isSame && BigInt(authorSequence) >= BigInt(header.authorSequence);
}

/** What becomes of an operation that does not replay. */
function wordFor(logs, { space, body }, { code }) {
  if (code === "unknown_reference" || code === "missing_log") return "waits";
  if (code === "not_next") return logs.length(space) > body.index ? "place_taken" : "waits";
  if (code === "bad_founding" && body.index > 0) return "waits";
  return code === "bad_signature" || code === "needs_newer" ? code : "invalid";
}
