/** Snapshots: what they hold (PROTOCOL §15). Which one a document begins with is `beginning.js`. */
import { inflateSync } from "node:zlib";
import * as Automerge from "@automerge/automerge";
import { requireDocumentColumns } from "./columns.js";
import { decodeChange, requireChunk } from "./document.js";
import { GENESIS_ACTOR } from "./gate.js";
import { EnvelopeError, TooLargeError } from "./errors.js";
import { History } from "./history.js";
import * as limits from "./limits.js";

const CHUNK_TYPE_DOCUMENT = 0;

function refuse(message) {
  throw new EnvelopeError("bad_snapshot", message);
}

/**
 * Loads a snapshot's document and holds it against what the snapshot says of it.
 * @param {object} payload as `decodeSnapshot` gives it
 * @param {object|null} genesisChange the change that it must begin with, decoded; null if there is none
 * @returns {{document: object, changes: Array<object>, owners: Map<string, string>, history: History}} changes as
 *   `decodeChange` gives them; the device behind each actor
 * @throws {EnvelopeError|TooLargeError}
 */
export function loadSnapshot(payload, genesisChange) {
  const bytes = expand(payload);
  requireDocumentColumns(requireChunk(bytes, CHUNK_TYPE_DOCUMENT));
  const document = load(bytes);
  const heads = [...Automerge.getHeads(document)].sort();
  if (heads.join() !== payload.heads.join()) refuse("the document has other heads");
  const changes = Automerge.getAllChanges(document).map((change) => decodeChange(change));
  if (genesisChange !== null && !changes.some(({ hash }) => hash === genesisChange.hash)) refuse("another genesis");
  const owners = new Map(payload.actors.map(({ actor, device }) => [actor, device]));
  const expected = new Set(changes.map(({ actor }) => actor).filter((actor) => actor !== GENESIS_ACTOR));
  if (expected.size !== owners.size || [...expected].some((actor) => !owners.has(actor))) refuse("actors without a device");
  const isForeign = ({ actor, hash }) => actor === GENESIS_ACTOR && hash !== genesisChange?.hash;
  if (changes.some(isForeign)) refuse("a second change of the genesis' actor");
  return { document, changes, owners, history: historyOf(changes) };
}

/** Each change of a history is asked what the gate asks, but for whose the actors are: an attest is no proof of form. */
function historyOf(changes) {
  const history = new History();
  for (const change of changes) history.take(change);
  return history;
}

/** One zlib stream of exactly the length it is said to expand to, and nothing after it. */
function expand({ document, documentBytes }) {
  if (documentBytes > limits.SNAPSHOT_DOCUMENT_BYTES) throw new TooLargeError("the snapshot's document is too large");
  let expanded;
  try {
    expanded = inflateSync(document, { maxOutputLength: Math.max(1, Number(documentBytes)), info: true });
  } catch {
    return refuse("no zlib stream of that length");
  }
  const { buffer, engine } = expanded;
  if (buffer.length !== documentBytes || engine.bytesWritten !== document.length) refuse("not exactly one zlib stream of that length");
  return new Uint8Array(buffer);
}

function load(bytes) {
  try {
    return Automerge.load(bytes);
  } catch {
    return refuse("automerge does not load the document");
  }
}
