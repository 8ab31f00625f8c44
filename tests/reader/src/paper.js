/** A paper device: 24 words that are its seed, and the text beside them (PROTOCOL §6, §21). */
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { fromHex } from "./bytes.js";
import { identifier } from "./common.js";
import { personsWith } from "./devices.js";
import { RecoveryError } from "./errors.js";
import { fingerprint } from "./identifiers.js";
import { deviceFromSeed } from "./keys.js";
import * as limits from "./limits.js";
import { atLeast, holdsKeys, isConfirmed } from "./rights.js";
import { bytesOf, struct, text, unsigned } from "./schema.js";
import { liveGrants } from "./state.js";
import { readText } from "./texts.js";

const PREFIX = "nahtlos-paper-";
/** The standard knows shorter lists too: they are of shorter secrets than a seed. */
const WORDS = 24;
const KNOWN_WORDS = new Set(wordlist);

const paperShape = struct([
  ["version", unsigned(8)],
  ["url", text],
  ["relay", bytesOf(32)],
  ["network", identifier(32)],
  ["device", identifier(10)],
]);

/**
 * The text that stands beside the words; it is no secret.
 * @param {string} typed
 * @returns {{url: string, relay: Uint8Array, network: string, device: string, fingerprint: string}} `device`: its id's first bytes
 */
export function readPaper(typed) {
  const paper = readText(typed, { prefix: PREFIX, limit: limits.TEXT_BODY_BYTES, shape: paperShape });
  return { ...paper, fingerprint: fingerprint(paper.device) };
}

/**
 * The master seed that 24 words are.
 * @param {string} typed
 * @returns {Uint8Array} 32 bytes
 * @throws {RecoveryError} `wrong_number_of_words`, `unknown_word` or `wrong_checksum`
 */
export function readWords(typed) {
  const words = typed.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length !== WORDS) throw new RecoveryError("wrong_number_of_words", `${words.length} words, where a paper has ${WORDS}`);
  const unknown = words.findIndex((word) => !KNOWN_WORDS.has(word));
  if (unknown >= 0) throw new RecoveryError("unknown_word", `word ${unknown + 1} is not in the list`);
  try {
    return mnemonicToEntropy(words.join(" "), wordlist);
  } catch {
    // Their number and each of them is right: nothing but the checksum is left to fail.
    throw new RecoveryError("wrong_checksum", "a word is not the one that was written, or two are exchanged");
  }
}

/** How many bits of an id people compare, and how many of them a word is. */
const COMPARED_BITS = 66;
const WORD_BITS = 11;

/**
 * An id as six words that people compare (PROTOCOL §21).
 * @param {string} id
 * @returns {string}
 */
export function wordsOfId(id) {
  const bits = [...fromHex(id)].map((byte) => byte.toString(2).padStart(8, "0")).join("").slice(0, COMPARED_BITS);
  const places = Array.from({ length: COMPARED_BITS / WORD_BITS }, (_, place) => bits.slice(place * WORD_BITS, (place + 1) * WORD_BITS));
  return places.map((word) => wordlist[Number.parseInt(word, 2)]).join(" ");
}

/** The other way; only tests need it. @param {Uint8Array} seed */
export function wordsOf(seed) {
  return entropyToMnemonic(seed, wordlist);
}

/**
 * The device that a page brings back. A checksum of 8 bits lets one wrong word in 256 pass; the text's bytes of the id do not.
 * @param {string} typed the words
 * @param {{device: string}} paper as `readPaper` gives it
 * @throws {RecoveryError} also `other_device`
 */
export async function deviceOfPaper(typed, paper) {
  const device = await deviceFromSeed(readWords(typed));
  if (!device.id.startsWith(paper.device)) throw new RecoveryError("other_device", "the words are of another device than the text");
  return device;
}

/**
 * Whose device it is, by the logs alone but for the team, which the person's card names.
 * @param {Logs} logs
 * @param {{team?: string}|null} card the person's in the directory, where one counts
 * @param {string} device
 * @returns {{person: string, institution: string|null, team: string|null}}
 * @throws {RecoveryError} `unknown_person`
 */
export function whoComesBack(logs, card, device) {
  const [person, ...others] = personsWith(logs, device);
  if (person === undefined || others.length > 0) throw new RecoveryError("unknown_person", "no person's log, or more than one, admitted the device");
  const institution = logs.newest(person).guardian;
  const teams = teamsOf(logs, institution, person);
  const named = teams.find(({ space }) => space === card?.team);
  return { person, institution, team: (named ?? strongest(teams))?.space ?? null };
}

/** The teams of an institution in which a person has a grant that holds keys; without an institution there are none. */
function teamsOf(logs, institution, person) {
  const states = [...logs.logs.keys()].map((space) => logs.newest(space));
  const isOfInstitution = ({ kind, guardian }) => kind === "team" && guardian !== null && guardian === institution;
  const grants = states.filter(isOfInstitution).flatMap((state) => {
    return [...liveGrants(state)].map((grant) => ({ space: state.space, grant }));
  });
  return grants
    .filter(({ grant }) => grant.member.id === person && isConfirmed(grant) && holdsKeys(grant.role))
    .map(({ space, grant }) => ({ space, role: grant.role }));
}

/** Of two that are as strong the one with the lower space id, so that every reader says the same. */
function strongest(teams) {
  return teams
    .toSorted((left, right) => (left.space < right.space ? -1 : 1))
    .reduce((best, team) => (best !== null && atLeast(best.role, team.role) ? best : team), null);
}
