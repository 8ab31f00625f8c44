#!/usr/bin/env node
/**
 * Reads a bundle and prints what it says as JSON.
 *
 *     node reader.js BUNDLE [--device-seed-file FILE]
 *
 * Exit status 0 if the bundle could be read, 2 if it could not or the arguments are wrong. What a single item got wrong
 * stands in `problems`.
 */
import { parseArgs } from "node:util";
import { readBundle } from "./src/bundle.js";
import { Reading } from "./src/reading.js";
import { ReaderError } from "./src/errors.js";

const USAGE = "usage: node reader.js BUNDLE [--device-seed-file FILE]";

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { "device-seed-file": { type: "string" } },
  });
  if (positionals.length !== 1) throw new ReaderError("usage", USAGE);
  const reading = await Reading.of(readBundle(positionals[0], values["device-seed-file"] ?? null));
  process.stdout.write(`${JSON.stringify(reading.toJson(), null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  const isExpected = error instanceof ReaderError || error.code?.startsWith("ERR_PARSE_ARGS");
  if (!isExpected) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
