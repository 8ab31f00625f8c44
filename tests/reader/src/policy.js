/** How an institution admits (PROTOCOL §12, `Policy`): whether it takes two administrators, and what changes that. */
import { contradiction, managersOf, requireRole, takesTwo } from "./effect-rules.js";
import { atLeast, contentRole, isConfirmed } from "./rights.js";
import { liveGrants } from "./state.js";

/** Roles that one administrator alone gives nobody, where it takes two. */
const OF_ADMINISTRATORS = ["manage", "administer"];

/** Applies `Policy`. */
export function policy(context, { administrators, compares }) {
  requireRole(context, "manage");
  const { state, operation } = context;
  if (state.kind !== "institution") contradiction("only an institution has a policy");
  if (administrators !== 1 && administrators !== 2) contradiction(`${administrators} administrators`);
  const said = { administrators, compares };
  const isPresent = isSame(state.policy, said);
  if (isPresent && state.proposed === null) contradiction("the institution has this policy");
  const begins = state.policy.administrators === 1 && administrators === 2;
  if (begins && !mayTakeTwo(context.view(), state)) contradiction("fewer than two people manage, or not people alone, or somebody waits");
  if (state.policy.administrators === 1 || isPresent || isAgreed(context, said)) {
    state.policy = said;
    state.proposed = null;
  } else {
    state.proposed = { ...said, by: operation.body.author };
  }
}

const isSame = (left, right) => left.administrators === right.administrators && left.compares === right.compares;

/** Whether another administrator proposed the very same. */
function isAgreed(context, said) {
  const { proposed, space } = context.state;
  return proposed !== null && isSame(proposed, said) && isAnotherAdministrator(context, space, proposed.by);
}

/**
 * Whether it could take two: nobody waits for a word, each of those who change members is a person, and two of them manage.
 * @param {View} view
 * @param {object} state an institution's
 */
function mayTakeTwo(view, state) {
  const grants = [...liveGrants(state)].filter(({ role }) => OF_ADMINISTRATORS.includes(role));
  const isPersons = ({ member }) => view.state(member.id)?.kind === "person";
  return grants.every((grant) => isConfirmed(grant) && isPersons(grant)) && managersOf(state).size >= 2;
}

/** Whether it takes two to give a role in a space. */
export function takesTwoFor(state, role) {
  return takesTwo(state) && OF_ADMINISTRATORS.includes(role);
}

/** The institution in which it takes two to let in a device of an emptied person from above; null where one is enough. */
export function guardianThatTakesTwo({ state, viewBefore }) {
  if (state.kind !== "person" || state.guardian === null) return null;
  const guardian = viewBefore().state(state.guardian);
  return guardian !== null && takesTwo(guardian) ? state.guardian : null;
}

/**
 * Whether an operation's author is another administrator of an institution than a device: one who writes as a person that
 * manages there and in whose log that device never stood. All as before the operation.
 * @param {object} context
 * @param {string} institution
 * @param {string} device
 */
export function isAnotherAdministrator({ operation, viewBefore }, institution, device) {
  const view = viewBefore();
  const before = view.state(institution);
  if (before === null) return false;
  return [...managersOf(before)].some((member) => {
    const person = view.state(member);
    if (person?.kind !== "person") return false;
    const everAdmitted = [...person.grants.values()].some((grant) => grant.member.id === device);
    return !everAdmitted && atLeast(contentRole(view, operation.body.author, member), "write");
  });
}

/** At a `Heal`, what a branch made stricter since the fork, after what it took back. */
export function healPolicy(context, atFork, tip) {
  const { state } = context;
  const begins = tip.policy.administrators === 2 && atFork.policy.administrators === 1 && state.policy.administrators === 1;
  const healed = {
    administrators: begins && mayTakeTwo(context.view(), state) ? 2 : state.policy.administrators,
    compares: state.policy.compares || (tip.policy.compares && !atFork.policy.compares),
  };
  if (isSame(healed, state.policy)) return;
  state.policy = healed;
  state.proposed = null;
}
