/** Versions of a plan: which are sound, which signatures count, and which version is in force (PROTOCOL §31). */
import { MalformedError, ReaderError } from "./errors.js";
import * as limits from "./limits.js";
import { HEX_32, isNumber, planText, readPlanText, textHash } from "./plan-text.js";

/** 8 random bytes in base 32, lower case: the last of 13 letters has one bit that is not used. */
const ENTRY_NAME = /^(version|signature):([a-z2-7]{12}[acegikmoqsuwy246])$/;
const CLIENT = "client";

function refuse(message) {
  throw new MalformedError(message);
}

/**
 * What an entry of the map `plan` is by its name.
 * @param {string} name
 * @returns {{type: string, id: string}|null} `type`: `version` or `signature`; null of another name
 */
export function readEntryName(name) {
  const [, type, id] = ENTRY_NAME.exec(name) ?? [];
  return type === undefined ? null : { type, id };
}

/**
 * A version as its entry stores it.
 * @param {Record<string, string>} stored
 * @returns {{heads: string, text: string, number: string, lead: string, hash: string, parties: string[]}}
 * @throws {MalformedError}
 */
export function readVersion(stored) {
  requireTexts(stored, ["heads", "text"]);
  const { heads, text } = stored;
  requireHeads(heads);
  const { number, lead, fields } = readPlanText(text);
  return { heads, text, number, lead, hash: textHash(text), parties: partiesOf(lead, fields) };
}

/**
 * A signature as its entry stores it.
 * @param {Record<string, string>} stored
 * @returns {{fields: Record<string, string>, signature: string}} `fields`: all that is signed
 * @throws {MalformedError}
 */
export function readPlanSignature(stored) {
  requireTexts(stored, ["signature", ...Object.keys(FORMS).filter((name) => !MAY_BE_MISSING.includes(name))]);
  const { signature, ...fields } = stored;
  for (const [name, isForm] of Object.entries(FORMS)) {
    if (Object.hasOwn(fields, name) && !isForm(fields[name])) refuse(`a ${name} in another form`);
  }
  return { fields, signature };
}

const MAY_BE_MISSING = ["paper", "note"];
const isHex32 = (value) => HEX_32.test(value);
const FORMS = {
  number: isNumber,
  heads: (value) => requireHeads(value),
  text_hash: isHex32,
  party: (value) => value !== "",
  method: (value) => ["device_key", "paper", "verbal"].includes(value),
  paper: isHex32,
  note: (value) => value !== "" && [...value].length <= limits.PLAN_NOTE_CHARACTERS,
  institution: isHex32,
};

function requireTexts(stored, names) {
  if (stored === null || typeof stored !== "object" || Array.isArray(stored)) refuse("an entry is a map");
  if (Object.values(stored).some((value) => typeof value !== "string")) refuse("all values of an entry are texts");
  for (const name of names) if (!Object.hasOwn(stored, name)) refuse(`${name} is missing`);
}

/** 1 to 64 hashes, ascending, with commas between. */
function requireHeads(value) {
  const heads = value.split(",");
  const ascend = heads.every((head, index) => HEX_32.test(head) && (index === 0 || heads[index - 1] < head));
  return ascend && heads.length <= limits.PLAN_HEADS ? true : refuse("heads in another form");
}

/**
 * Who must agree: the client, the lead, and whoever is responsible for a step that is still part of what is agreed to.
 * @returns {string[]} ascending
 */
export function partiesOf(lead, fields) {
  const values = new Map(fields.map(({ path, value }) => [path.join("/"), value]));
  const parties = new Set([CLIENT, lead]);
  for (const { path, value } of fields) {
    const [goals, goal, steps, step, name] = path;
    const isResponsible = goals === "goals" && steps === "steps" && name === "responsible" && path.length === 5;
    if (!isResponsible || typeof value !== "string") continue;
    if (values.has(`goals/${goal}/status`) || values.has(`goals/${goal}/steps/${step}/status`)) continue;
    parties.add(value.split("/")[0]);
  }
  return [...parties].sort();
}

