/** Limits of PROTOCOL §25 that a reader checks. Bytes unless the name says otherwise. */
export const SIGNED_OPERATION_BYTES = 262_144;
export const EFFECTS = 64;
export const REFERENCES = 2_048;
export const KNOWN_SPACES = 20_000;
export const RECIPIENTS = 2_048;
export const GRANTS = 20_000;
export const OPERATIONS = 1_000_000;
export const SEALED_LABEL_BYTES = 2_048;
export const ENVELOPE_BYTES = 17_825_792;
export const HEADER_BYTES = 262_144;
export const PARENTS = 1_024;
export const CHANGES = 5_000;
export const RUN_NONCES = 1_000;
export const PAYLOAD_BYTES = 16_777_216;
export const RECEIPT_PATH = 20;
