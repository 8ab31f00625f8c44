/**
 * Bundle files and requests for one (PROTOCOL §29): the same signed objects by stick or mail, where there is no relay.
 *
 * A file is read in whole, and its digest compared, before any of it is believed. What is in the items is not looked at
 * here: an operation or envelope is decoded as anywhere else, and one that does not decode is a fault of its own.
 */
import { equal, utf8 } from "./bytes.js";
import { identifier } from "./common.js";
import { MalformedError, NeedsNewerError, TooLargeError } from "./errors.js";
import * as limits from "./limits.js";
import { digest } from "./primitives.js";
import { receiptShape } from "./receipt.js";
import { boolean, bytes, list, optional, plainEnum, readMessage, struct, unsigned } from "./schema.js";
import { wrapShape } from "./sync.js";

const BUNDLE = "nahtlos-bundle-v";
const REQUEST = "nahtlos-request-v";
const VERSION = "1".charCodeAt(0);
const LINE_FEED = 0x0a;
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
 * @returns {{head: object, items: Array<{kind: string, bytes: Uint8Array, wraps: Array<object>, receipt: object|null}>}}
 * @throws {NeedsNewerError} if a newer program wrote it
 * @throws {MalformedError|TooLargeError} for any other fault: nothing of the file is used
 */
export function readBundleFile(file) {
  const [first, ...rest] = partsOf(BUNDLE, file);
  return { head: headOf(bundleHead, first), items: rest.map(itemOf) };
}

/**
 * @param {Uint8Array} file
 * @returns {{head: object, envelopes: string[]}} the logs and the envelopes that the requester has
 * @throws as `readBundleFile`
 */
export function readRequestFile(file) {
  const [first, ...rest] = partsOf(REQUEST, file);
  if (rest.length > limits.REQUEST_PARTS) throw new MalformedError("more parts than a request has");
  return { head: headOf(requestHead, first), envelopes: rest.flatMap((part) => readMessage(heldEnvelopes, part).ids) };
}

function headOf(shape, part) {
  const head = readMessage(shape, part);
  if (head.version !== 1) throw new MalformedError(`version ${head.version}`);
  return head;
}

function itemOf(part) {
  const item = readMessage(bundleItem, part);
  if (item.kind === "envelope" && item.wraps.length > 0) throw new MalformedError("wraps beside an envelope");
  return item;
}

/** The parts of a file of this name, one at least, with the digest compared. */
function partsOf(name, file) {
  const start = requireName(name, file);
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const parts = [];
  let offset = start;
  for (;;) {
    if (file.length - offset < LENGTH) throw new MalformedError("ends too early");
    const length = view.getUint32(offset);
    offset += LENGTH;
    if (length === 0) break;
    if (length > limits.BUNDLE_PART_BYTES) throw new TooLargeError("a part above its limit");
    if (length > file.length - offset) throw new MalformedError("ends too early");
    parts.push(file.subarray(offset, offset + length));
    offset += length;
  }
  if (file.length - offset < DIGEST) throw new MalformedError("ends too early");
  if (file.length - offset > DIGEST) throw new MalformedError("bytes after the digest");
  if (!equal(digest(file.subarray(0, offset)), file.subarray(offset))) throw new MalformedError("damaged: another digest");
  if (parts.length === 0) throw new MalformedError("no first part");
  return parts;
}

/**
 * The version before all else: what follows a later one is laid out as nobody here can know, its digest too.
 * @returns {number} where the parts begin
 */
function requireName(name, file) {
  const version = file[name.length];
  const hasForm = equal(file.subarray(0, name.length), utf8(name)) && version >= 0x30 && version <= 0x39;
  if (!hasForm || file[name.length + 1] !== LINE_FEED) throw new MalformedError(`no file of the kind ${name}`);
  if (version !== VERSION) throw new NeedsNewerError(`version ${String.fromCharCode(version)} of ${name}`);
  return name.length + 2;
}
