//! A line to the relay that a test listens on, changes or breaks.

use nahtlos_client::transport::{Answer, TransportError};
use nahtlos_client::{ClientError, HttpTransport, SyncReport, Transport};
use nahtlos_protocol::codec;
use nahtlos_protocol::wire::{PushItem, SYNC_PATH, SyncRequest, SyncResponse};

use crate::{Home, World};

/// Whether what passes arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// It arrives, as it is now.
    Arrives,
    /// The line breaks.
    Breaks,
}

/// Looks at each request before it goes out.
pub type OnRequest<'a> = dyn FnMut(&SyncRequest) -> Passing + 'a;
/// Looks at each answer before it arrives, and may change it.
pub type OnAnswer<'a> = dyn FnMut(&mut SyncResponse) -> Passing + 'a;

/// A line with somebody on it.
pub struct Line<'a> {
    inner: HttpTransport,
    on_request: &'a mut OnRequest<'a>,
    on_answer: &'a mut OnAnswer<'a>,
}

impl Transport for Line<'_> {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        if path != SYNC_PATH {
            return self.inner.post(path, token, body);
        }
        let broken = || TransportError::Unreachable {
            url: "test".into(),
            reason: "the line broke".into(),
        };
        let request: SyncRequest = codec::decode(body, 1 << 25).expect("a request");
        if (self.on_request)(&request) == Passing::Breaks {
            return Err(broken());
        }
        let mut answer = self.inner.post(path, token, body)?;
        if answer.status == 200 {
            let mut response: SyncResponse =
                codec::decode(&answer.body, 1 << 25).expect("a response");
            if (self.on_answer)(&mut response) == Passing::Breaks {
                return Err(TransportError::BrokeOff {
                    url: "test".into(),
                    reason: "the line broke".into(),
                });
            }
            answer.body = codec::encode(&response);
        }
        Ok(answer)
    }
}

impl Home {
    /// Syncs over a line with somebody on it.
    ///
    /// # Errors
    /// As [`nahtlos_client::Nahtlos::sync`].
    pub fn sync_over(
        &mut self,
        world: &World,
        on_request: &mut OnRequest<'_>,
        on_answer: &mut OnAnswer<'_>,
    ) -> Result<SyncReport, ClientError> {
        let mut line = Line {
            inner: world.transport(),
            on_request: &mut |request| on_request(request),
            on_answer: &mut |answer| on_answer(answer),
        };
        self.nahtlos.sync(&mut line, &mut |_| {})
    }

    /// Syncs and returns what was pushed, in order, with what a person is told.
    ///
    /// # Panics
    /// Where the sync fails.
    pub fn sync_and_list_pushed(&mut self, world: &World) -> (SyncReport, Vec<PushItem>) {
        let mut pushed = Vec::new();
        let report = self.sync_over(
            world,
            &mut |request| {
                pushed.extend(request.push.clone());
                Passing::Arrives
            },
            &mut |_| Passing::Arrives,
        );
        (report.expect("the sync succeeds"), pushed)
    }
}

/// Whether an item is offered again, with the receipt of what the relay has lost.
#[must_use]
pub fn is_offered_again(item: &PushItem) -> bool {
    match item {
        PushItem::Operation { receipt, .. } | PushItem::Envelope { receipt, .. } => {
            receipt.is_some()
        }
        PushItem::Question { .. } => false,
    }
}
