/** What a device knows from a bundle file alone: `bundle open`, by the seed of a paper (PROTOCOL §29). */
import { readBundleFile } from "./bundle-file.js";
import { BundleError, ReaderError } from "./errors.js";
import { envelopeId, operationId } from "./identifiers.js";
import { decodeOperation } from "./operation.js";
import { Reading } from "./reading.js";
import { isReceiptOf } from "./receipt.js";
import { replayAll } from "./replay.js";
import { Logs } from "./state.js";

/**
 * @param {Uint8Array} file
 * @param {{network: string, seed: Uint8Array}} opener the network as the paper names it, and the device's master seed
 * @returns {Promise<Reading>} what has a valid receipt as if a relay had served it, and apart from it what has none
 * @throws {BundleError} `other_network`, or as `readBundleFile`
 */
export async function readHandedOver(file, { network, seed }) {
  const { head, items } = readBundleFile(file);
  if (head.network !== network) throw new BundleError("other_network", "the bundle is of another network");
  const confirmed = new Set(confirmedOf(network, items));
  const carried = items.filter((item) => !confirmed.has(item));
  return Reading.of({ network, seed, items: [...confirmed], keys: head.keys, carried });
}

/** Those whose receipt is by a relay key that the network's log names, by operations that are themselves among them. */
function confirmedOf(network, items) {
  let confirmed = items.filter(({ receipt }) => receipt !== null);
  for (;;) {
    const keys = relayKeysOf(network, confirmed);
    const left = confirmed.filter((item) => keys.some((key) => isReceiptOf(item.receipt, idOf(item), key)));
    if (left.length === confirmed.length) return left;
    confirmed = left;
  }
}

const idOf = ({ kind, bytes }) => (kind === "operation" ? operationId(bytes) : envelopeId(bytes));

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
