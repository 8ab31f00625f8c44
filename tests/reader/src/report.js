/** What a reading says, as plain JSON: the program's output, and what the vectors expect of each space. */
import { Holders } from "./recipients.js";
import { isConfirmed, rightOf } from "./rights.js";
import { doubtfulGrants, suspendedGrants } from "./standing.js";
import { View } from "./state.js";

/** @param {Reading} reading */
export function report(reading) {
  return {
    network: reading.logs.network,
    device: reading.keyring.device.id,
    sections: sectionsByCode(reading),
    directory: reading.spaces.get(reading.logs.network)?.document?.toJson() ?? null,
    devices: devicesByPerson(reading),
    spaces: spacesOf(reading),
    forked: [...reading.forked].sort(),
    unread: [...reading.unread].sort(),
    snapshots_passed_over: [...reading.passedOver].sort((left, right) => (left.id < right.id ? -1 : 1)),
    problems: reading.problems,
    keys_not_opened: reading.keyring.failures,
  };
}

/** Documents of sections, by their codes; those that this device cannot open stand in none. */
function sectionsByCode(reading) {
  const codes = {};
  for (const [space, { state, label, document }] of reading.spaces) {
    if (state.kind !== "section" || label === null) continue;
    codes[label.code] ??= [];
    codes[label.code].push({ space, case: label.caseId, home: label.home, document: document?.toJson() ?? null });
  }
  return Object.fromEntries(Object.entries(codes).sort());
}

/** What devices are called, by the person's space and the device; those that this device knows no name of stand in none. */
function devicesByPerson(reading) {
  const persons = [...reading.spaces].filter(([, { names }]) => names !== null && names.size > 0);
  return Object.fromEntries(persons.map(([space, { names }]) => [space, Object.fromEntries([...names].sort())]));
}

/** @param {Reading} reading @returns {Record<string, object>} every space by its id */
export function spacesOf(reading) {
  const newest = View.newest(reading.logs);
  const spaces = {};
  for (const [space, opened] of reading.spaces) spaces[space] = spaceOf(reading, newest, space, opened);
  return spaces;
}

function spaceOf({ keyring, arrivals }, newest, space, { state, label, verdicts, clones, document, erased }) {
  const device = keyring.device.id;
  const right = rightOf(newest, device, space);
  const suspended = suspendedGrants(newest, space, arrivals);
  const epoch = ({ keyId, cut }) => ({ key_id: keyId, cut, opened: keyring.epoch(space, keyId) !== null });
  return {
    kind: state.kind,
    length: state.length,
    role: right.role,
    administers: right.administers,
    closed: state.closed,
    grants: [...state.grants.values()].map(grantOf),
    epochs: state.epochs.map(epoch),
    branch_epochs: state.branches.flatMap((branch) => branch.epochs.map(epoch)),
    stale: isStale(newest, space, suspended),
    doubtful: [...doubtfulGrants(newest, space)].sort(),
    suspended: [...suspended].sort(),
    label: label && { code: label.code, home: label.home, nonce: label.nonce },
    envelopes: Object.fromEntries([...verdicts].sort(([left], [right]) => (left < right ? -1 : 1))),
    clones,
    heads: document?.heads() ?? null,
    document: document?.toJson() ?? null,
    ...(erased === null ? {} : { erased }),
  };
}

/** Null where a log is missing that the question needs. */
function isStale(view, space, suspended) {
  try {
    return new Holders(view, suspended).isStale(space);
  } catch (error) {
    if (error.code !== "missing_log") throw error;
    return null;
  }
}

function grantOf(grant) {
  const open = isConfirmed(grant) ? "confirmed" : "waiting";
  return { id: grant.id, member: grant.member.id, role: grant.role, cut: grant.cut, state: grant.ended === null ? open : "ended" };
}
