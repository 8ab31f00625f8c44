//! `POST /v1/sync`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::Request;
use nahtlos_protocol::codec::{self, CodecError};
use nahtlos_protocol::identifier::{DeviceId, ItemId, SignatureBytes};
use nahtlos_protocol::wire::{
    ItemResult, JournalMark, PushItem, Status, SyncRequest, SyncResponse,
};
use nahtlos_protocol::{PROTOCOL_VERSION, limits};
use tokio::sync::OwnedSemaphorePermit;

use super::authentication::authenticate;
use super::body::ReadBody;
use super::connection::Caller;
use super::problem::{Code, Problem};
use super::{Answer, App, Handled, Hold, body};
use crate::config::SMALL_BYTES;
use crate::engine::{Approaching, Asked, Served, Share};

pub(super) async fn handle(app: Arc<App>, request: Request) -> Handled {
    let (mut parts, request_body) = request.into_parts();
    let caller = parts.extensions.remove::<Caller>();
    let device = authenticate(&app, &parts.headers)?;
    app.rates.device(device, app.engine.now_ms())?;
    let mut turn = app.turns.begin(device)?;
    let read = body::read(
        &app,
        &parts.headers,
        request_body,
        limits::SYNC_REQUEST_BYTES_MAX,
        Some(&mut turn),
    )
    .await?;
    let received = read.bytes.len();
    let approaching = app.engine.approaching();
    let (read, request) = decoded(&app, read).await?;
    let saw_another_branch = match request.journal_mark {
        Some(seen) => app.engine.compare_mark(&device, seen).await?,
        None => false,
    };
    let (results, pushed) = push(&app, device, request.push, approaching).await?;
    drop(read);
    turn.give_body_bytes_back();
    let wanted = Wanted {
        cursor: request.cursor,
        max_bytes: request.max_bytes.min(app.limits.response_bytes_max),
        pushed,
    };
    let mut news = news(&app, device, wanted).await?;
    tracing::debug!(
        %device,
        pushed = results.len(),
        served = news.served.items.len(),
        cursor = news.served.cursor,
        "sync"
    );
    let is_large = news.memory.is_some();
    if saw_another_branch {
        // To this device the journals have nothing in common that it could rely on.
        news.mark.began_after = 0;
    }
    let response = SyncResponse {
        version: PROTOCOL_VERSION,
        results,
        items: news.served.items,
        cursor: news.served.cursor,
        more: news.served.more,
        journal_mark: news.mark,
        time_ms: app.engine.now_ms(),
        signature: SignatureBytes([0; 64]),
    };
    let mut body = encoded(&app, response, device, is_large).await?;
    // It was made by doubling, and may stay for a while.
    body.shrink_to_fit();
    if let Some(memory) = &mut news.memory {
        shrink(memory, body.len());
    }
    Ok(Answer {
        body,
        received,
        hold: Hold {
            _caller: caller,
            _turn: Some(turn),
            _memory: news.memory,
        },
    })
}

/// How many times its length an answer takes while it is made: as the database has it, as items, as
/// what is signed, and as what is sent, which grows by doubling.
const MAKING: usize = 5;

/// A large body is decoded where it keeps nobody from being answered.
async fn decoded(app: &App, read: ReadBody) -> Result<(ReadBody, SyncRequest), Problem> {
    if read.bytes.len() <= SMALL_BYTES {
        let request = decode(&read.bytes)?;
        return Ok((read, request));
    }
    let decoding = app.engine.compute(Share::Large, move || {
        let request = decode(&read.bytes);
        (read, request)
    });
    let (read, request) = decoding.await?;
    Ok((read, request?))
}

/// So is a large answer encoded and signed.
async fn encoded(
    app: &Arc<App>,
    mut response: SyncResponse,
    device: DeviceId,
    is_large: bool,
) -> Result<Vec<u8>, Problem> {
    let signer = Arc::clone(app);
    let mut encode = move || {
        response.sign(signer.engine.signing_key(), &device);
        codec::encode(&response)
    };
    if !is_large {
        return Ok(encode());
    }
    Ok(app.engine.compute(Share::Large, encode).await?)
}

/// The verdicts, and what need not be served since the device has it.
async fn push(
    app: &App,
    device: DeviceId,
    push: Vec<PushItem>,
    approaching: Approaching,
) -> Result<(Vec<ItemResult>, BTreeSet<ItemId>), Problem> {
    if push.is_empty() {
        return Ok((Vec::new(), BTreeSet::new()));
    }
    // Who asks about an item may not have it: it is served like any other.
    let asked: Vec<bool> = push.iter().map(is_question).collect();
    let results = app.engine.push(device, push, approaching).await?;
    let pushed = results
        .iter()
        .zip(asked)
        .filter(|(result, asked)| {
            !asked
                && matches!(
                    result.status,
                    Status::Accepted | Status::Duplicate | Status::Held
                )
        })
        .map(|(result, _)| result.id)
        .collect();
    Ok((results, pushed))
}

/// What a device asks for.
struct Wanted {
    cursor: u64,
    max_bytes: u32,
    pushed: BTreeSet<ItemId>,
}

/// What is new, and the memory it holds where it is more than a little.
struct News {
    served: Served,
    mark: JournalMark,
    memory: Option<OwnedSemaphorePermit>,
}

async fn news(app: &App, device: DeviceId, wanted: Wanted) -> Result<News, Problem> {
    let (asked, mark) = app
        .engine
        .ask(device, wanted.cursor, wanted.max_bytes, &wanted.pushed);
    let question = match asked {
        Asked::Nothing(served) => {
            return Ok(News {
                served,
                mark,
                memory: None,
            });
        }
        Asked::Something(question) => question,
    };
    // How much there is shows only when it was read, and one item is served however large it is.
    let most = MAKING * limits::ENVELOPE_BYTES_MAX.max(wanted.max_bytes as usize);
    let budget = app.limits.answer_memory_bytes;
    let memory = body::reserve(&app.answer_memory, most, budget, app.limits.memory_wait).await?;
    // Also if this request is given up: what is being read takes the memory until it was read.
    let answer = app.engine.answer(question, wanted.pushed, memory);
    let (served, mut memory) = answer.await?;
    let memory = if served.bytes <= SMALL_BYTES {
        None
    } else {
        shrink(&mut memory, served.bytes * MAKING);
        Some(memory)
    };
    Ok(News {
        served,
        mark,
        memory,
    })
}

/// What an answer does not need any more goes back at once.
fn shrink(memory: &mut OwnedSemaphorePermit, bytes: usize) {
    let surplus = memory.num_permits().saturating_sub(bytes / 1024 + 1);
    drop(memory.split(surplus));
}

fn is_question(item: &PushItem) -> bool {
    matches!(item, PushItem::Question { .. })
}

fn decode(bytes: &[u8]) -> Result<SyncRequest, Problem> {
    let request: SyncRequest =
        codec::decode(bytes, limits::SYNC_REQUEST_BYTES_MAX).map_err(|error| match error {
            CodecError::TooMany => Problem::new(
                Code::TooManyItems,
                format!("A request may push {} items.", limits::PUSH_ITEMS_MAX),
            ),
            error => Problem::new(
                Code::MalformedRequest,
                format!("The request is not a sync request: {error}."),
            ),
        })?;
    if request.version != PROTOCOL_VERSION {
        return Err(Problem::new(
            Code::UnsupportedVersion,
            format!("This relay speaks version {PROTOCOL_VERSION}. Update the older program."),
        ));
    }
    Ok(request)
}
