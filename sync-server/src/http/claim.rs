//! `POST /v1/claim`: founds the one network this relay serves.

use std::sync::Arc;

use axum::extract::Request;
use nahtlos_protocol::identifier::{DeviceId, SignatureBytes};
use nahtlos_protocol::wire::SyncResponse;
use nahtlos_protocol::wire::claim::ClaimRequest;
use nahtlos_protocol::{PROTOCOL_VERSION, codec};

use super::connection::Caller;
use super::problem::{Code, Problem};
use super::{Answer, App, Handled, Hold, body};
use crate::engine::ClaimRefusal;

/// A claim as a whole.
const CLAIM_BYTES_MAX: usize = 8 * 1024 * 1024;

pub(super) async fn handle(app: Arc<App>, request: Request) -> Handled {
    let (mut parts, request_body) = request.into_parts();
    let caller = parts.extensions.remove::<Caller>();
    let address = caller.as_ref().map(|caller| caller.address);
    app.rates.newcomer(address, app.engine.now_ms())?;
    if app.engine.network().is_some() {
        return Err(ClaimRefusal::AlreadyClaimed.into());
    }
    let read = body::read(&app, &parts.headers, request_body, CLAIM_BYTES_MAX, None).await?;
    let received = read.bytes.len();
    let request: ClaimRequest = codec::decode(&read.bytes, CLAIM_BYTES_MAX).map_err(|error| {
        Problem::new(
            Code::MalformedRequest,
            format!("The request is not a claim: {error}."),
        )
    })?;
    let network = request.network;
    let results = app.engine.claim(request).await??;
    (app.on_claimed)();
    let journal_mark = app.engine.journal_mark();
    let mut response = SyncResponse {
        version: PROTOCOL_VERSION,
        results,
        items: Vec::new(),
        // Everything there is came with this request.
        cursor: journal_mark.sequence,
        more: false,
        journal_mark,
        time_ms: app.engine.now_ms(),
        signature: SignatureBytes([0; 64]),
    };
    let founder = app.engine.founder(&network).unwrap_or(DeviceId([0; 32]));
    response.sign(app.engine.signing_key(), &founder);
    Ok(Answer {
        body: codec::encode(&response),
        received,
        hold: Hold::of(caller),
    })
}
