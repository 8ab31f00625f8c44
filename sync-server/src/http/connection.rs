//! Connections: accepted up to a cap, each in its own task, ended gracefully.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::config::Limits;
use crate::metrics::Metrics;

/// Headers a request may have.
const HEADERS_MAX: usize = 64;
/// Memory for a request's headers and for reading ahead.
const BUFFER_BYTES: usize = 64 * 1024;

/// Becomes true when the relay stops.
type Stopping = watch::Receiver<bool>;

/// The open connections of one listener.
#[derive(Clone)]
pub(crate) struct Connections {
    permits: Arc<Semaphore>,
    count: u32,
    header_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl Connections {
    pub(crate) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limits.connections_max as usize)),
            count: limits.connections_max,
            header_timeout: limits.header_timeout,
            metrics,
        }
    }

    /// Waits until the last connection has ended, but not for ever.
    pub(crate) async fn drained(&self, timeout: Duration) {
        let all = self.permits.acquire_many(self.count);
        if tokio::time::timeout(timeout, all).await.is_err() {
            tracing::warn!("connections were cut off while stopping");
        }
    }
}

/// Accepts connections until the relay stops.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    connections: Connections,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let Ok(permit) = Arc::clone(&connections.permits).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: others have to close first.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = told_to_stop(&mut stopping) => return,
        };
        let connection = Connection {
            router: router.clone(),
            connections: connections.clone(),
            stopping: stopping.clone(),
            _permit: permit,
        };
        tokio::spawn(connection.run(stream, tls.clone()));
    }
}

/// Returns when the relay stops. (The guard of the value must not live on in the caller.)
async fn told_to_stop(stopping: &mut Stopping) {
    let _told_or_gone = stopping.wait_for(|stopping| *stopping).await.is_ok();
}

struct Connection {
    router: Router,
    connections: Connections,
    stopping: Stopping,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let metrics = Arc::clone(&self.connections.metrics);
        metrics.connection_opened();
        let _no_delay_is_only_faster = stream.set_nodelay(true);
        match tls {
            None => self.serve(stream).await,
            Some(acceptor) => {
                let handshake = acceptor.accept(stream);
                match tokio::time::timeout(self.connections.header_timeout, handshake).await {
                    Ok(Ok(stream)) => self.serve(stream).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
        metrics.connection_closed();
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let service = TowerToHyperService::new(self.router.clone());
        let mut connection = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.connections.header_timeout)
                .max_headers(HEADERS_MAX)
                .max_buf_size(BUFFER_BYTES)
                // An idle exchange is small; a date would be an eighth of it.
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service)
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = told_to_stop(&mut self.stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}
