/** The vectors of a device text, and of what asks to be let in under it (PROTOCOL §21). */
import assert from "node:assert/strict";
import { fromHex, toHex } from "../src/bytes.js";
import { encode } from "../src/cbor.js";
import { readDeviceRequest } from "../src/devices.js";
import { openIntroduction, readDeviceText, readJoinRequest } from "../src/joining.js";
import { Logs } from "../src/state.js";
import { textOf } from "../src/texts.js";
import { each, requireOnlyEncoding, vectorsOf, verdictOf } from "./vector-files.js";

const FILE = "added/joining_devices.json";
const invitation = readDeviceText(vectorsOf(FILE).find(({ name }) => name === "text").text);

/** The same text from what it says. */
function requireText({ text, url, invitation: key, ...ids }) {
  const { relay, network, person, institution, team, seed } = ids;
  const said = { ...invitation, relay: toHex(invitation.relay), seed: toHex(invitation.seed), key: toHex(invitation.key) };
  assert.deepEqual(said, { version: 1, url, relay, network, person, institution, team, seed, key });
  assert.equal(textOf("nahtlos-device-", encode([1, url, ...[relay, network, person, institution, team, seed].map(fromHex)])), text);
}

each(FILE, (vector) => {
  if (vector.name === "text") return requireText(vector);
  const request = fromHex(vector.bytes);
  const read = () => readDeviceRequest(new Logs(), invitation, request);
  assert.equal(verdictOf(read), vector.error);
  if (vector.error !== null) return assert.equal(vector.brings, null);
  requireOnlyEncoding(request);
  const { id, name } = read();
  const introduced = openIntroduction(invitation.seed, readJoinRequest(request).introduction);
  return assert.deepEqual({ device: id, name, function: introduced.function }, vector.brings);
});
