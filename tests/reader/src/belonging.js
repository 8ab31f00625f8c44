/** Whose a device is: its person and its institution, and who is independent of whom (PROTOCOL §16, §24 "Who wrote"). */
import { holdsKeys, isConfirmed } from "./rights.js";
import { liveGrants } from "./state.js";

/**
 * The persons beneath a space whose logs ever admitted a device, removed ones too.
 * @param {View} view
 * @param {string} space
 * @param {string} device
 * @returns {Set<string>} their space ids; a relay lets no device have more than one
 */
export function personsOf(view, space, device) {
  const persons = new Set();
  const seen = new Set();
  const open = [space];
  while (open.length > 0) {
    const next = open.pop();
    const state = seen.has(next) ? null : view.state(next);
    seen.add(next);
    for (const { member } of state?.grants.values() ?? []) {
      if (member.type === "space") open.push(member.id);
      else if (member.id === device) persons.add(next);
    }
  }
  return persons;
}

/** The institutions of a device: guardians of its persons whose own logs lead back to the same person by that device. */
export function institutionsOf(view, space, device) {
  const institutions = new Set();
  for (const person of personsOf(view, space, device)) {
    const guardian = guardianOf(view, person);
    if (guardian !== null && personsOf(view, guardian, device).has(person)) institutions.add(guardian);
  }
  return institutions;
}

/** The institution that a space names as its guardian, or null. The guardian's kind is looked at here, where it is used. */
function guardianOf(view, space) {
  const guardian = view.state(space)?.guardian ?? null;
  return guardian !== null && view.state(guardian)?.kind === "institution" ? guardian : null;
}

/** The institution that a member stands for: itself (in the network), or its guardian. */
function institutionOfMember(view, { type, id }) {
  if (type === "device") return null;
  return view.state(id)?.kind === "institution" ? id : guardianOf(view, id);
}

/**
 * Whether a device is independent of the author of a snapshot: of another institution, where another one had a confirmed,
 * key-holding member in the space when it was attested; else of another person.
 * @param {View} view the newest logs
 * @param {object} state of the snapshot's space, as the attest's access heads say
 * @param {string} author the snapshot's
 * @param {string} device who attests it
 */
export function isIndependent(view, state, author, device) {
  const { space } = state;
  const home = institutionsOf(view, space, author);
  const isShared = [...liveGrants(state)].some((grant) => {
    const institution = isConfirmed(grant) && holdsKeys(grant.role) ? institutionOfMember(view, grant.member) : null;
    return institution !== null && !home.has(institution);
  });
  if (isShared) return isElsewhere(institutionsOf(view, space, device), home);
  return isElsewhere(personsOf(view, space, device), personsOf(view, space, author));
}

/** Somebody of whom nothing is known is nowhere, and not elsewhere. */
function isElsewhere(places, home) {
  return places.size > 0 && [...places].every((place) => !home.has(place));
}
