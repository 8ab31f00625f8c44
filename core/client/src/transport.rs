//! HTTP to the relay: blocking, TLS by rustls, a private certificate authority where one is named.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nahtlos_protocol::limits;
use nahtlos_protocol::wire::MEDIA_TYPE;
use ureq::Timeout;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};

/// Carries one request to the relay and brings the answer back. The sync session above it does no
/// I/O, so tests put something else here.
pub trait Transport {
    /// Posts `body` to `path` below the relay's address.
    ///
    /// # Errors
    /// [`TransportError`]; a refusal by the relay is an [`Answer`], not an error.
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError>;
}

/// An answer of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body: CBOR where the status is 200, problem+json otherwise.
    pub body: Vec<u8>,
    /// The `nahtlos-time` header, sent where a token's time is refused.
    pub relay_time: Option<String>,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection, a timeout, or it broke.
    #[error("the relay {url} is not reachable: {reason}")]
    Unreachable {
        /// The relay.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// It was reached, and then the line was too slow or broke.
    #[error("the exchange with the relay {url} broke off: {reason}")]
    BrokeOff {
        /// The relay.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The relay's certificate is not trusted.
    #[error("the relay's certificate is not trusted: {reason}")]
    Certificate {
        /// What TLS said.
        reason: String,
    },
    /// The certificate file cannot be used.
    #[error("the certificate file {path} cannot be used: {reason}")]
    CertificateFile {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Plain HTTP to another machine.
    #[error("plain HTTP is allowed to this machine only, not to {url}")]
    PlainHttp {
        /// The relay.
        url: String,
    },
    /// The answer is larger than any answer may be.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not one of this protocol.
    #[error("the answer is not a relay's: {reason}")]
    NotARelay {
        /// What does not fit.
        reason: String,
    },
}

impl TransportError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::BrokeOff { .. } => "relay_unreachable",
            Self::Certificate { .. } => "relay_certificate",
            Self::CertificateFile { .. } => "certificate_file",
            Self::PlainHttp { .. } => "plain_http",
            Self::TooLarge | Self::NotARelay { .. } => "relay_answer",
        }
    }
}

/// HTTP/1.1 to one relay, over a kept connection.
pub struct HttpTransport {
    url: String,
    agent: ureq::Agent,
    patience: Patience,
}

/// How long an exchange may take. A slow line that carries something is not given up, a dead one is.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// In which something has to come, once what is sent is through.
    silence: Duration,
    /// Each so many bytes may take a second more. (The relay measures by the same.)
    bytes_per_s: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(120),
            bytes_per_s: 16 * 1024,
        }
    }
}

impl Patience {
    /// Until when something has to come for a request of so many bytes: part of them may be on their way
    /// still.
    fn until_something(self, sent: usize) -> Duration {
        self.silence + self.lengthening(sent)
    }

    /// Until when all has to be there: also a relay that trickles ends.
    fn until_all(self, sent: usize) -> Duration {
        self.until_something(sent) + self.lengthening(limits::SYNC_RESPONSE_BYTES_MAX)
    }

