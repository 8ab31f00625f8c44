/** A network for tests of snapshots: Anna and Carla of one institution, Beat of another; and how a bundle of it is read. */
import { readBundle } from "../src/bundle.js";
import { Reading } from "../src/reading.js";
import { report } from "../src/report.js";
import { device, effects } from "./fixture.js";
import { Pen, Scribe } from "./scribe.js";

/** @param {{beatsRole: string|null}} options null: Beat's institution is no member */
export async function offices({ beatsRole = "write" } = {}) {
  const world = new Scribe();
  const [anna, beat, carla] = [await device(), await device(), await device()];
  const [first, second] = [anna, beat].map((founder) => world.found(founder, [effects.create("institution", { founder })]));
  const [annas, carlas] = [world.person(anna, first), world.person(carla, first)];
  const beats = world.person(beat, second);
  world.write(first, anna, [effects.addSpace(annas, "manage"), effects.addSpace(carlas, "write")]);
  world.write(second, beat, [effects.addSpace(beats, "manage")]);
  for (const [space, who] of [[annas, anna], [carlas, carla], [beats, beat], [first, anna], [second, beat]]) await world.begin(space, who);
  const members = [effects.addSpace(first, "manage")];
  if (beatsRole !== null) members.push(effects.addSpace(second, beatsRole));
  const id = world.found(anna, [effects.create("network"), ...members, effects.setRelay(world.relayKey)]);
  await world.begin(id, anna);
  return { world, id, anna, beat, carla, annas, beats, carlas, first, second };
}

/** Two edits of Anna's, one on the other, and Carla's pen with both; what a snapshot of them says. */
export function written({ world, id, anna, carla }) {
  const [annasPen, carlasPen] = [new Pen(id, anna), new Pen(id, carla)];
  const one = world.edit(id, anna, annasPen, (doc) => (doc.people.one = 1));
  const two = world.edit(id, anna, annasPen, (doc) => (doc.people.two = 2), { parents: [one] });
  carlasPen.read(annasPen);
  const honest = { parents: [two], covered: [one, two].sort(), actors: [annasPen.named] };
  return { annasPen, carlasPen, one, two, honest };
}

/** What a device makes of the bundle. */
export async function readAs(world, id, who) {
  const reading = await Reading.of(readBundle(world.bundle(id, who.masterSeed)));
  const json = report(reading);
  return { reading, json, space: json.spaces[id], people: json.spaces[id].document.people, problems: json.problems };
}
