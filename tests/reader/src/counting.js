/**
 * Which edits count (PROTOCOL §16). Content is not needed for it: rights come from the logs, order from the graph of
 * envelopes and from the relay's receipts.
 */
import { equal } from "./bytes.js";
import { learn, requireKnown } from "./replay.js";
import { atLeast, remains } from "./rights.js";
import { suspendedGrants } from "./standing.js";
import { View } from "./state.js";

/**
 * What the author of an envelope had seen of the logs.
 * @param {Logs} logs
 * @param {Array<{space: string, index: number, operation: string}>} accessHeads
 * @returns {Map<string, number>}
 * @throws {MissingError} `unknown_reference`
 */
export function knowledgeOf(logs, accessHeads) {
  const knowledge = new Map();
  for (const head of accessHeads) learn(knowledge, requireKnown(logs, head));
  return knowledge;
}

/**
 * @param {Logs} logs
 * @param {string} space
 * @param {Array<object>} envelopes verified, of this space: `{id, author, kind, knowledge, parents, receipt}`; `receipt`
 *   is null where there is no valid one
 * @param {Arrivals} arrivals when operations were received
 * @returns {{verdicts: Map<string, {verdict: string, reason: string|null}>, firm: Set<string>}} verdicts by envelope id:
 *   `counts`, `vouched`, `provisional`, `held`; `firm`: the edits that count by rule 1 or are vouched for by such
 */
export function judge(logs, space, envelopes, arrivals) {
  return new Court(logs, space, envelopes, arrivals).judgement();
}

/** Whether an edit's author may write still, by the newest logs: what rule 1 asks. */
export function stands(logs, envelope, arrivals) {
  return new Court(logs, envelope.space, [envelope], arrivals).stands(envelope);
}

/**
 * The erasure that erases a section (PROTOCOL §15): by who manages it, and names its closing. Of several the one received first.
 * @returns {object|null} one of the envelopes
 */
export function erasureOf(logs, space, envelopes, arrivals, isEarlier) {
  const court = new Court(logs, space, envelopes, arrivals);
  const words = envelopes.filter((envelope) => envelope.kind === "erasure" && court.erasesSection(envelope));
  const byReceipt = (left, right) => {
    if (left.receipt === null || right.receipt === null) return (left.receipt === null) - (right.receipt === null) || (left.id < right.id ? -1 : 1);
    return isEarlier(left.receipt, right.receipt) ? -1 : 1;
  };
  return words.toSorted(byReceipt)[0] ?? null;
}

const isEdit = ({ kind }) => kind === "changes";

/** The role that an envelope's author needs. */
const NEEDED = { changes: "write", snapshot: "write", blob: "write", attest: "read", dispute: "read", erasure: "none" };

class Court {
  constructor(logs, space, envelopes, arrivals) {
    this.logs = logs;
    this.space = space;
    this.envelopes = envelopes;
    this.byId = new Map(envelopes.map((envelope) => [envelope.id, envelope]));
    this.arrivals = arrivals;
    this.newest = View.newest(logs);
    this.state = this.newest.required(space);
    this.suspended = suspendedGrants(this.newest, space, arrivals);
    this.result = new Map();
  }

  judgement() {
    this.holdVoided();
    const edits = this.envelopes.filter((envelope) => isEdit(envelope) && !this.result.has(envelope.id));
    const firm = edits.filter((envelope) => this.stands(envelope));
    for (const envelope of firm) this.say(envelope, "counts");
    this.vouchFor(firm);
    this.firm = new Set([...this.result].filter(([, { verdict }]) => verdict !== "held").map(([id]) => id));
    const provisional = edits.filter((envelope) => !this.result.has(envelope.id) && this.isProvisional(envelope, firm));
    for (const envelope of provisional) this.say(envelope, "provisional");
    this.vouchFor(provisional);
    for (const envelope of edits) if (!this.result.has(envelope.id)) this.say(envelope, "held", this.reasonOf(envelope));
    this.judgeOthers();
    return { verdicts: this.result, firm: this.firm };
  }

  say({ id }, verdict, reason = null) {
    this.result.set(id, { verdict, reason });
  }

  /** Voided envelopes and all that builds on them. */
  holdVoided() {
    for (const envelope of this.envelopes) {
      if (this.state.voided.has(envelope.id)) this.say(envelope, "held", "voided");
    }
    for (const envelope of this.envelopes) {
      const onVoided = [...this.ancestorsOf(envelope)].some((id) => this.state.voided.has(id));
      if (onVoided && !this.result.has(envelope.id)) this.say(envelope, "held", "builds_on_voided");
    }
  }

