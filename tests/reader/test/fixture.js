/**
 * A writer for tests: it founds spaces and signs operations by PROTOCOL, so that replay has something to judge. It
 * checks nothing itself, so that it can also write what must be refused.
 */
import { encode } from "../src/cbor.js";
import { concat, fromHex, toHex } from "../src/bytes.js";
import { deviceFromSeed } from "../src/keys.js";
import { decodeOperation } from "../src/operation.js";
import { sign } from "../src/primitives.js";
import { replay } from "../src/replay.js";
import { Logs, View } from "../src/state.js";
import { effectiveRecipients } from "../src/recipients.js";

const KINDS = { person: 1, team: 2, institution: 3, network: 4, section: 5 };
const ROLES = { read: 1, write: 2, manage: 3, administer: 8 };

let counter = 0;

/** Bytes that were not used before in this process. */
export function fresh(length = 16) {
  counter += 1;
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(length - 4, counter);
  return bytes;
}

/** A device that no other test has. */
export async function device() {
  const masterSeed = fresh(32);
  return { ...(await deviceFromSeed(masterSeed)), masterSeed };
}

const trimmed = (fields) => {
  const copy = [...fields];
  while (copy.length > 0 && copy.at(-1) === null) copy.pop();
  return copy;
};

const keysOf = (owner) => [owner.keys.verifying, owner.keys.kem];

export const effects = {
  create: (kind, { guardian = null, founder = null } = {}) => [
    0,
    trimmed([KINDS[kind], fresh(), guardian && fromHex(guardian), founder && keysOf(founder)]),
  ],
  addDevice: (owner, person, role = "manage", { grant = fresh(), basis = null } = {}) => [
    1,
    trimmed([grant, [0, memberOf(owner, person)], ROLES[role], 1, basis]),
  ],
  addSpace: (space, role, { grant = fresh(), history = 1, notAfterMs = null, invitation = null } = {}) => [
    1,
    trimmed([grant, [1, [fromHex(space)]], ROLES[role], history, null, notAfterMs, invitation]),
  ],
  confirm: (grant, keyId = null) => [2, trimmed([grant, keyId])],
  wrap: (keyId, recipients, suspended = []) => [3, [keyId, recipients, suspended]],
  link: (keyId, previous, link = new Uint8Array(48)) => [4, [keyId, previous, link]],
  removeGrant: (grant, reason = 0) => [5, [grant, null, reason]],
  removeMember: (member, reason = 0) => [5, [null, fromHex(member), reason]],
  setRole: (grant, role) => [6, [grant, ROLES[role]]],
  expire: (grant) => [7, [grant]],
  epoch: ({ keyId = fresh(32), kem = null, previous = null, link = null, label = null, recipients, cut = false, suspended = [] }) => [
    8,
    [keyId, kem, previous, link, label, recipients, cut, suspended],
  ],
  badWrap: (keyId, recipient) => [9, [keyId, fromHex(recipient)]],
  void: (envelopes, grants) => [10, [envelopes.map(fromHex), grants]],
  heal: (branch) => [11, [branch]],
  setRelay: (key) => [12, [key]],
  close: () => [13, []],
  invite: (key, role) => [14, [key, ROLES[role], 1]],
  policy: (administrators, compares = false) => [16, [administrators, compares]],
};

/** A device as an `Add` names it, with its consent to its admission. `person` null: in the operation that founds it. */
export const memberOf = (owner, person) => [keysOf(owner), countersignature(owner, person)];

function countersignature(owner, person) {
  const space = person === null ? new Uint8Array(32) : fromHex(person);
  return sign(owner.signSeed, "admission/sign", concat(space, fromHex(owner.id)));
}

/** Logs with a pen. */
export class World {
  constructor() {
    this.logs = new Logs();
  }

  /** Signs and replays one operation. @returns {object} the operation */
  write(space, author, writtenEffects, { references = null, claimedAtMs = 1 } = {}) {
    const operation = this.sign(space, author, writtenEffects, { references, claimedAtMs });
    replay(this.logs, operation);
    return operation;
  }

  /** Signs one at the end of a log, without replaying it. `space` null founds one. */
  sign(space, author, writtenEffects, { references = null, claimedAtMs = 1, body = {} } = {}) {
    const log = space === null ? null : this.logs.logs.get(space);
    const fields = [
      1,
      2,
      space === null ? null : fromHex(space),
      log?.operations.length ?? 0,
      log ? fromHex(log.operations.at(-1).id) : null,
      fromHex(author.id),
      claimedAtMs,
      references ?? this.heads(space),
      writtenEffects,
    ];
    for (const [position, value] of Object.entries(body)) fields[position] = value;
    const bytes = encode(fields);
    return decodeOperation(encode([bytes, sign(author.signSeed, "operation/sign", bytes)]));
  }

  /** The heads of all logs but one, or of those named. */
  heads(but, spaces = [...this.logs.logs.keys()]) {
    return spaces
      .filter((space) => space !== but)
      .sort()
      .map((space) => {
        const { operations } = this.logs.logs.get(space);
        return [fromHex(space), operations.length - 1, fromHex(operations.at(-1).id)];
      });
  }

  found(author, writtenEffects, options) {
    return this.write(null, author, writtenEffects, options).space;
  }

  person(owner, guardian = null) {
    return this.found(owner, [effects.create("person", { guardian }), effects.addDevice(owner, null)]);
  }

  /** Recipients as an honest author would name them now, all hybrid, ascending. */
  recipients(space, suspended = []) {
    const effective = effectiveRecipients(View.newest(this.logs), space, new Set(suspended));
    return [...effective.values()]
      .sort((left, right) => (left.id < right.id ? -1 : 1))
      .map(({ id, key }) => [fromHex(id), fromHex(key), 1, fresh(32)]);
  }

  state(space) {
    return this.logs.newest(space);
  }
}

/** A grant id as effects carry it, from its text. */
export function grantIdOf(state, member) {
  const grant = [...state.grants.values()].find((each) => each.member.id === member);
  return fromHex(grant.id);
}

export { toHex, fromHex };
