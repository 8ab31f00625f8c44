/** Consents: whether the events of a ledger were signed by the institution that keeps it, also outside of any home (PROTOCOL §30). */
import { MalformedError, NeedsNewerError, ReaderError } from "./errors.js";
import { spaceId } from "./identifiers.js";
import { decodeOperation } from "./operation.js";
import { replayAll } from "./replay.js";
import { CONSENT_EVENT, fromBase64, verifyStatement } from "./statements.js";
import { Logs } from "./state.js";

const WHAT = "nahtlos consents";
const SCHEMA_VERSION = 1;
/** It holds, but was signed in another case than the file names. */
const OTHER_CASE = "other_case";

/**
 * @param {Logs} logs
 * @param {{space: string, guardian: string|null}} ledger the institution for which its events must hold is its guardian
 * @param {{id: string, fields: Record<string, string>, signature: string|null}} event
 * @returns {{error: string|null, device?: string, persons?: string[], signedAtMs?: number|bigint}} `error`: the word of §30, or `not_signed`
 */
export function judgeEvent(logs, { space, guardian }, { id, fields, signature }) {
  if (signature === null) return { error: "not_signed" };
  try {
    return { error: null, ...verifyStatement(logs, guardian, { kind: CONSENT_EVENT, space, entry: id, fields }, fromBase64(signature)) };
  } catch (error) {
    if (error instanceof ReaderError) return { error: error.code };
    throw error;
  }
}

/**
 * A file of consents. Nothing in it is trusted but what its logs, replayed, and its ledgers' hashes say.
 * @param {string} text
 * @returns {Array<{ledger: string, id: string, institution: string|null, error: string|null, device?: string, persons?: string[]}>} of each
 *   event, in the order of the file
 * @throws {MalformedError|NeedsNewerError}
 */
export function verifyConsentFile(text) {
  const file = parse(text);
  if (file.what !== WHAT) refuse("no file of consents");
  if (file.schema_version !== SCHEMA_VERSION) throw new NeedsNewerError(`schema version ${file.schema_version}`);
  const ledgers = new Map(listOf(file.ledgers).map((ledger) => [ledger.space, readLedger(ledger)]));
  const logs = new Logs();
  replayAll(logs, listOf(file.logs).flatMap(({ operations }) => listOf(operations).map((operation) => decodeOperation(fromBase64(operation)))));
  return listOf(file.events).map(({ ledger: space, id, fields, signature = null }) => {
    const ledger = ledgers.get(space) ?? refuse("an event of no ledger");
    const judged = judgeEvent(logs, ledger, { id, fields, signature });
    const ofAnotherCase = judged.error === null && fields.case !== undefined && fields.case !== file.case;
    return { ledger: space, id, institution: ledger.guardian, ...(ofAnotherCase ? { error: OTHER_CASE } : judged) };
  });
}

/** Operation 0 of a ledger: its hash is the ledger's id, and it names the guardian. */
function readLedger({ space, founding }) {
  const bytes = fromBase64(founding);
  const { body } = decodeOperation(bytes);
  const [create] = body.effects;
  if (body.index !== 0 || create?.type !== "Create" || spaceId(bytes) !== space) refuse("another ledger's beginning");
  return { space, guardian: create.guardian };
}

function parse(text) {
  try {
    return JSON.parse(text) ?? refuse("no file of consents");
  } catch {
    return refuse("no file of consents");
  }
}

function listOf(value) {
  return Array.isArray(value) ? value : refuse("a list is missing");
}

function refuse(message) {
  throw new MalformedError(message);
}
