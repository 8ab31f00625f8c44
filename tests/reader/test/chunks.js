/** A pen for automerge's chunks, column by column: it writes claims that no library would. */
import { concat, fromHex } from "../src/bytes.js";
import { digest } from "../src/primitives.js";

const ACTOR = fromHex("42".repeat(16));

/** An unsigned LEB128 number. */
export function unsigned(value) {
  const bytes = [];
  for (let left = value; bytes.length === 0 || left > 0; left = Math.floor(left / 128)) bytes.push((left % 128) + (left >= 128 ? 128 : 0));
  return Uint8Array.from(bytes);
}

/** A positive signed LEB128 number. */
function positive(value) {
  const bytes = unsigned(value);
  if (bytes.at(-1) < 0x40) return bytes;
  return concat(bytes.subarray(0, -1), Uint8Array.of(bytes.at(-1) + 0x80, 0));
}

/** A run that repeats one number. */
export function run(length, value) {
  return concat(positive(length), unsigned(value));
}

/** A run that repeats one text of so many bytes. */
export function textRun(length, bytes) {
  return concat(run(length, bytes), new Uint8Array(bytes).fill(0x61));
}

/** A run of nothing. */
export function nulls(length) {
  return concat(Uint8Array.of(0), unsigned(length));
}

const described = (columns) =>
  concat(unsigned(columns.length), ...columns.map(([specification, { length }]) => concat(unsigned(specification), unsigned(length))));
const data = (columns) => concat(...columns.map(([, column]) => column));

/** The body of a change by one actor, of these columns `[specification, bytes]`. */
export function changeBody(columns) {
  const before = concat(unsigned(0), unsigned(16), ACTOR, unsigned(1), unsigned(1), unsigned(0), unsigned(0), unsigned(0));
  return concat(before, described(columns), data(columns));
}

/** The body of a document of one actor and no heads. */
export function documentBody({ changes = [], operations = [] }) {
  return concat(unsigned(1), unsigned(16), ACTOR, unsigned(0), described(changes), described(operations), data(changes), data(operations));
}

/** The same as a chunk with its checksum. */
export function documentChunk(columns) {
  const body = documentBody(columns);
  const hashed = concat(Uint8Array.of(0), unsigned(body.length), body);
  return concat(fromHex("856f4a83"), digest(hashed).subarray(0, 4), hashed);
}
