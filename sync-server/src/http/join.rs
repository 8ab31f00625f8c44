//! `POST /v1/join`: the bounded lane for whoever was invited.

use std::sync::Arc;

use axum::extract::Request;
use nahtlos_protocol::wire::join::JoinRequest;
use nahtlos_protocol::{codec, limits};

use super::connection::Caller;
use super::problem::{Code, Problem};
use super::{Answer, App, Handled, Hold, body};

pub(super) async fn handle(app: Arc<App>, request: Request) -> Handled {
    let (mut parts, request_body) = request.into_parts();
    let caller = parts.extensions.remove::<Caller>();
    let address = caller.as_ref().map(|caller| caller.address);
    app.rates.newcomer(address, app.engine.now_ms())?;
    let read = body::read(
        &app,
        &parts.headers,
        request_body,
        limits::JOIN_REQUEST_BYTES_MAX,
        None,
    )
    .await?;
    let received = read.bytes.len();
    let request = JoinRequest::decode(&read.bytes).map_err(|error| {
        Problem::new(
            Code::MalformedRequest,
            format!("The request is not a join request: {error}."),
        )
    })?;
    let invitation = request.invitation();
    let answer = app.engine.join(request).await??;
    tracing::info!(%invitation, sequence = answer.receipt.sequence, "a join request was taken");
    Ok(Answer {
        body: codec::encode(&answer),
        received,
        hold: Hold::of(caller),
    })
}
