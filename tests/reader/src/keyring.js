/**
 * The epochs a device can open, from its seed and the wraps beside the operations (PROTOCOL §7, §8, §24).
 *
 * A seed is kept under its space *and* its key id: any log may name any key id, so what one space's wraps gave opens
 * nothing of another.
 */
import { CryptoError } from "./errors.js";
import { openHistoryLink, openHybridWrap, openSymmetricWrap, wrapInfo } from "./keys.js";
import { wrapHash } from "./identifiers.js";
import { isKnownEpoch, readableEpochs } from "./state.js";

export class Keyring {
  /** @param {object} device as `deviceFromSeed` gives it */
  constructor(device) {
    this.device = device;
    this.epochs = new Map();
    /** wraps and links that should have opened and did not: `{space, keyId, recipient?, code}` */
    this.failures = [];
  }

  /** An epoch this device holds, or null. */
  epoch(space, keyId) {
    return this.epochs.get(`${space} ${keyId}`) ?? null;
  }

  hold(space, epoch) {
    this.epochs.set(`${space} ${epoch.id}`, epoch);
  }

  /**
   * Opens whatever can be opened, until nothing more opens.
   * @param {Logs} logs
   * @param {WrapStore} wraps
   */
  async open(logs, wraps) {
    const tried = new Set();
    for (let progress = true; progress; ) {
      progress = false;
      for (const { states } of logs.logs.values()) {
        const state = states.at(-1);
        for (const record of readableEpochs(state)) {
          if (await this.openWraps(state, record, wraps, tried)) progress = true;
          if (this.openLinks(state, record, tried)) progress = true;
        }
      }
    }
  }

  /**
   * Opens what the head of a bundle file wraps for this device (PROTOCOL §29). Nobody signed it, so that it opens nothing
   * but an epoch of which the space's own log says the key id.
   * @param {Logs} logs
   * @param {Array<{space: string, keyId: string, wrap: {recipient: string, bytes: Uint8Array}}>} keys
   */
  async openHead(logs, keys) {
    for (const { space, keyId, wrap } of keys) {
      const state = logs.newest(space) ?? null;
      if (wrap.recipient !== this.device.id || state === null || !isKnownEpoch(state, keyId)) continue;
      try {
        const info = wrapInfo(state.nonce, keyId, this.device.id, this.device.id);
        this.hold(space, await openHybridWrap(this.device.kemSeed, info, wrap.bytes, keyId));
      } catch (error) {
        this.note(error, { space, keyId, recipient: this.device.id });
      }
    }
  }

  async openWraps(state, record, wraps, tried) {
    if (this.epoch(state.space, record.keyId) !== null) return false;
    for (const recipient of [...record.wraps.values(), ...(state.pastWraps.get(record.keyId) ?? [])]) {
      const bytes = wraps.find(recipient);
      if (bytes === null) continue;
      const opened = await this.attempt(tried, state, record, recipient, bytes);
      if (opened === null) continue;
      this.hold(state.space, opened);
      return true;
    }
    return false;
  }

  async attempt(tried, state, record, recipient, bytes) {
    const isOwn = recipient.id === this.device.id && recipient.key === this.device.id;
    const holder = isOwn ? { kemSeed: this.device.kemSeed, wrapKey: null } : this.epoch(recipient.id, recipient.key);
    const attempt = `${state.space} ${record.keyId} ${recipient.id} ${recipient.key} ${recipient.wrapHash}`;
    if (holder === null || tried.has(attempt)) return null;
    tried.add(attempt);
    const info = wrapInfo(state.nonce, record.keyId, recipient.id, recipient.key);
    try {
      if (recipient.method === "hybrid") return await openHybridWrap(holder.kemSeed, info, bytes, record.keyId);
      if (holder.wrapKey === null) throw new CryptoError("wrong_method", "a device takes no symmetric wrap");
      return openSymmetricWrap(holder.wrapKey, info, bytes, record.keyId);
    } catch (error) {
      this.note(error, { space: state.space, keyId: record.keyId, recipient: recipient.id });
      return null;
    }
  }

  openLinks(state, record, tried) {
    const epoch = this.epoch(state.space, record.keyId);
    if (epoch === null) return false;
    let opened = false;
    for (const { previous, link } of record.links) {
      const attempt = `${state.space} ${record.keyId} ${previous}`;
      if (this.epoch(state.space, previous) !== null || tried.has(attempt)) continue;
      tried.add(attempt);
      try {
        this.hold(state.space, openHistoryLink(epoch, previous, link));
        opened = true;
      } catch (error) {
        this.note(error, { space: state.space, keyId: previous });
      }
    }
    return opened;
  }

  note(error, about) {
    if (!(error instanceof CryptoError)) throw error;
    this.failures.push({ ...about, code: error.code });
  }
}

/** Wraps as they came beside operations; found only by the hash that the operation signs. */
export class WrapStore {
  constructor() {
    this.byHash = new Map();
  }

  /** @param {{recipient: string, bytes: Uint8Array}} wrap */
  add(wrap) {
    this.byHash.set(`${wrap.recipient} ${wrapHash(wrap.bytes)}`, wrap.bytes);
  }

  /** The bytes whose hash the log signs for this recipient, or null. */
  find(recipient) {
    return this.byHash.get(`${recipient.id} ${recipient.wrapHash}`) ?? null;
  }
}
