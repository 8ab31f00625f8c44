//! Request bodies, read within a limit and a pace for each and a budget for all.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::App;
use super::problem::{Code, Problem};
use super::turns::Turn;
use crate::config::{LENGTHENING_BYTES, Limits, PACE_BYTES, SMALL_BYTES, lengthening};
use crate::engine::EngineError;

/// A body and the memory it holds.
pub(super) struct ReadBody {
    pub(super) bytes: Vec<u8>,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `limit` bytes. A large one waits for memory where much is being read
/// already, before a byte of it is taken; a small one never does.
pub(super) async fn read(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    turn: Option<&mut Turn>,
) -> Result<ReadBody, Problem> {
    let announced = announced_bytes(headers);
    if announced.is_some_and(|announced| announced > limit) {
        return Err(too_large(limit));
    }
    let expected = announced.unwrap_or(limit);
    let memory = if expected <= SMALL_BYTES {
        None
    } else {
        // Decoding holds the bytes once more.
        let wanted = expected.saturating_mul(2);
        if let Some(turn) = turn {
            turn.take_body_bytes(wanted)?;
        }
        let budget = app.limits.body_memory_bytes;
        Some(reserve(&app.body_memory, wanted, budget, app.limits.memory_wait).await?)
    };
    let bytes = collect(body, expected, limit, &app.limits).await?;
    Ok(ReadBody {
        bytes,
        _memory: memory,
    })
}

/// Memory out of a budget that is counted in KiB; refuses where none is free for a while.
pub(super) async fn reserve(
    memory: &Arc<Semaphore>,
    bytes: usize,
    budget_bytes: u32,
    wait: Duration,
) -> Result<OwnedSemaphorePermit, Problem> {
    let budget = (budget_bytes / 1024) as usize;
    let permits = u32::try_from((bytes / 1024 + 1).min(budget)).unwrap_or(u32::MAX);
    let reserved = Arc::clone(memory).acquire_many_owned(permits);
    match tokio::time::timeout(wait, reserved).await {
        Ok(Ok(reserved)) => Ok(reserved),
        Ok(Err(_closed)) => Err(EngineError::Internal.into()),
        Err(_elapsed) => Err(EngineError::Busy.into()),
    }
}

/// How long a body says that it is.
pub(super) fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// All of a body, as long as it keeps coming; and in the end all of it, which is later the more came.
async fn collect(
    mut body: Body,
    expected: usize,
    limit: usize,
    limits: &Limits,
) -> Result<Vec<u8>, Problem> {
    let (window, began) = (limits.pace_window, Instant::now());
    let mut bytes = Vec::new();
    let mut window_ends = began + window;
    let mut came = 0;
    loop {
        let Ok(frame) = tokio::time::timeout_at(window_ends, body.frame()).await else {
            let in_all = limits.request_timeout + lengthening(bytes.len(), LENGTHENING_BYTES);
            if came < PACE_BYTES || began.elapsed() >= in_all {
                return Err(Problem::new(
                    Code::Timeout,
                    "The body comes too slowly. Sync again where the line is better.",
                ));
            }
            window_ends = Instant::now() + window;
            came = 0;
            continue;
        };
        let Some(frame) = frame else {
            return Ok(bytes);
        };
        let frame = frame.map_err(|_broken| {
            Problem::new(Code::MalformedRequest, "The body broke off. Send it again.")
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        append(&mut bytes, &data, expected, limit)?;
        came += data.len();
    }
}

fn append(bytes: &mut Vec<u8>, data: &Bytes, expected: usize, limit: usize) -> Result<(), Problem> {
    let length = bytes.len().saturating_add(data.len());
    if length > limit {
        return Err(too_large(limit));
    }
    if length > bytes.capacity() {
        // By doubling, and never beyond what may come: half of a body that is announced and not
        // sent is never taken from the others.
        let doubled = bytes.capacity().saturating_mul(2);
        let target = doubled.clamp(length, expected.max(length));
        bytes.reserve_exact(target.saturating_sub(bytes.len()));
    }
    bytes.extend_from_slice(data);
    Ok(())
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("A request here may have {limit} bytes. Send less at a time."),
    )
}
