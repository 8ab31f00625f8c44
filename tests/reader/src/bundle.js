/**
 * A reader bundle on disk: what a device was given, and the device's seed.
 *
 * A directory with `network` (space id in hexadecimal), `device.seed` (32 bytes in hexadecimal) and `items.cbor` (an
 * array of items as the relay serves them, PROTOCOL §19: `[kind, bytes, wraps, receipt]`).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { list, readMessage } from "./schema.js";
import { BundleError, ReaderError } from "./errors.js";
import { fromHex } from "./bytes.js";
import { itemShape } from "./sync.js";

const items = list(itemShape);

/**
 * @param {string} directory
 * @param {string|null} seedFile another place of the seed
 * @returns {{network: string, seed: Uint8Array, items: Array<object>}}
 * @throws {BundleError}
 */
export function readBundle(directory, seedFile = null) {
  return {
    network: readHex(join(directory, "network"), 32, String),
    seed: readHex(seedFile ?? join(directory, "device.seed"), 32, fromHex),
    items: readItems(join(directory, "items.cbor")),
  };
}

function readFile(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new BundleError("bundle_unreadable", `${path}: ${error.code}`);
  }
}

function readHex(path, length, convert) {
  const text = readFile(path).toString("ascii").trim();
  if (!/^[0-9a-f]+$/.test(text) || text.length !== 2 * length) {
    throw new BundleError("bundle_malformed", `${path} does not hold ${length} bytes in hexadecimal`);
  }
  return convert(text);
}

function readItems(path) {
  const content = readFile(path);
  try {
    return readMessage(items, new Uint8Array(content));
  } catch (error) {
    if (!(error instanceof ReaderError)) throw error;
    throw new BundleError("bundle_malformed", `${path}: ${error.message}`);
  }
}