    fn lengthening(self, bytes: usize) -> Duration {
        Duration::from_secs((bytes as u64) / self.bytes_per_s.max(1))
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl HttpTransport {
    /// A transport to `url` (`https://…`, or `http://` on this machine). `certificate_authority`
    /// is a PEM file to trust instead of the public authorities built in (webpki-roots).
    ///
    /// # Errors
    /// [`TransportError::PlainHttp`], [`TransportError::CertificateFile`].
    pub fn new(url: &str, certificate_authority: Option<&Path>) -> Result<Self, TransportError> {
        if !url.starts_with("https://") && !is_loopback_http(url) {
            return Err(TransportError::PlainHttp {
                url: url.to_owned(),
            });
        }
        let roots = match certificate_authority {
            Some(path) => RootCerts::Specific(Arc::new(read_certificates(path)?)),
            None => RootCerts::WebPki,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .build();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .no_delay(true)
            .max_redirects(0)
            .build()
            .into();
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            agent,
            patience: Patience::default(),
        })
    }

    fn broke_off(&self, reason: String) -> TransportError {
        TransportError::BrokeOff {
            url: self.url.clone(),
            reason,
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> TransportError {
        match error {
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => TransportError::Certificate {
                reason: error.to_string(),
            },
            ureq::Error::Io(inner) if inner.to_string().contains("certificate") => {
                TransportError::Certificate {
                    reason: inner.to_string(),
                }
            }
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                TransportError::Unreachable {
                    url: self.url.clone(),
                    reason: error.to_string(),
                }
            }
            ureq::Error::Timeout(_) => self.broke_off(error.to_string()),
            other => TransportError::Unreachable {
                url: self.url.clone(),
                reason: other.to_string(),
            },
        }
    }
}

impl Transport for HttpTransport {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.url))
            .config()
            .timeout_per_read(Some(self.patience.until_something(body.len())))
            .timeout_per_write(Some(self.patience.silence))
            .timeout_global(Some(self.patience.until_all(body.len())))
            .build()
            .header("content-type", MEDIA_TYPE);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request
            .send(body)
            .map_err(|error| self.unreachable(&error))?;
        let relay_time = response
            .headers()
            .get("nahtlos-time")
            .and_then(|value| value.to_str().ok())
            .map(ToOwned::to_owned);
        let status = response.status().as_u16();
        let limit = limits::SYNC_RESPONSE_BYTES_MAX as u64;
        let mut bytes = Vec::new();
        let read = response
            .body_mut()
            .as_reader()
            .take(limit + 1)
            .read_to_end(&mut bytes);
        if let Err(error) = read {
            return Err(self.broke_off(error.to_string()));
        }
        if bytes.len() as u64 > limit {
            return Err(TransportError::TooLarge);
        }
        Ok(Answer {
            status,
            body: bytes,
            relay_time,
        })
    }
}

fn is_loopback_http(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or("");
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    !authority.contains('@')
        && (host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback()))
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate<'static>>, TransportError> {
    let unusable = |reason: String| TransportError::CertificateFile {
        path: path.display().to_string(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(unusable(error.to_string())),
        }
    }
    if certificates.is_empty() {
        return Err(unusable("it holds no certificate".into()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    /// An answer of `bytes`, one every 50 ms, of which 40 are announced.
    fn from_a_slow_relay(bytes: usize, patience: Patience) -> Result<Answer, TransportError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let (mut device, _) = listener.accept().unwrap();
            let _request = device.read(&mut [0; 4096]).unwrap();
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n";
            device.write_all(head.as_bytes()).unwrap();
            for _ in 0..bytes {
                std::thread::sleep(Duration::from_millis(50));
                // It may have given up.
                let _gone = device.write_all(b"x");
            }
            // Until the device goes.
            let _gone = device.read(&mut [0; 1]);
        });
        let mut transport = HttpTransport::new(&url, None).unwrap();
        transport.patience = patience;
        let answer = transport.post("/", None, b"");
        drop(transport);
        answering.join().unwrap();
        answer
    }

    #[test]
    fn an_answer_that_keeps_coming_may_take_long_and_one_that_stops_or_trickles_is_given_up() {
        let patience = |bytes_per_s| Patience {
            silence: Duration::from_secs(1),
            bytes_per_s,
        };
        let whole = from_a_slow_relay(40, patience(16 * 1024)).unwrap();
        assert_eq!(whole.body.len(), 40);
        let stops = from_a_slow_relay(20, patience(16 * 1024)).unwrap_err();
        assert!(matches!(stops, TransportError::BrokeOff { .. }), "{stops}");
        // So fast that nothing is added to the second.
        let trickles = from_a_slow_relay(40, patience(u64::MAX)).unwrap_err();
        assert!(matches!(trickles, TransportError::BrokeOff { .. }));
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:1/x",
        ] {
            assert!(HttpTransport::new(url, None).is_ok(), "{url}");
        }
        for url in [
            "http://relay.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "ftp://127.0.0.1",
            "relay.example",
        ] {
            let refused = HttpTransport::new(url, None);
            assert!(
                matches!(refused, Err(TransportError::PlainHttp { .. })),
                "{url}"
            );
        }
    }
}
