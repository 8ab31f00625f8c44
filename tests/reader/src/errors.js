/**
 * Every error this reader throws on purpose. `code` is stable and meant for programs, the message for people.
 */
export class ReaderError extends Error {
  /**
   * @param {string} code stable, lower case with underscores
   * @param {string} message plain English, no secrets
   */
  constructor(code, message) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Bytes that no encoder of this protocol would have written (PROTOCOL §2). */
export class MalformedError extends ReaderError {
  constructor(message) {
    super("malformed", message);
  }
}

/** Bytes written by a newer program: kept, never skipped, never re-interpreted (PROTOCOL §2, 9). */
export class NeedsNewerError extends ReaderError {
  constructor(message) {
    super("needs_newer", message);
  }
}

/** More bytes or elements than PROTOCOL §25 allows. */
export class TooLargeError extends ReaderError {
  constructor(message) {
    super("too_large", message);
  }
}

/** A signature, key, ciphertext or commitment that does not hold (PROTOCOL §3, §8, §9). */
export class CryptoError extends ReaderError {}

/** A text that somebody hands over: of another kind than the one asked for, or mistyped (PROTOCOL §20). */
export class TextError extends ReaderError {}

/** Words, a paper or shares that bring nobody back (PROTOCOL §6, §21). */
export class RecoveryError extends ReaderError {}

/** An operation that its log refuses (PROTOCOL §11–§14). */
export class ReplayError extends ReaderError {}

/** Something not here yet that a later item may bring. `missing` names it in hexadecimal. */
export class MissingError extends ReaderError {
  /**
   * @param {string} code
   * @param {string} message
   * @param {string[]} missing ids in hexadecimal
   */
  constructor(code, message, missing) {
    super(code, message);
    this.missing = missing;
  }
}

/** An envelope that does not count, or cannot be opened (PROTOCOL §15, §16, §24). */
export class EnvelopeError extends ReaderError {}

/** A bundle on disk that this reader cannot use. */
export class BundleError extends ReaderError {}
