/** What a device knows from a bundle file alone: `bundle open`, by the seed of a paper; and what answers a request (PROTOCOL §29). */
import { readBundleFile } from "./bundle-file.js";
import { itemId } from "./carrying.js";
import { personsWith } from "./devices.js";
import { BundleError, ReaderError } from "./errors.js";
import * as limits from "./limits.js";
import { decodeOperation } from "./operation.js";
import { Reading } from "./reading.js";
import { isEarlier, isReceiptOf } from "./receipt.js";
import { replayAll } from "./replay.js";
import { Logs } from "./state.js";

/**
 * @param {Uint8Array} file
 * @param {{network: string, seed: Uint8Array}} opener the network as the paper names it, and the device's master seed
 * @returns {Promise<{reading: Reading, items: object[], becomes: string[]}>} what has a valid receipt as if a relay had served it, and apart from
 *   it what has none; `becomes`: of each item, in the order of the file
 * @throws {BundleError|NeedsNewerError} as `readBundleFile`; `bundle_too_much_carried` or `bundle_not_for_paper`
 */
export async function readHandedOver(file, { network, seed }) {
  const { head, items } = readBundleFile(file, network);
  const confirmed = new Set(confirmedOf(network, items));
  const received = eachOnce([...confirmed]);
  const carried = items.filter((item) => !confirmed.has(item));
  const reading = await Reading.of({ network, seed, items: received, keys: head.keys, carried });
  requireRoom(reading.carrying.kept());
  if (personsWith(reading.logs, reading.keyring.device.id).length === 0) {
    throw new BundleError("bundle_not_for_paper", "no person's log in it admitted the device");
  }
  const first = new Set(received.map(({ item }) => item));
  const becomes = items.map((item) => reading.carrying.becomes.get(item) ?? (first.has(item) ? becomesOf(reading, item) : "known"));
  return { reading, items, becomes };
}

/** What stands in the file several times with a receipt, once: with all wraps, and with the earliest receipt. */
function eachOnce(items) {
  const byId = new Map();
  for (const item of items) {
    const id = itemId(item);
    const before = byId.get(id) ?? { ...item, item, wraps: [] };
    const receipt = isEarlier(item.receipt, before.receipt) ? item.receipt : before.receipt;
    byId.set(id, { ...before, wraps: [...before.wraps, ...item.wraps], receipt });
  }
  return [...byId.values()];
}

/** What becomes of an item with a receipt. */
function becomesOf(reading, item) {
  const id = itemId(item);
  if (reading.notShared.has(id)) return "not_shared";
  const verified = reading.verified.find((envelope) => envelope.id === id);
  return verified !== undefined && reading.carrying.replaces(verified) ? "received_instead" : "received";
}

function requireRoom(kept) {
  const bytes = kept.reduce((sum, item) => sum + item.bytes.length, 0);
  if (kept.length <= limits.CARRIED_ITEMS && bytes <= limits.CARRIED_BYTES) return;
  throw new BundleError("bundle_too_much_carried", "more without a receipt than a device keeps");
}

/**
 * What a device writes for a request, of all that it would write.
 * @param {{head: object, envelopes: string[]}} request as `readRequestFile` gives it
 * @param {Array<object>} items as `readBundleFile` gives them; those without a receipt are acknowledged by nobody
 */
export function answerTo({ head, envelopes }, items) {
  const named = new Set(envelopes);
  const logs = new Map(head.logs.map((log) => [log.space, log]));
  return items.filter((item) => {
    if (item.receipt === null) return true;
    if (item.kind === "envelope") return !named.has(itemId(item));
    const { space, body } = decodeOperation(item.bytes);
    const log = logs.get(space);
    const signsWrap = body.effects.some(({ recipients = [] }) => recipients.length > 0);
    return log === undefined || BigInt(body.index) >= BigInt(log.length) || (!log.opens && signsWrap);
  });
}

/** Those whose receipt is by a relay key that the network's log names, by operations that are themselves among them. */
function confirmedOf(network, items) {
  let confirmed = items.filter(({ receipt }) => receipt !== null);
  for (;;) {
    const keys = relayKeysOf(network, confirmed);
    const left = confirmed.filter((item) => keys.some((key) => isReceiptOf(item.receipt, itemId(item), key)));
    if (left.length === confirmed.length) return left;
    confirmed = left;
  }
}

function relayKeysOf(network, items) {
  const logs = new Logs();
  logs.network = network;
  replayAll(logs, items.filter(({ kind }) => kind === "operation").flatMap(decodedOrNone));
  return logs.newest(network)?.relayKeys ?? [];
}

function decodedOrNone({ bytes }) {
  try {
    return [decodeOperation(bytes)];
  } catch (error) {
    if (error instanceof ReaderError) return [];
    throw error;
  }
}