  /** All that an envelope names, and what these name. `mayPass`: whether the walk goes to and through a known one. */
  ancestorsOf(envelope, mayPass = () => true) {
    const seen = new Set();
    const open = [...envelope.parents];
    while (open.length > 0) {
      const id = open.pop();
      const known = this.byId.get(id);
      if (seen.has(id) || (known !== undefined && !mayPass(known))) continue;
      seen.add(id);
      open.push(...(known?.parents ?? []));
    }
    return seen;
  }

  /** What remains of the author's right, by its access heads, in a view of what came since. */
  remaining(envelope, since) {
    const then = View.known(this.logs, envelope.knowledge);
    return remains(then, since, envelope.author, this.space, this.suspended);
  }

  isEnough(envelope, since) {
    const needed = NEEDED[envelope.kind];
    return atLeast(this.remaining(envelope, since).role, needed);
  }

  wasEntitled(envelope) {
    return this.isEnough(envelope, View.known(this.logs, envelope.knowledge));
  }

  stands(envelope) {
    return this.isEnough(envelope, this.newest);
  }

  stoodWhenReceived(envelope) {
    if (envelope.receipt === null) return false;
    return this.isEnough(envelope, new View(this.logs, this.arrivals.beforeReceipt(envelope.receipt)));
  }

  /** Closing takes no right to manage away; what was voided, or is held, is no matter here. */
  erasesSection({ knowledge, author, receipt }) {
    const then = View.known(this.logs, knowledge);
    const known = then.state(this.space);
    if (known === null || known.kind !== "section" || !known.closed) return false;
    const manages = (since) => remains(then, since, author, this.space, this.suspended).withoutClosing === "manage";
    return manages(this.newest) || (receipt !== null && manages(new View(this.logs, this.arrivals.beforeReceipt(receipt))));
  }

  /** All ancestors of these, whoever wrote them. Only edits are built on: what is named through another kind is passed over. */
  vouchFor(witnesses) {
    for (const witness of witnesses) {
      for (const id of this.ancestorsOf(witness, isEdit)) {
        if (this.byId.has(id) && !this.result.has(id)) this.say({ id }, "vouched");
      }
    }
  }

  isProvisional(envelope, firm) {
    if (!this.wasEntitled(envelope) || !this.stoodWhenReceived(envelope)) return false;
    return !firm.some((other) => this.knewOfTheEnd(other, envelope));
  }

  /** Whether a firm edit of the same journal was written in the knowledge that this one's right had ended. */
  knewOfTheEnd(other, envelope) {
    if (other.receipt === null || !equal(other.receipt.journal, envelope.receipt.journal)) return false;
    return !this.isEnough(envelope, View.known(this.logs, other.knowledge));
  }

  /** Snapshots, attests, disputes and erasures vouch for nothing. */
  judgeOthers() {
    for (const envelope of this.envelopes) {
      if (isEdit(envelope) || this.result.has(envelope.id)) continue;
      if (!this.stands(envelope) && !this.stoodWhenReceived(envelope)) {
        this.say(envelope, "held", this.reasonOf(envelope));
      } else if (envelope.kind === "snapshot" && !this.coversWhatCounts(envelope)) {
        this.say(envelope, "held", "covers_held");
      } else {
        this.say(envelope, "counts");
      }
    }
  }

  /** Ancestors that are not here any more were pruned, and counted. */
  coversWhatCounts(envelope) {
    return [...this.ancestorsOf(envelope)].every((id) => !this.byId.has(id) || this.firm.has(id));
  }

  reasonOf(envelope) {
    if (!this.wasEntitled(envelope)) return "never_entitled";
    if (this.state.closed) return "closed";
    return this.remaining(envelope, this.newest).role === "none" ? "access_ended" : "access_reduced";
  }
}

/** Counting edits of one author that share a number: the device was cloned. @returns {string[][]} */
export function clones(envelopes, verdicts) {
  const groups = new Map();
  for (const { id, kind, author, authorSequence } of envelopes) {
    if (kind !== "changes" || verdicts.get(id).verdict === "held") continue;
    const key = `${author} ${authorSequence}`;
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  return [...groups.values()].filter((ids) => ids.length > 1).map((ids) => ids.sort());
}
