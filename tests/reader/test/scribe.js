/** The part of the tests' writer that makes content: epochs with real wraps, envelopes, receipts, bundles. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import * as Automerge from "@automerge/automerge";
import { CipherSuite, HkdfSha256 } from "@hpke/core";
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { XWing } from "@hpke/hybridkem-x-wing";
import { encode } from "../src/cbor.js";
import { concat, fromHex, u32BigEndian, u64BigEndian } from "../src/bytes.js";
import { actorId, envelopeId, wrapHash } from "../src/identifiers.js";
import { epochFromSeed, wrapInfo } from "../src/keys.js";
import { DIRECTORY_CONTAINERS, genesis } from "../src/document.js";
import { digest, derive, hash, kemKeyOf, label, sealOnce, sign, verifyingKeyOf } from "../src/primitives.js";
import { effectiveRecipients } from "../src/recipients.js";
import { seal } from "../src/sealing.js";
import { View, currentEpoch } from "../src/state.js";
import { World, effects, fresh } from "./fixture.js";

const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
const KINDS = ["changes", "snapshot", "blob", "attest", "dispute", "erasure"];

const exact = (bytes) => new Uint8Array(bytes).buffer;

export async function sealHybrid(kemKey, info, seed) {
  const recipientPublicKey = await suite.kem.deserializePublicKey(exact(kemKey));
  const fullInfo = concat(label("wrap/hybrid"), info);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info: exact(fullInfo) }, exact(seed));
  return concat(new Uint8Array(enc), new Uint8Array(ct));
}

function sealSymmetric(wrapKey, info, seed) {
  return sealOnce(derive(wrapKey, "wrap/symmetric", info), seed);
}

/** A section's label, as its epoch holds it: the code, the home and the case's nonce. */
function sealSectionLabel({ id, labelKey }, fields) {
  const salt = fresh(32);
  const sealed = { key: labelKey, salt, labelName: "sealed-label", header: fromHex(id), plaintext: encode(fields) };
  const { commitment, ciphertext } = seal(sealed);
  return concat(salt, commitment, ciphertext);
}

/** A document as a snapshot holds it: one chunk, of whose columns none is compressed. */
export function uncompressed(document) {
  return Automerge.getBackend(document).saveNoCompress();
}

/** A world that keeps what a relay would have stored. */
export class Scribe extends World {
  constructor() {
    super();
    this.items = [];
    this.stored = 0;
    this.seeds = new Map();
    this.relaySeed = fresh(32);
    this.journal = fresh();
    this.sequences = new Map();
  }

  get relayKey() {
    return verifyingKeyOf(this.relaySeed);
  }

  write(space, author, writtenEffects, options = {}) {
    const operation = super.write(space, author, writtenEffects, options);
    const signed = encode([operation.bodyBytes, operation.signature]);
    this.store(1, signed, operation.id, options.wraps ?? [], options.journal);
    return operation;
  }

  store(kind, bytes, id, wraps, journal = this.journal) {
    this.stored += 1;
    this.items.push([kind, bytes, wraps, this.receiptFor(id, this.stored, journal)]);
  }

  /** A receipt as the relay would sign it, in a group commit of two. */
  receiptFor(id, sequence, journal = this.journal) {
    const leaf = hash("receipt/leaf", u64BigEndian(sequence), fromHex(id));
    const sibling = fresh(32);
    const root = hash("receipt/node", sibling, leaf);
    const message = concat(journal, u64BigEndian(7), u32BigEndian(2), root);
    const signature = sign(this.relaySeed, "receipt/sign", message);
    return [journal, sequence, 7, 2, 1, [sibling], signature];
  }

  /** A branch that the relay acknowledged, as `Heal` carries it. */
  branchOf(...operations) {
    return operations.map((operation, position) => {
      const bytes = encode([operation.bodyBytes, operation.signature]);
      return [bytes, encode(this.receiptFor(operation.id, 1000 + position))];
    });
  }

  /** Begins an epoch for exactly the effective recipients; a section's with the fields of its `label`. @returns {Promise<object>} the epoch */
  async begin(space, author, { cut = false, effectsBefore = [], symmetricTo = [], withLink = true, label: named = null } = {}) {
    const epoch = epochFromSeed(fresh(32));
    const state = this.state(space);
    const previous = currentEpoch(state);
    const link = previous === null || cut || !withLink ? null : this.linkOf(epoch, previous.keyId);
    const { recipients, wraps } = await this.wrapsOf(space, epoch, symmetricTo);
    const kem = ["person", "team", "institution"].includes(state.kind) ? await kemKeyOf(epoch.kemSeed) : null;
    const effect = effects.epoch({
      keyId: fromHex(epoch.id), kem, previous: previous && fromHex(previous.keyId), link, recipients, cut,
      label: named && sealSectionLabel(epoch, named),
    });
    this.write(space, author, [...effectsBefore, effect], { wraps });
    this.seeds.set(epoch.id, epoch);
    return epoch;
  }

