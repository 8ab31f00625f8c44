//! `POST /v1/sync`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::Request;
use nahtlos_protocol::codec::{self, CodecError};
use nahtlos_protocol::identifier::{ItemId, SignatureBytes};
use nahtlos_protocol::wire::{PushItem, Status, SyncRequest, SyncResponse};
use nahtlos_protocol::{PROTOCOL_VERSION, limits};

use super::authentication::authenticate;
use super::problem::{Code, Problem};
use super::{Answer, App, Handled, body};

pub(super) async fn handle(app: Arc<App>, request: Request) -> Handled {
    let (parts, request_body) = request.into_parts();
    let device = authenticate(&app, &parts.headers)?;
    app.rates.device(device, app.engine.now_ms())?;
    let read = body::read(
        &app,
        &parts.headers,
        request_body,
        limits::SYNC_REQUEST_BYTES_MAX,
    )
    .await?;
    let received = read.bytes.len();
    let approaching = app.engine.approaching();
    let request = decode(&read.bytes)?;
    if let Some(seen) = request.journal_mark {
        app.engine.compare_mark(seen).await?;
    }
    let (results, pushed) = if request.push.is_empty() {
        drop(approaching);
        (Vec::new(), BTreeSet::new())
    } else {
        // Who asks about an item may not have it: it is served like any other.
        let asked: Vec<bool> = request.push.iter().map(is_question).collect();
        let results = app.engine.push(device, request.push, approaching).await?;
        let pushed: BTreeSet<ItemId> = results
            .iter()
            .zip(asked)
            .filter(|(result, asked)| {
                !asked
                    && matches!(
                        result.status,
                        Status::Accepted | Status::Duplicate | Status::Held
                    )
            })
            .map(|(result, _)| result.id)
            .collect();
        (results, pushed)
    };
    drop(read);
    let max_bytes = request.max_bytes.min(app.limits.response_bytes_max);
    let (served, journal_mark) = app
        .engine
        .news(device, request.cursor, max_bytes, pushed)
        .await?;
    tracing::debug!(
        %device,
        pushed = results.len(),
        served = served.items.len(),
        cursor = served.cursor,
        "sync"
    );
    let mut response = SyncResponse {
        version: PROTOCOL_VERSION,
        results,
        items: served.items,
        cursor: served.cursor,
        more: served.more,
        journal_mark,
        time_ms: app.engine.now_ms(),
        signature: SignatureBytes([0; 64]),
    };
    response.sign(app.engine.signing_key(), &device);
    Ok(Answer {
        body: codec::encode(&response),
        received,
    })
}

fn is_question(item: &PushItem) -> bool {
    matches!(item, PushItem::Question { .. })
}

fn decode(bytes: &[u8]) -> Result<SyncRequest, Problem> {
    let request: SyncRequest =
        codec::decode(bytes, limits::SYNC_REQUEST_BYTES_MAX).map_err(|error| match error {
            CodecError::TooMany => Problem::new(
                Code::TooManyItems,
                format!("A request may push {} items.", limits::PUSH_ITEMS_MAX),
            ),
            error => Problem::new(
                Code::MalformedRequest,
                format!("The request is not a sync request: {error}."),
            ),
        })?;
    if request.version != PROTOCOL_VERSION {
        return Err(Problem::new(
            Code::UnsupportedVersion,
            format!("This relay speaks version {PROTOCOL_VERSION}. Update the older program."),
        ));
    }
    Ok(request)
}
