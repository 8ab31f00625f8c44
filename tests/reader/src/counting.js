/**
 * Which edits count (PROTOCOL §16). Content is not needed for it: rights come from the logs, order from the graph of
 * envelopes and from the relay's receipts.
 *
 *  1. The author's right has no known end in the newest logs: the edit counts.
 *  2. What an edit builds on that counts by 1 or 3 counts with it, even if its author never was entitled: whoever builds
 *     on it adopts it.
 *  3. The right has ended, and nothing vouches: the edit counts provisionally if the relay took it in before the ends,
 *     and nobody who knew of the end has written since.
 *  4. Everything else is held.
 *
 * A voided edit and whatever builds on it never count.
 */
import { View } from "./state.js";
import { atLeast, contentRole, remainingRight } from "./rights.js";
import { learn } from "./replay.js";
import { isEarlier } from "./receipt.js";

/**
 * What the author of an envelope had seen of the logs.
 * @param {Logs} logs
 * @param {Array<{space: string, index: number, operation: string}>} accessHeads
 * @returns {{knowledge: Map<string, number>, missing: string[]}}
 */
export function knowledgeOf(logs, accessHeads) {
  const knowledge = new Map();
  const missing = [];
  for (const head of accessHeads) {
    const known = logs.operations.get(head.operation);
    if (known === undefined || known.space !== head.space || known.index !== head.index) missing.push(head.operation);
    else learn(knowledge, known);
  }
  return { knowledge, missing };
}

/**
 * @param {Logs} logs
 * @param {string} space
 * @param {Array<object>} envelopes verified, of this space: `{id, author, kind, knowledge, parents, receipt}`; `receipt`
 *   is null where there is no valid one
 * @param {(operation: string) => object|null} receiptOf the verified receipt of an operation
 * @returns {Map<string, {verdict: string, reason: string|null}>} by envelope id: `counts`, `vouched`, `provisional`, `held`
 */
export function judge(logs, space, envelopes, receiptOf) {
  const court = new Court(logs, space, envelopes, receiptOf);
  return court.verdicts();
}

/** Snapshots, attestations and disputes vouch for nothing. */
function isEdit(envelope) {
  return envelope.kind === "changes";
}

class Court {
  constructor(logs, space, envelopes, receiptOf) {
    this.logs = logs;
    this.space = space;
    this.envelopes = envelopes;
    this.byId = new Map(envelopes.map((envelope) => [envelope.id, envelope]));
    this.receiptOf = receiptOf;
    this.newest = View.newest(logs);
    this.state = this.newest.required(space);
    this.views = new Map();
  }

  verdicts() {
    const result = new Map();
    for (const [id, reason] of this.voided()) result.set(id, { verdict: "held", reason });
    const open = this.envelopes.filter((envelope) => !result.has(envelope.id));
    for (const envelope of open) {
      if (this.heldWrite(envelope) && this.stillWrites(envelope)) {
        result.set(envelope.id, { verdict: "counts", reason: null });
      }
    }
    const firm = open.filter((envelope) => isEdit(envelope) && result.get(envelope.id)?.verdict === "counts");
    this.vouch(firm, result);
    const rest = open.filter((envelope) => !result.has(envelope.id));
    const provisional = rest.filter((envelope) => this.isProvisional(envelope, firm));
    for (const envelope of provisional) result.set(envelope.id, { verdict: "provisional", reason: null });
    this.vouch(provisional.filter(isEdit), result);
    for (const envelope of open.filter((each) => each.kind === "snapshot")) this.judgeSnapshot(envelope, result);
    for (const envelope of rest) {
      if (!result.has(envelope.id)) result.set(envelope.id, { verdict: "held", reason: this.reasonOf(envelope) });
    }
    return result;
  }

  /** Voided envelopes and all that builds on them. */
  *voided() {
    const dead = new Set();
    const reach = (envelope) => envelope.parents.some((parent) => dead.has(parent));
    for (const envelope of this.envelopes) if (this.state.voided.has(envelope.id)) dead.add(envelope.id);
    for (const id of dead) yield [id, "voided"];
    for (let grown = true; grown; ) {
      grown = false;
      for (const envelope of this.envelopes) {
        if (dead.has(envelope.id) || !reach(envelope)) continue;
        dead.add(envelope.id);
        grown = true;
        yield [envelope.id, "builds_on_voided"];
      }
    }
  }

