/** Snapshots: what they hold, and which one a document may begin with where the originals are gone (PROTOCOL §15, §16). */
import { inflateSync } from "node:zlib";
import * as Automerge from "@automerge/automerge";
import { GENESIS_ACTOR, requireChunk } from "./document.js";
import { EnvelopeError, TooLargeError } from "./errors.js";
import * as limits from "./limits.js";

const CHUNK_TYPE_DOCUMENT = 0;

function refuse(message) {
  throw new EnvelopeError("bad_snapshot", message);
}

/**
 * Loads a snapshot's document and holds it against what the snapshot says of it.
 * @param {object} payload as `decodeSnapshot` gives it
 * @param {object|null} genesisChange the change that it must begin with, decoded; null if there is none
 * @returns {{document: object, changes: Array<object>, owners: Map<string, string>}} changes as automerge decodes them;
 *   the device behind each actor
 * @throws {EnvelopeError|TooLargeError}
 */
export function loadSnapshot(payload, genesisChange) {
  const bytes = expand(payload);
  requireChunk(bytes, CHUNK_TYPE_DOCUMENT);
  const document = load(bytes);
  const heads = [...Automerge.getHeads(document)].sort();
  if (heads.join() !== payload.heads.join()) refuse("the document has other heads");
  const changes = Automerge.getAllChanges(document).map((change) => Automerge.decodeChange(change));
  if (genesisChange !== null && !changes.some(({ hash }) => hash === genesisChange.hash)) refuse("another genesis");
  const owners = new Map(payload.actors.map(({ actor, device }) => [actor, device]));
  const expected = new Set(changes.map(({ actor }) => actor).filter((actor) => actor !== GENESIS_ACTOR));
  if (expected.size !== owners.size || [...expected].some((actor) => !owners.has(actor))) refuse("actors without a device");
  const isForeign = ({ actor, hash }) => actor === GENESIS_ACTOR && hash !== genesisChange?.hash;
  if (changes.some(isForeign)) refuse("a second change of the genesis' actor");
  return { document, changes, owners };
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

/**
 * The snapshot to begin with: the one that covers most, of those that count, that another device has attested with the same
 * heads and that nobody disputes.
 * @param {Array<{id: string, author: string, payload: object}>} snapshots that were opened and loaded
 * @param {Array<{parents: string[], author: string, kind: string, id: string, heads: string[]|null}>} judgements attests and
 *   disputes; `heads` is null where this device cannot open one
 * @param {Map<string, {verdict: string}>} verdicts
 * @returns {object|null}
 */
export function trustedSnapshot(snapshots, judgements, verdicts) {
  const isCounting = ({ id }) => verdicts.get(id)?.verdict === "counts";
  const about = (snapshot, kind) => judgements.filter((each) => each.kind === kind && isCounting(each) && each.parents.includes(snapshot.id));
  const isAttested = (snapshot) =>
    about(snapshot, "attest").some(({ author, heads }) => author !== snapshot.author && heads?.join() === snapshot.payload.heads.join());
  return snapshots
    .filter((snapshot) => isCounting(snapshot) && isAttested(snapshot) && about(snapshot, "dispute").length === 0)
    .sort((left, right) => right.payload.covered.length - left.payload.covered.length || (left.id < right.id ? -1 : 1))[0] ?? null;
}