  linkOf(epoch, previousKeyId) {
    const key = derive(epoch.historyKey, "history-link", fromHex(epoch.id), fromHex(previousKeyId));
    return sealOnce(key, this.seeds.get(previousKeyId).seed);
  }

  async wrapsOf(space, epoch, symmetricTo) {
    const effective = effectiveRecipients(View.newest(this.logs), space);
    const recipients = [];
    const wraps = [];
    for (const { id, key, kem } of [...effective.values()].sort((left, right) => (left.id < right.id ? -1 : 1))) {
      const info = wrapInfo(this.state(space).nonce, epoch.id, id, key);
      const symmetric = symmetricTo.includes(id);
      const bytes = symmetric
        ? sealSymmetric(this.seeds.get(key).wrapKey, info, epoch.seed)
        : await sealHybrid(kem, info, epoch.seed);
      recipients.push([fromHex(id), fromHex(key), symmetric ? 2 : 1, fromHex(wrapHash(bytes))]);
      wraps.push([fromHex(id), bytes]);
    }
    return { recipients, wraps };
  }

  /** Seals one edit. @returns {string} the envelope's id */
  edit(space, author, pen, callback, options = {}) {
    const nonces = pen.isNew ? [pen.nonce] : [];
    return this.seal("changes", space, author, [nonces, [pen.change(callback)]], options);
  }

  /**
   * Seals a snapshot of what a pen has read and written.
   * @param {{parents: string[], covered: string[], actors: Array<[Uint8Array, Uint8Array]>}} said actors as the payload has them
   */
  snapshot(space, author, pen, { parents, covered, actors, heads = pen.heads() }) {
    const chunk = uncompressed(pen.document);
    return this.seal("snapshot", space, author, [deflateSync(chunk), chunk.length, heads.map(fromHex), actors, covered.map(fromHex)], { parents });
  }

  /** Seals an attest or dispute with these heads. */
  judge(kind, space, author, snapshot, heads) {
    return this.seal(kind, space, author, [heads.map(fromHex)], { parents: [snapshot] });
  }

  /** Seals any payload. @returns {string} the envelope's id */
  seal(kind, space, author, payload, { parents = [], heads = null, epoch = null, journal } = {}) {
    const keyId = epoch?.id ?? currentEpoch(this.state(space)).keyId;
    const sequence = (this.sequences.get(author.id) ?? 0) + 1;
    this.sequences.set(author.id, sequence);
    const salt = fresh(32);
    const header = encode([
      1, 2, KINDS.indexOf(kind) + 1, fromHex(space), fromHex(keyId), fromHex(author.id), sequence,
      heads ?? this.heads(null), [...parents].sort().map(fromHex), salt,
    ]);
    const { commitment, ciphertext } = seal({
      key: this.seeds.get(keyId).contentKey, salt, labelName: `envelope/${kind}`, header, plaintext: encode(payload),
    });
    const signature = sign(author.signSeed, "envelope/sign", concat(digest(header), commitment, digest(ciphertext)));
    const sealed = encode([header, commitment, ciphertext, signature]);
    this.store(2, sealed, envelopeId(sealed), [], journal);
    return envelopeId(sealed);
  }

  /** Forgets the bytes of envelopes, as a relay that prunes. */
  drop(...ids) {
    this.items = this.items.filter(([kind, bytes]) => kind !== 2 || !ids.includes(envelopeId(bytes)));
  }

  /** Writes a bundle to a new directory. */
  bundle(network, masterSeed) {
    const directory = mkdtempSync(join(tmpdir(), "nahtlos-reader-"));
    writeFileSync(join(directory, "network"), `${network}\n`);
    writeFileSync(join(directory, "device.seed"), `${Buffer.from(masterSeed).toString("hex")}\n`);
    writeFileSync(join(directory, "items.cbor"), encode(this.items));
    return directory;
  }
}

/** One run of one device in a document; in the directory's where nothing else is said. Without containers there is no genesis. */
export class Pen {
  constructor(space, author, containers = DIRECTORY_CONTAINERS) {
    this.nonce = fresh();
    this.isNew = true;
    const actor = actorId(space, author.id, this.nonce);
    /** whose it is, as a snapshot names it */
    this.named = [fromHex(actor), fromHex(author.id)];
    const begins = containers.length === 0 ? [] : [genesis(containers)];
    [this.document] = Automerge.applyChanges(Automerge.init({ actor }), begins);
  }

  change(callback) {
    this.document = Automerge.change(this.document, { time: 0 }, callback);
    this.isNew = false;
    return Automerge.getLastLocalChange(this.document);
  }

  /** Takes what another pen has written. */
  read(other) {
    this.document = Automerge.merge(this.document, other.document);
  }

  /** Hashes of the newest changes, ascending. */
  heads() {
    return [...Automerge.getHeads(this.document)].sort();
  }
}
