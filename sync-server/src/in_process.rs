//! A relay without sockets, for simulations: the same routes, engine and checks, over any store, with
//! the caller's clock and repeatable randomness. One request at a time.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::identifier::VerifyingKeyBytes;
use nahtlos_protocol::wire::claim::Claim;

use crate::claim_file::public_half;
use crate::config::Limits;
use crate::engine::{Engine, identity, random};
use crate::entropy;
use crate::http::{self, App};
use crate::metrics::Metrics;
use crate::relay::RelayError;
use crate::store::Store;

/// Unix milliseconds, whenever the relay asks.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A relay that answers as soon as it is called.
pub struct InProcessRelay {
    runtime: tokio::runtime::Runtime,
    routes: TowerToHyperService<Router>,
    app: Arc<App>,
    /// The claim, while the relay has no network.
    pub claim: Option<String>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InProcessAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The `nahtlos-time` header.
    pub relay_time: Option<String>,
}

impl InProcessRelay {
    /// Starts on what the store holds. `seed` is where its random bytes come from; none for the
    /// operating system's.
    ///
    /// # Errors
    /// [`RelayError`] where the store fails or no thread starts.
    pub fn start(
        mut store: Box<dyn Store>,
        limits: Limits,
        clock: Clock,
        seed: Option<u64>,
    ) -> Result<Self, RelayError> {
        entropy::seed_this_thread(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(RelayError::Runtime)?;
        let mut claim = None;
        let identity = identity(&mut *store, clock(), |_| {
            let seed = Secret32::from_bytes(random()?);
            let key = public_half(&seed);
            claim = Some(seed);
            Ok(Some(key))
        })?;
        let claim = claim.map(|seed| {
            let relay = public_half(&Secret32::from_bytes(identity.seed));
            let claim = Claim {
                url: "http://127.0.0.1".into(),
                relay: VerifyingKeyBytes(relay),
                seed,
            };
            claim.to_string()
        });
        let metrics = Arc::<Metrics>::default();
        let engine = Engine::start(store, identity, limits.clone(), Arc::clone(&metrics), clock)?;
        let app = Arc::new(App::new(engine, metrics, limits, Box::new(|| ())));
        let routes = TowerToHyperService::new(http::routes(Arc::clone(&app)));
        Ok(Self {
            runtime,
            routes,
            app,
            claim,
        })
    }

    /// Posts `body` to `path`, with the token as a device sends it; none where the request is none.
    #[must_use]
    pub fn post(&self, path: &str, token: Option<&str>, body: &[u8]) -> Option<InProcessAnswer> {
        let mut request = Request::post(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-length", body.len());
        let request = request.body(Body::from(body.to_vec())).ok()?;
        self.runtime.block_on(async {
            let response = self.routes.call(request).await.ok()?;
            let time = response.headers().get("nahtlos-time");
            let relay_time = time
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            Some(InProcessAnswer {
                status,
                body: body.ok()?.to_vec(),
                relay_time,
            })
        })
    }

    /// Drops what snapshots cover, as a running relay does once a day; says how many bodies went.
    /// None where the store failed.
    #[must_use]
    pub fn prune(&self) -> Option<usize> {
        self.runtime.block_on(self.app.engine.prune()).ok()
    }
}

impl Drop for InProcessRelay {
    fn drop(&mut self) {
        self.app.engine.stop();
    }
}
