/** The reader's values in the words of the vectors: snake case, bytes in hexadecimal. */
import { toHex } from "../src/bytes.js";

const SNAKE = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Any value by its fields' names. */
export function snake(value) {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(snake);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [SNAKE(name), snake(field)]));
}

/** The number of a name in one of the protocol's enums. */
const NUMBERS = {
  history: { full: 1, from_now: 2 },
  method: { hybrid: 1, symmetric: 2 },
  envelope: { changes: 1, snapshot: 2, blob: 3, attest: 4, dispute: 5, erasure: 6 },
  item: { operation: 1, envelope: 2, join_request: 3 },
  status: { accepted: 1, duplicate: 2, stale_access: 3, missing_parents: 4, held: 5, rejected: 6 },
};

/** An effect: `{effect, fields}`. */
export function effectJson({ type, ...fields }) {
  const json = snake(fields);
  if (type === "Add") {
    json.history = NUMBERS.history[fields.history];
    json.member = memberJson(fields.member);
  }
  if (json.recipients !== undefined) {
    json.recipients = json.recipients.map((recipient) => ({ ...recipient, method: NUMBERS.method[recipient.method] }));
  }
  return { effect: type, fields: json };
}

function memberJson(member) {
  if (member.type === "space") return { space: member.space };
  return { device: snake(member.keys), countersignature: toHex(member.countersignature) };
}

/** An operation's body. */
export function bodyJson({ effects, ...body }) {
  return { ...snake(body), effects: effects.map(effectJson) };
}

/** An envelope's header. */
export function headerJson({ kind, author, ...header }) {
  return { ...snake(header), kind: NUMBERS.envelope[kind], author_device: author };
}

/** A sync request. */
export function requestJson({ push, ...request }) {
  return { ...snake(request), push: push.map(pushJson) };
}

function pushJson({ type, bytes, ...rest }) {
  if (type === "question") return { question: rest.id };
  return { [type]: toHex(bytes), ...snake(rest) };
}

/** A sync response. */
export function responseJson({ results, items, ...response }) {
  return {
    ...snake(response),
    results: results.map(resultJson),
    items: items.map((item) => ({ ...snake(item), kind: NUMBERS.item[item.kind] })),
  };
}

/** A result in a response. */
export function resultJson(result) {
  return { ...snake(result), status: NUMBERS.status[result.status] };
}
