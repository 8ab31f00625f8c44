//! HTTP: routes, what every request goes through, and the connections.

mod authentication;
mod body;
mod claim;
mod connection;
mod crowd;
mod health;
mod join;
mod pace;
pub(crate) mod problem;
mod rate;
mod sync;
pub(crate) mod tls;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::routing::{get, post};
use nahtlos_protocol::wire;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use connection::Caller;
pub(crate) use connection::{Terms, accept};
pub(crate) use crowd::Crowd;
use problem::{Code, Problem};
use turns::{Turn, Turns};

use crate::config::{self, Limits};
use crate::engine::Engine;
use crate::metrics::Metrics;

/// What the handlers share.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    /// In KiB.
    body_memory: Arc<Semaphore>,
    /// In KiB.
    answer_memory: Arc<Semaphore>,
    turns: Turns,
    pub(crate) rates: rate::Rates,
    pub(crate) tokens: authentication::VerifiedTokens,
    pub(crate) probe: health::ProbeCache,
    /// Called once the network is founded: the claim file is of no use any more.
    pub(crate) on_claimed: Box<dyn Fn() + Send + Sync>,
}

impl App {
    pub(crate) fn new(
        engine: Engine,
        metrics: Arc<Metrics>,
        limits: Limits,
        on_claimed: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let memory = |bytes: u32| Arc::new(Semaphore::new((bytes / 1024) as usize));
        Self {
            engine,
            metrics,
            rates: rate::Rates::new(&limits),
            body_memory: memory(limits.body_memory_bytes),
            answer_memory: memory(limits.answer_memory_bytes),
            turns: Turns::new(&limits),
            tokens: authentication::VerifiedTokens::default(),
            limits,
            probe: health::ProbeCache::default(),
            on_claimed,
        }
    }
}

/// The routes devices use.
pub(crate) fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route(wire::SYNC_PATH, post(sync_endpoint))
        .route(wire::JOIN_PATH, post(join_endpoint))
        .route(wire::CLAIM_PATH, post(claim_endpoint))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

/// The routes operators use, on a listener of their own.
pub(crate) fn operator_routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(health::metrics))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

async fn sync_endpoint(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let timeout = time_for(&app, request.headers());
    let handler = sync::handle(Arc::clone(&app), request);
    guarded(&app, "sync", timeout, handler).await
}

async fn join_endpoint(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let timeout = time_for(&app, request.headers());
    let handler = join::handle(Arc::clone(&app), request);
    guarded(&app, "join", timeout, handler).await
}

async fn claim_endpoint(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let timeout = time_for(&app, request.headers());
    let handler = claim::handle(Arc::clone(&app), request);
    guarded(&app, "claim", timeout, handler).await
}

/// What a handler answers with.
type Handled = Result<Answer, Problem>;

/// A good answer and the length of the body it answers.
struct Answer {
    body: Vec<u8>,
    received: usize,
    hold: Hold,
}

/// What an answer holds until its last byte was taken by the client's end.
#[derive(Default)]
struct Hold {
    _caller: Option<Caller>,
    _turn: Option<Turn>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Hold {
    fn of(caller: Option<Caller>) -> Self {
        Self {
            _caller: caller,
            ..Self::default()
        }
    }
}

/// The bytes of an answer. HTTP drops them when it has written them.
struct HeldBytes {
    bytes: Vec<u8>,
    _hold: Hold,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// How long a request may take. (That its body comes as fast as this supposes, its reader looks to.)
fn time_for(app: &App, headers: &HeaderMap) -> Duration {
    let announced = body::announced_bytes(headers).unwrap_or(0);
    let bytes = announced.min(nahtlos_protocol::limits::SYNC_REQUEST_BYTES_MAX);
    app.limits.request_timeout + config::lengthening(bytes, config::LENGTHENING_BYTES)
}

/// Runs a handler as a task of its own, so that a client that hangs up stops nothing half-way and
/// a defect ends that task only; and within the time a request may take.
async fn guarded(
    app: &App,
    endpoint: &'static str,
    timeout: Duration,
    handler: impl Future<Output = Handled> + Send + 'static,
) -> Response<Body> {
    let task = tokio::spawn(tokio::time::timeout(timeout, handler));
    let handled = match task.await {
        Ok(Ok(handled)) => handled,
        Ok(Err(_elapsed)) => Err(Problem::new(
            Code::Timeout,
            "The request did not end in time. Sync again.",
        )),
        Err(_defect) => {
            tracing::error!(endpoint, "a defect was caught in a handler");
            Err(Problem::from(crate::engine::EngineError::Internal))
        }
    };
    let (received, sent, response) = match handled {
        Ok(answer) => {
            let sent = answer.body.len();
            (answer.received, sent, binary(answer.body, answer.hold))
        }
        Err(problem) => {
            // Anybody can bring these about: at a level that is on, they would fill the disk.
            tracing::debug!(endpoint, code = problem.code.word(), "refused");
            (0, 0, problem.into_response())
        }
    };
    let status = response.status().as_u16();
    app.metrics
        .request(endpoint, status, received as u64, sent as u64);
    response
}

fn binary(bytes: Vec<u8>, hold: Hold) -> Response<Body> {
    let bytes = Bytes::from_owner(HeldBytes { bytes, _hold: hold });
    let mut response = Response::new(Body::from(bytes));
    let value = HeaderValue::from_static(wire::MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

async fn not_found(State(app): State<Arc<App>>) -> Response<Body> {
    let problem = Problem::new(Code::NotFound, "There is nothing at this path.");
    app.metrics.request("other", problem.code.status(), 0, 0);
    problem.into_response()
}

async fn wrong_method(State(app): State<Arc<App>>) -> Response<Body> {
    let problem = Problem::new(Code::MethodNotAllowed, "This path takes another method.");
    app.metrics.request("other", problem.code.status(), 0, 0);
    problem.into_response()
}
