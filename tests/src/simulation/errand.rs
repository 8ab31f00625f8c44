//! The line of an errand: for its length a device that lies in no home is made once more, beside the device
//! that does the errand. Each of the two is answered as itself, and knows what it was served itself.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use nahtlos_client::transport::{Answer, Transport, TransportError};

use super::line::Line;
use super::world::World;

/// The line of both, while the errand lasts.
pub struct Errand<'a> {
    /// What is around it.
    pub world: &'a mut World,
    /// Who does the errand.
    pub device: usize,
    /// The device that lies in no home.
    pub borrowed: usize,
}

impl Transport for Errand<'_> {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let own = &self.world.devices[self.device];
        let (relay, cut_off) = (own.relay, own.cut_off);
        let borrowed = &mut self.world.devices[self.borrowed];
        (borrowed.relay, borrowed.cut_off) = (relay, cut_off);
        let device = if token.is_some_and(|token| self.is_of_borrowed(token)) {
            self.borrowed
        } else {
            self.device
        };
        let mut line = Line {
            world: self.world,
            device,
            depth: 0,
        };
        line.post(path, token, body)
    }
}

impl Errand<'_> {
    /// Whether a token names the device that lies in no home.
    fn is_of_borrowed(&self, token: &str) -> bool {
        let id = self.world.device_ids[self.borrowed].0;
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes());
        bytes.is_ok_and(|bytes| bytes.windows(id.len()).any(|part| part == id))
    }
}

impl Drop for Errand<'_> {
    /// What it was served is gone with it.
    fn drop(&mut self) {
        self.world.known[self.borrowed] = Arc::default();
        self.world.received.remove(&self.borrowed);
    }
}