  viewOf(envelope) {
    if (!this.views.has(envelope.id)) this.views.set(envelope.id, View.known(this.logs, envelope.knowledge));
    return this.views.get(envelope.id);
  }

  /** `write` at the access heads; a closed space gives nobody more than `read`. */
  heldWrite(envelope) {
    const view = this.viewOf(envelope);
    if (view.state(this.space)?.closed ?? true) return false;
    return atLeast(contentRole(view, envelope.author, this.space), "write");
  }

  stillWrites(envelope, later = this.newest, known = (_operation) => true) {
    if (later.state(this.space)?.closed && known(later.state(this.space).closedBy)) return false;
    const left = remainingRight(this.viewOf(envelope), later, envelope.author, this.space, { knows: known });
    return atLeast(left.role, "write");
  }

  /** What these build on counts with them. */
  vouch(witnesses, result) {
    const open = witnesses.flatMap((envelope) => envelope.parents);
    const seen = new Set();
    while (open.length > 0) {
      const id = open.pop();
      const envelope = this.byId.get(id);
      if (seen.has(id) || envelope === undefined) continue;
      seen.add(id);
      if (!result.has(id)) result.set(id, { verdict: "vouched", reason: null });
      open.push(...envelope.parents);
    }
  }

  isProvisional(envelope, firm) {
    if (envelope.receipt === null || !this.heldWrite(envelope)) return false;
    const endedBefore = (operation) => {
      const receipt = this.receiptOf(operation);
      return receipt !== null && isEarlier(receipt, envelope.receipt);
    };
    if (!this.stillWrites(envelope, this.newest, endedBefore)) return false;
    return !firm.some((other) => this.knewOfTheEnd(other, envelope));
  }

  /** Whether a firm edit of the same journal was written in the knowledge that this one's right had ended. */
  knewOfTheEnd(other, envelope) {
    if (other.receipt === null) return false;
    if (Buffer.compare(other.receipt.journal, envelope.receipt.journal) !== 0) return false;
    const merged = new Map(envelope.knowledge);
    for (const [space, length] of other.knowledge) merged.set(space, Math.max(length, merged.get(space) ?? 0));
    return !this.stillWrites(envelope, View.known(this.logs, merged));
  }

  /** A snapshot stands only on edits that count without a receipt's help. */
  judgeSnapshot(envelope, result) {
    const verdict = result.get(envelope.id)?.verdict;
    if (verdict !== "counts" && verdict !== "provisional") return;
    const covers = [...this.ancestorsOf(envelope)].every((id) => ["counts", "vouched"].includes(result.get(id)?.verdict));
    if (!covers) result.set(envelope.id, { verdict: "held", reason: "covers_what_does_not_count" });
  }

  ancestorsOf(envelope) {
    const seen = new Set();
    const open = [...envelope.parents];
    while (open.length > 0) {
      const id = open.pop();
      if (seen.has(id)) continue;
      seen.add(id);
      open.push(...(this.byId.get(id)?.parents ?? []));
    }
    return seen;
  }

  reasonOf(envelope) {
    if (!this.heldWrite(envelope)) return "never_entitled";
    const closingOnly = this.state.closed && this.stillWritesApartFromClosing(envelope);
    if (closingOnly) return "closed";
    const left = remainingRight(this.viewOf(envelope), this.newest, envelope.author, this.space);
    return left.role === "none" ? "access_ended" : "access_reduced";
  }

  stillWritesApartFromClosing(envelope) {
    return atLeast(remainingRight(this.viewOf(envelope), this.newest, envelope.author, this.space).role, "write");
  }
}

/** Envelopes of one author that share a number: the device was cloned. @returns {string[][]} */
export function clones(envelopes) {
  const groups = new Map();
  for (const { id, author, authorSequence } of envelopes) {
    const key = `${author} ${authorSequence}`;
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  return [...groups.values()].filter((ids) => ids.length > 1).map((ids) => ids.sort());
}
