/**
 * Bundle files and requests for one (PROTOCOL §29): the same signed objects by stick or mail, where there is no relay.
 *
 * A file is read in whole, and its digest compared, before any of it is believed. What is in the items is not looked at
 * here: an operation or envelope is decoded as anywhere else, and one that does not decode is a fault of its own.
 */
import { equal, utf8 } from "./bytes.js";
import { identifier } from "./common.js";
import { BundleError, MalformedError, NeedsNewerError } from "./errors.js";
import * as limits from "./limits.js";
import { digest } from "./primitives.js";
import { receiptShape } from "./receipt.js";
import { boolean, bytes, list, optional, plainEnum, readMessage, struct, unsigned } from "./schema.js";
import { wrapShape } from "./sync.js";

const BUNDLE = { name: "nahtlos-bundle-v", other: "not_a_bundle" };
const REQUEST = { name: "nahtlos-request-v", other: "not_a_request" };
const VERSION = "1";
const LINE_FEED = "\n";
const LENGTH = 4;
const DIGEST = 32;

const bundleHead = struct([
  ["version", unsigned(8)],
  ["network", identifier(32)],
  ["device", identifier(32)],
  ["madeAtMs", unsigned(64)],
  ["isWhole", boolean],
  ["keys", list(struct([["space", identifier(32)], ["keyId", identifier(32)], ["wrap", wrapShape]]), limits.BUNDLE_KEYS)],
]);

const bundleItem = struct([
  ["kind", plainEnum({ 1: "operation", 2: "envelope" })],
  ["bytes", bytes],
  ["wraps", list(wrapShape)],
  ["receipt", optional(receiptShape)],
]);

const requestHead = struct([
  ["version", unsigned(8)],
  ["network", identifier(32)],
  ["device", identifier(32)],
  ["madeAtMs", unsigned(64)],
  ["logs", list(struct([["space", identifier(32)], ["length", unsigned(64)], ["opens", boolean]]))],
]);

const heldEnvelopes = struct([["ids", list(identifier(32), limits.REQUEST_IDS)]]);

/**
 * @param {Uint8Array} file
 * @param {string} network the reader's
 * @returns {{head: object, items: Array<{kind: string, bytes: Uint8Array, wraps: Array<object>, receipt: object|null}>}}
 * @throws {BundleError} `not_a_bundle`, `bundle_damaged` or `bundle_other_network`
 * @throws {NeedsNewerError} if a newer program wrote it
 */
export function readBundleFile(file, network) {
  const { head, others: items } = readFile(BUNDLE, file, bundleHead, (parts) => parts.map(itemOf));
  requireNetwork(head, network);
  return { head, items };
}

/**
 * @param {Uint8Array} file
 * @param {string} network the reader's
 * @returns {{head: object, envelopes: string[]}} the logs and the envelopes that the requester has
 * @throws as `readBundleFile`, but for `not_a_request`
 */
export function readRequestFile(file, network) {
  const { head, others: envelopes } = readFile(REQUEST, file, requestHead, envelopesOf);
  requireNetwork(head, network);
  return { head, envelopes };
}

/** The head's form, then its version, then the form of the others: the first failure is the word. */
function readFile(kind, file, headShape, readOthers) {
  const [first, ...others] = partsOf(kind, file);
  const head = wellFormed(() => readMessage(headShape, first));
  if (head.version !== 1) throw new NeedsNewerError(`version ${head.version} of a head`);
  return { head, others: wellFormed(() => readOthers(others)) };
}

function wellFormed(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedError) damaged(error.message);
    throw error;
  }
}

function requireNetwork(head, network) {
  if (head.network !== network) throw new BundleError("bundle_other_network", "it is of another network");
}

function itemOf(part) {
  const item = readMessage(bundleItem, part);
  if (item.kind === "envelope" && item.wraps.length > 0) throw new MalformedError("wraps beside an envelope");
  return item;
}

function envelopesOf(parts) {
  if (parts.length > limits.REQUEST_PARTS) throw new MalformedError("more parts than a request has");
  return parts.flatMap((part) => readMessage(heldEnvelopes, part).ids);
}

function damaged(message) {
  throw new BundleError("bundle_damaged", message);
}

/** The parts of a file of this kind, one at least, with the digest compared. */
function partsOf(kind, file) {
  const start = requireName(kind, file);
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const parts = [];
  let offset = start;
  for (;;) {
    if (file.length - offset < LENGTH) damaged("it ends too early");
    const length = view.getUint32(offset);
    offset += LENGTH;
    if (length === 0) break;
    if (length > limits.BUNDLE_PART_BYTES) damaged("a part above its limit");
    if (length > file.length - offset) damaged("it ends too early");
    parts.push(file.subarray(offset, offset + length));
    offset += length;
  }
  if (file.length - offset < DIGEST) damaged("it ends too early");
  if (file.length - offset > DIGEST) damaged("bytes after the digest");
  if (!equal(digest(file.subarray(0, offset)), file.subarray(offset))) damaged("another digest");
  if (parts.length === 0) damaged("no first part");
  return parts;
}

/**
 * The version before all else: what follows a later one is laid out as nobody here can know, its digest too.
 * @returns {number} where the parts begin
 */
function requireName({ name, other }, file) {
  if (!equal(file.subarray(0, name.length), utf8(name))) throw new BundleError(other, `it does not begin with ${name}`);
  const [first, second] = [...file.subarray(name.length, name.length + 2)].map((byte) => String.fromCharCode(byte));
  if (isDigit(first) && (first !== VERSION || isDigit(second))) throw new NeedsNewerError(`a later version of ${name}`);
  if (first !== VERSION || second !== LINE_FEED) damaged("no version");
  return name.length + 2;
}

const isDigit = (letter) => letter !== undefined && letter >= "0" && letter <= "9";
