/** Sections by their codes (PROTOCOL §9), and what the document of each begins with (§15). */

/** Those with rules of their own. */
const OWN_CONTAINERS = {
  core: ["case", "person", "contact", "languages", "nationalities", "bodies", "acknowledged"],
  ident: ["ident", "local_ids", "acknowledged"],
  function: ["assessments", "acknowledged"],
  journal: ["entries", "acknowledged"],
  tasks: ["tasks", "acknowledged"],
  plan: ["plan", "goals", "acknowledged"],
  consent: ["events"],
};

/** All that a table describes begin alike: so no later table asks for another genesis (ADR 0040). */
const DESCRIBED_CONTAINERS = ["acknowledged", "entries", "fields", "records"];
const DESCRIBED = ["labour", "education", "medical", "social", "finance", "migration", "protection", "access", "enquiry"];
/** Those of which a case has several, each with an id behind its kind. */
const DESCRIBED_WITH_ID = /^(measure|internal|meeting|employer)\/[A-Za-z0-9_-]{1,64}$/;
/** A part of a section for whom it is shared with: source, receiving institution, number. */
const SLICE = /^slice\/(core|labour|education|function|protection|plan|tasks|consent)\/[A-Za-z0-9_-]{1,64}\/[1-9][0-9]{0,3}$/;

/** Whether a section's code is known here. Of one that is not no document is made, and its edits wait (§15, §24). */
export function isKnownSection(code) {
  return sectionContainers(code).length > 0;
}

/** @param {string} code of a section @returns {string[]} none of a code that is not known */
export function sectionContainers(code) {
  if (Object.hasOwn(OWN_CONTAINERS, code)) return OWN_CONTAINERS[code];
  return DESCRIBED.includes(code) || DESCRIBED_WITH_ID.test(code) || SLICE.test(code) ? DESCRIBED_CONTAINERS : [];
}
