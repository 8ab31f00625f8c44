//! What the client reads that somebody else wrote, beyond the forms of the protocol.

use nahtlos_client::untrusted as read;

pub fn untrusted(bytes: &[u8]) {
    let _label = read::label(bytes);
    let _introduction = read::introduction(bytes);
    let _cards = read::cards(bytes);
    for status in [400, 401, 409, 503] {
        let refused = read::refusal(status, bytes);
        assert!(!refused.is_empty(), "a refusal without words");
    }
}