/**
 * @param {object} given
 * @param {Array<{type: string, id: string, stored: object, device: string|null, institution: string|null}>} given.entries each as
 *   it stood after the change that made it, by whose device and institution
 * @param {(heads: string[]) => object|null} given.planAt the plan's JSON at these heads; null where one is not in the document
 * @param {string[]|null} given.ledBy institutions that ever led the case, in the order in which they were named last; null where nobody
 *   here can know
 * @param {(signature: {id: string, fields: object, signature: string}) => string|null} given.holds the device whose statement it is, where it
 *   holds for the `institution` among its fields (§30)
 * @returns {{sound: string[], counting: string[], inForce: string|null}} ids of entries, in their order; of versions that are one, the first
 */
export function judgePlan({ entries, planAt, ledBy, holds }) {
  const versions = joined(readable(entries, "version", readVersion));
  const sound = versions.filter((version) => version.makers.some((maker) => isSound(version, maker, planAt, ledBy)));
  const signatures = readable(entries, "signature", readPlanSignature);
  const counting = signatures.filter((signature) => countsFor(signature, versions, holds));
  const agreed = sound.filter((version) => {
    const parties = new Set(counting.filter((each) => isAbout(each, version) && mayRecord(each, version)).map(({ fields }) => fields.party));
    return version.parties.every((party) => parties.has(party));
  });
  return { sound: sound.map(({ id }) => id), counting: counting.map(({ id }) => id), inForce: highest(agreed, ledBy ?? [])?.id ?? null };
}

/** Entries of one type that can be read: what cannot counts for nothing. */
function readable(entries, type, readStored) {
  return entries.flatMap((entry) => {
    if (entry.type !== type) return [];
    try {
      return [{ ...entry, ...readStored(entry.stored) }];
    } catch (error) {
      if (!(error instanceof ReaderError)) throw error;
      return [];
    }
  });
}

/** Versions with the same heads and text are one, whoever made it. */
function joined(versions) {
  const byContent = new Map();
  for (const { device, institution, ...version } of versions) {
    const key = `${version.heads}\n${version.text}`;
    const { makers } = byContent.get(key) ?? byContent.set(key, { ...version, makers: [] }).get(key);
    makers.push(institution);
  }
  return [...byContent.values()];
}

function isSound(version, maker, planAt, ledBy) {
  const { heads, text, number, lead } = version;
  if (maker !== lead || (ledBy !== null && !ledBy.includes(lead))) return false;
  const document = planAt(heads.split(","));
  return document === null || planText({ number, lead, document }) === text;
}

function countsFor(signature, versions, holds) {
  if (holds(signature) !== signature.device || signature.device === null) return false;
  return versions.some((version) => isAbout(signature, version) && mayRecord(signature, version));
}

function isAbout({ fields }, { number, heads, hash }) {
  return fields.number === number && fields.heads === heads && fields.text_hash === hash;
}

/** Whose agreement it is, and who records it how. */
function mayRecord({ fields }, { lead }) {
  const { party, institution, method, paper, note } = fields;
  if (HEX_32.test(party)) return party === institution && method === "device_key";
  if (institution !== lead) return false;
  return method === "paper" ? paper !== undefined : method === "verbal" && note !== undefined;
}

/** The one with the highest number of those of the latest lead; null if two share it. */
function highest(versions, ledBy) {
  const place = ({ lead }) => ledBy.indexOf(lead);
  const latest = Math.max(...versions.map(place));
  const ofLatest = versions.filter((version) => place(version) === latest);
  const top = Math.max(...ofLatest.map(({ number }) => Number(number)));
  const found = ofLatest.filter(({ number }) => Number(number) === top);
  return found.length === 1 ? found[0] : null;
}
