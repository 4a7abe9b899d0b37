//! The change feed wished for in the seed: server-sent events or long polling, as switched on.
//!
//! `GET|POST …/feed/premises?after=&limit=&wait=`, with a bearer token or with the credentials in
//! the body. The cursor is the sequence of a change; without `after` (or `Last-Event-ID`) the feed
//! starts now. A cursor older than the changes kept, or unknown, is 410: take a cursor (a long poll
//! without `after`), then read the whole catalogue, then go on from the cursor.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    web::{self, Bytes, BytesMut, Data, Query as UrlQuery, ServiceConfig},
};
use futures_util::stream;
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    answer::Refusal,
    catalogue::{check_credentials, check_token, refused},
    change_log::Gone,
    event::Event,
    features::Feed,
    simulator::Simulator,
};

/// Most changes in one answer or one write.
const MOST_AT_ONCE: usize = 1_000;
/// Longest wait of a long poll, in seconds.
const LONGEST_WAIT: u64 = 60;
/// A comment keeps an idle stream open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Default, Deserialize)]
struct Query {
    after: Option<u64>,
    limit: Option<usize>,
    wait: Option<u64>,
}

/// The route of the feed, under PPB's base path.
pub fn routes(config: &mut ServiceConfig) {
    config.service(web::resource("/feed/premises").route(web::get().to(feed)).route(web::post().to(feed)));
}

async fn feed(
    simulator: Data<Simulator>,
    request: HttpRequest,
    query: Result<UrlQuery<Query>, actix_web::Error>,
    body: Bytes,
) -> HttpResponse {
    let kind = simulator.state().features.feed;
    let checked = match (kind, request.method()) {
        (Feed::None, _) => Err(Refusal::new(404, "Not Found")),
        (_, &Method::POST) => check_credentials(&simulator, &body),
        _ => check_token(&simulator, &request),
    };
    let after = match (checked, &query) {
        (Err(refusal), _) => return refused(&simulator, &request, &refusal),
        (_, Err(_)) => {
            return refused(&simulator, &request, &Refusal::new(400, "after, limit and wait are numbers"));
        }
        (_, Ok(query)) => {
            last_event_id(&request).or(query.after).unwrap_or_else(|| simulator.state().log.last())
        }
    };
    simulator.counters().requests.feed.up();
    match (kind, query) {
        (Feed::Sse, _) => events(simulator, &request, after),
        (_, query) => {
            poll(&simulator, &request, after, &query.map(UrlQuery::into_inner).unwrap_or_default()).await
        }
    }
}

fn last_event_id(request: &HttpRequest) -> Option<u64> {
    request.headers().get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn changes(simulator: &Simulator, after: u64, limit: usize) -> Result<Vec<Event>, Gone> {
    simulator.state().log.after(after, limit)
}

fn gone(simulator: &Simulator, request: &HttpRequest) -> HttpResponse {
    refused(simulator, request, &Refusal::new(410, "Gone: read the catalogue and start again"))
}

async fn poll(simulator: &Simulator, request: &HttpRequest, after: u64, query: &Query) -> HttpResponse {
    let limit = query.limit.unwrap_or(MOST_AT_ONCE).clamp(1, MOST_AT_ONCE);
    let deadline = Instant::now() + Duration::from_secs(query.wait.unwrap_or(0).min(LONGEST_WAIT));
    let mut latest = simulator.latest_change();
    loop {
        match changes(simulator, after, limit) {
            Err(Gone) => return gone(simulator, request),
            Ok(events) if !events.is_empty() => return page(after, &events),
            Ok(_) => {}
        }
        if timeout_at(deadline, latest.changed()).await.is_err() {
            return page(after, &[]);
        }
    }
}

/// `{"events":[{"id":…,"event":{…}}],"next":…}`; `next` is the cursor to go on from.
fn page(after: u64, events: &[Event]) -> HttpResponse {
    let mut out = BytesMut::from(&b"{\"events\":["[..]);
    for (n, event) in events.iter().enumerate() {
        let separator = if n == 0 { "" } else { "," };
        out.extend_from_slice(format!("{separator}{{\"id\":{},\"event\":", event.sequence).as_bytes());
        out.extend_from_slice(&event.body);
        out.extend_from_slice(b"}");
    }
    let next = events.last().map_or(after, |event| event.sequence);
    out.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(out.freeze())
}

fn events(simulator: Data<Simulator>, request: &HttpRequest, after: u64) -> HttpResponse {
    if changes(&simulator, after, 1).is_err() {
        return gone(&simulator, request);
    }
    let latest = simulator.latest_change();
    let stream = stream::unfold(Some((simulator.into_inner(), latest, after)), |reader| async {
        let (simulator, latest, after) = reader?;
        Some(next_write(simulator, latest, after).await)
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(stream)
}

type Reader = Option<(Arc<Simulator>, watch::Receiver<u64>, u64)>;

/// What is written next, and the reader after it; none when the stream ends.
async fn next_write(
    simulator: Arc<Simulator>,
    mut latest: watch::Receiver<u64>,
    after: u64,
) -> (Result<Bytes, Infallible>, Reader) {
    loop {
        let Ok(events) = changes(&simulator, after, MOST_AT_ONCE) else {
            return (Ok(Bytes::from_static(b"event: gone\ndata: {}\n\n")), None);
        };
        if let Some(last) = events.last() {
            let after = last.sequence;
            return (Ok(written(&events)), Some((simulator, latest, after)));
        }
        if timeout(KEEP_ALIVE, latest.changed()).await.is_err() {
            return (Ok(Bytes::from_static(b": still here\n\n")), Some((simulator, latest, after)));
        }
    }
}

fn written(events: &[Event]) -> Bytes {
    let mut out = BytesMut::new();
    for event in events {
        out.extend_from_slice(format!("id: {}\nevent: {}\ndata: ", event.sequence, event.action).as_bytes());
        out.extend_from_slice(&event.body);
        out.extend_from_slice(b"\n\n");
    }
    out.freeze()
}
