/** The canonical text of a plan's version: what is agreed to, the same bytes on every device (PROTOCOL §31). */
import { compare, toHex, utf8 } from "./bytes.js";
import { MalformedError } from "./errors.js";
import { digest } from "./primitives.js";

const FIRST_LINE = "nahtlos-plan 1";
/** Space ids and hashes as texts. */
export const HEX_32 = /^[0-9a-f]{64}$/;
/** The bytes of a field's name. */
const NAME_BYTES = 256;
/** The highest number of a version; the vectors say it. */
const HIGHEST_NUMBER = 4_294_967_295;

/** How far a goal or a step is: no part of what is agreed to. */
const PROGRESS_OF_GOAL = ["open", "active", "reached", "partly", "not_reached"];
const PROGRESS_OF_STEP = ["planned", "requested", "approved", "running", "done"];
/** Entries of the map `plan` that are about versions, and no part of them. */
const ABOUT_VERSIONS = /^(version|signature|review):/;

/**
 * @param {{number: string, lead: string, document: object}} version the plan's document as its JSON (§15)
 * @returns {string}
 */
export function planText({ number, lead, document }) {
  return textOf({ number, lead, fields: fieldsOf(document) });
}

/** Whether this is a version's number, in decimal. */
export function isNumber(written) {
  return /^[1-9][0-9]{0,9}$/.test(written) && Number(written) <= HIGHEST_NUMBER;
}

/** SHA-256 of a text. @returns {string} in hexadecimal */
export function textHash(planVersionText) {
  return toHex(digest(utf8(planVersionText)));
}

function textOf({ number, lead, fields }) {
  const lines = [["number", number], ["lead", lead], ...fields.map(({ path, value }) => [path.join("/"), canonicalJson(value)])];
  return [FIRST_LINE, ...lines.map((line) => line.join("\t")), ""].join("\n");
}

/** What of a plan is agreed to, ascending by the steps of the paths. @returns {Array<{path: string[], value: *}>} */
export function fieldsOf(document) {
  return [...leaves(document, [])].filter(isAgreedTo).sort((left, right) => comparePaths(left.path, right.path));
}

function* leaves(value, path) {
  if (!isMap(value)) yield { path, value };
  else for (const name of Object.keys(value).filter(isFieldName)) yield* leaves(value[name], [...path, name]);
}

/** Whether a program would name a field so; what stands under another name is no part of what is agreed to. */
function isFieldName(name) {
  const { length } = utf8(name);
  return length >= 1 && length <= NAME_BYTES && !/[/\p{Cc}]/u.test(name);
}

const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function isAgreedTo({ path, value }) {
  if (path[0] === "acknowledged") return false;
  if (path[0] === "plan" && path.length > 1 && ABOUT_VERSIONS.test(path[1])) return false;
  if (path[0] !== "goals") return true;
  if (path.length === 3 && path[2] === "status") return !PROGRESS_OF_GOAL.includes(value);
  if (path[2] !== "steps" || path.length < 5) return true;
  if (path[4] === "approvals") return false;
  return !(path.length === 5 && path[4] === "status" && PROGRESS_OF_STEP.includes(value));
}

function comparePaths(left, right) {
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const order = compare(utf8(left[index]), utf8(right[index]));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** JSON without white space, strings escaped where they must be alone. PROTOCOL says no order of a map in a list: by its names' bytes. */
function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isMap(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort((left, right) => compare(utf8(left), utf8(right)));
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`).join(",")}}`;
}

/**
 * @param {string} text
 * @returns {{number: string, lead: string, fields: Array<{path: string[], value: *}>}}
 * @throws {MalformedError} where it is no canonical text
 */
export function readPlanText(text) {
  const lines = text.split("\n");
  if (lines.length < 4 || lines[0] !== FIRST_LINE || lines.at(-1) !== "") refuse("no text of a plan's version");
  const number = valueAfter("number", lines[1], isNumber);
  const lead = valueAfter("lead", lines[2], (value) => HEX_32.test(value));
  const fields = lines.slice(3, -1).map(readField);
  fields.forEach(({ path }, index) => {
    if (index > 0 && !follows(fields[index - 1].path, path)) refuse("fields ascend, and no field stands below another");
  });
  return { number, lead, fields };
}

function valueAfter(name, line, isForm) {
  const [first, value, ...rest] = line.split("\t");
  if (first !== name || rest.length > 0 || !isForm(value ?? "")) refuse(`a line that is no ${name}`);
  return value;
}

function readField(line) {
  const tab = line.indexOf("\t");
  if (tab < 0) refuse("a field without a value");
  const field = { path: line.slice(0, tab).split("/"), value: readJson(line.slice(tab + 1)) };
  if (isMap(field.value)) refuse("a map is no field");
  if (!isAgreedTo(field)) refuse("a field that no version has");
  return field;
}

function readJson(written) {
  let value;
  try {
    value = JSON.parse(written);
  } catch {
    refuse("a value that is no JSON");
  }
  if (canonicalJson(value) !== written) refuse("a value in another form");
  return value;
}

/** What stands below a field comes right after it, or after others below it. */
function follows(before, path) {
  const isBelow = before.every((step, index) => step === path[index]);
  return comparePaths(before, path) < 0 && !isBelow;
}

function refuse(message) {
  throw new MalformedError(message);
}
