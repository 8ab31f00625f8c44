//! A stream whose other end has to take what is written to it: not within a time for each byte, but
//! so much in each window, and all of it in the end, which is later the more was taken. (HTTP libraries
//! limit how long they read, not how long they write.)

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::config::{LENGTHENING_BYTES, Limits, PACE_BYTES, lengthening};

/// How fast the other end has to take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    window: Duration,
    in_all: Duration,
    /// So many bytes that were taken give a second more.
    lengthening_bytes: usize,
}

impl Pace {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            window: limits.pace_window,
            in_all: limits.answer_timeout,
            lengthening_bytes: LENGTHENING_BYTES,
        }
    }
}

/// A stream to somebody who has to keep the pace.
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
    /// Since something could not be written, until everything was.
    blocked: Option<Blocked>,
}

struct Blocked {
    since: Instant,
    window_ends: Pin<Box<Sleep>>,
    taken_in_window: usize,
    taken_in_all: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Pace) -> Self {
        Self {
            stream,
            pace,
            blocked: None,
        }
    }

    fn note(&mut self, written: &Poll<Result<usize>>) {
        if let (Some(blocked), Poll::Ready(Ok(bytes))) = (&mut self.blocked, written) {
            blocked.taken_in_window = blocked.taken_in_window.saturating_add(*bytes);
            blocked.taken_in_all = blocked.taken_in_all.saturating_add(*bytes);
        }
    }

    /// Whether the other end has fallen behind, asked while nothing can be written.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        let pace = self.pace;
        let blocked = self.blocked.get_or_insert_with(|| Blocked {
            since: Instant::now(),
            window_ends: Box::pin(tokio::time::sleep(pace.window)),
            taken_in_window: 0,
            taken_in_all: 0,
        });
        while blocked.window_ends.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let passed = now.duration_since(blocked.since);
            let longer = lengthening(blocked.taken_in_all, pace.lengthening_bytes);
            let in_all = pace.in_all + longer;
            if blocked.taken_in_window < PACE_BYTES || passed >= in_all {
                return Poll::Ready(Err(Error::new(
                    ErrorKind::TimedOut,
                    "the other end does not take its answer",
                )));
            }
            blocked.taken_in_window = 0;
            let next = now + pace.window.min(in_all.saturating_sub(passed));
            blocked.window_ends.as_mut().reset(next);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&written);
        match written {
            Poll::Pending => self.wait(context),
            ready => ready,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.note(&written);
        match written {
            Poll::Pending => self.wait(context),
            ready => ready,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.wait(context),
            ready => {
                self.blocked = None;
                ready
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Pending => self.wait(context),
            ready => ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const MEBIBYTE: usize = 1 << 20;

    /// Writes so much to somebody who takes `bytes` every `every`.
    fn write_to_a_taker(length: usize, bytes: usize, every: Duration, pace: Pace) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(1024);
            let mut near = Paced::new(near, pace);
            let taking = tokio::spawn(async move {
                let mut buffer = vec![0; bytes];
                while far.read_exact(&mut buffer).await.is_ok() {
                    tokio::time::sleep(every).await;
                }
            });
            let written = near.write_all(&vec![7; length]).await;
            taking.abort();
            written
        })
    }

    #[test]
    fn who_takes_nothing_or_too_little_is_left_and_who_keeps_the_pace_gets_everything() {
        let pace = Pace {
            window: Duration::from_millis(200),
            in_all: Duration::from_secs(60),
            lengthening_bytes: usize::MAX,
        };
        let hours = Duration::from_secs(7200);
        for (bytes, every) in [(1, hours), (1024, Duration::from_millis(20))] {
            let error = write_to_a_taker(MEBIBYTE, bytes, every, pace).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
        write_to_a_taker(MEBIBYTE, 1 << 18, Duration::from_millis(1), pace).unwrap();
    }

    #[test]
    fn who_keeps_the_pace_and_does_not_come_to_the_end_is_left_unless_what_was_taken_gives_time() {
        // Ten times the pace, and the whole takes three times the second.
        let (every, second) = (Duration::from_millis(100), Duration::from_secs(1));
        let write = |lengthening_bytes| {
            let pace = Pace {
                window: second,
                in_all: second,
                lengthening_bytes,
            };
            write_to_a_taker(2 * MEBIBYTE, PACE_BYTES, every, pace)
        };
        let error = write(usize::MAX).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        write(LENGTHENING_BYTES).unwrap();
    }
}
