//! Connections: accepted up to a cap, each in its own task, ended gracefully.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::crowd::{Busy, Crowd, Place};
use super::pace::{Pace, Paced};
use crate::config::Limits;

/// Headers a request may have.
const HEADERS_MAX: usize = 64;
/// Memory for a request's headers and for reading ahead.
const BUFFER_BYTES: usize = 64 * 1024;
/// How often the log says that connections cannot be accepted.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Becomes true when the relay stops.
type Stopping = watch::Receiver<bool>;

/// Who sent a request; an extension of it.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) address: IpAddr,
    /// Held until the last byte of the answer was taken.
    pub(super) _busy: Arc<Busy>,
}

/// What every connection of a listener goes by.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) router: Router,
    pub(crate) crowd: Crowd,
    header_timeout: Duration,
    pace: Pace,
    tls: Option<TlsAcceptor>,
}

impl Terms {
    pub(crate) fn new(
        router: Router,
        crowd: Crowd,
        tls: Option<TlsAcceptor>,
        limits: &Limits,
    ) -> Self {
        Self {
            router,
            crowd,
            header_timeout: limits.header_timeout,
            pace: Pace::new(limits),
            tls,
        }
    }
}

/// Accepts connections until the relay stops.
pub(crate) async fn accept(
    listener: TcpListener,
    terms: Terms,
    mut stopping: watch::Receiver<bool>,
) {
    let mut complained: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &terms.crowd) => accepted,
            () = told_to_stop(&mut stopping) => return,
        };
        match accepted {
            Ok((stream, from)) => {
                let address = share_of(from.ip());
                if let Some(place) = terms.crowd.enter(address) {
                    let connection = Connection {
                        terms: terms.clone(),
                        stopping: stopping.clone(),
                        address,
                        place,
                    };
                    tokio::spawn(connection.run(stream));
                }
            }
            Err(error) => {
                // Out of file descriptors, most likely: others have to close first.
                if complained.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL) {
                    tracing::warn!(%error, "a connection could not be accepted");
                    complained = Some(Instant::now());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn next(listener: &TcpListener, crowd: &Crowd) -> std::io::Result<(TcpStream, SocketAddr)> {
    crowd.room().await;
    listener.accept().await
}

/// What counts as one address: in IPv6 a /64, which is what one household is given.
fn share_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

/// Returns when the relay stops. (The guard of the value must not live on in the caller.)
async fn told_to_stop(stopping: &mut Stopping) {
    let _told_or_gone = stopping.wait_for(|stopping| *stopping).await.is_ok();
}

struct Connection {
    terms: Terms,
    stopping: Stopping,
    address: IpAddr,
    place: Place,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let _no_delay_is_only_faster = stream.set_nodelay(true);
        match self.terms.tls.clone() {
            None => self.serve(stream).await,
            Some(acceptor) => {
                let handshake = acceptor.accept(stream);
                let handshake = tokio::time::timeout(self.terms.header_timeout, handshake);
                let ended = tokio::select! {
                    ended = handshake => ended,
                    () = self.place.taken() => return,
                };
                match ended {
                    Ok(Ok(stream)) => self.serve(stream).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let routes = TowerToHyperService::new(self.terms.router.clone());
        let (address, place) = (self.address, &self.place);
        let service = hyper::service::service_fn(|request: Request<Incoming>| {
            let busy = Arc::new(place.busy());
            let mut request = request.map(Body::new);
            let caller = Caller {
                address,
                _busy: Arc::clone(&busy),
            };
            request.extensions_mut().insert(caller);
            let answer = routes.call(request);
            async move {
                let answer = answer.await;
                drop(busy);
                answer
            }
        });
        let stream = Paced::new(stream, self.terms.pace);
        let mut connection = std::pin::pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.terms.header_timeout)
                .max_headers(HEADERS_MAX)
                .max_buf_size(BUFFER_BYTES)
                // An idle exchange is small; a date would be an eighth of it.
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service)
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.place.taken() => return,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sixty_four_counts_as_one_address_and_a_mapped_one_as_what_it_maps() {
        let share = |text: &str| share_of(text.parse().unwrap()).to_string();
        assert_eq!(share("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(share("2001:db8:1:2::9"), "2001:db8:1:2::");
        assert_eq!(share("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(share("192.0.2.7"), "192.0.2.7");
    }
}
