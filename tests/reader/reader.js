#!/usr/bin/env node
/**
 * Reads a bundle and prints what it says as JSON.
 *
 *     node reader.js BUNDLE [--device-seed-file FILE]
 *
 * Exit status 0 if all of it was verified and nothing is wrong, 1 if something stands in `problems`, `forked` or
 * `keys_not_opened`, 2 if the bundle cannot be read or the arguments are wrong.
 */
import { parseArgs } from "node:util";
import { readBundle } from "./src/bundle.js";
import { Reading } from "./src/reading.js";
import { report } from "./src/report.js";
import { ReaderError } from "./src/errors.js";

const USAGE = "usage: node reader.js BUNDLE [--device-seed-file FILE]";

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { "device-seed-file": { type: "string" } },
  });
  if (positionals.length !== 1) throw new ReaderError("usage", USAGE);
  const reading = await Reading.of(readBundle(positionals[0], values["device-seed-file"] ?? null));
  const said = report(reading);
  process.stdout.write(`${JSON.stringify(said, null, 2)}\n`);
  if ([said.problems, said.forked, said.keys_not_opened].some((list) => list.length > 0)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  const isExpected = error instanceof ReaderError || error.code?.startsWith("ERR_PARSE_ARGS");
  if (!isExpected) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
