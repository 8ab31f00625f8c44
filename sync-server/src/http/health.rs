//! `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use tokio::sync::Mutex;

use super::App;
use super::problem::Problem;
use crate::engine::EngineError;

/// How long a probe's result is good, in milliseconds: probing writes to the disk.
const PROBE_MS: u64 = 1000;

/// The last probe.
#[derive(Default)]
pub(crate) struct ProbeCache(Mutex<Option<(u64, Result<(), EngineError>)>>);

/// The process runs.
pub(super) async fn live() -> Response<Body> {
    text("ok\n".into())
}

/// Something can be made durable.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response<Body> {
    let mut last = app.probe.0.lock().await;
    let now_ms = app.engine.now_ms();
    let result = match *last {
        Some((at_ms, result)) if now_ms.abs_diff(at_ms) < PROBE_MS => result,
        _ => {
            let result = app.engine.probe().await;
            *last = Some((now_ms, result));
            result
        }
    };
    match result {
        Ok(()) => text("ready\n".into()),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// All counters.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    text(app.metrics.text())
}

fn text(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let value = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
