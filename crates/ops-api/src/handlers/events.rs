//! A run's progress as server-sent events: its document each time it changes, until it is over.
//!
//! The stream also ends when the process drains; a client that reconnects finds another replica.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path};
use futures_util::{Stream, stream};
use premise_runtime::Shutdown;
use premise_store::runs::SyncRun;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use uuid::Uuid;

use super::{LOOK_EVERY, long_answer, runs};
use crate::Api;
use crate::auth::Viewer;
use crate::dto::run::RunView;
use crate::error::{ApiError, chain};

/// A comment is sent after such a silence, so that neither side takes the other for gone.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

pub(crate) async fn stream(
    _: Viewer,
    api: Data<Api>,
    end: Data<Shutdown>,
    run: Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let permit = long_answer(&api)?;
    let first = runs::find(&api, *run).await?;
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watching =
        Watching { api, end, looks, sent: None, sent_at: Instant::now(), next: Some(first), _permit: permit };
    let answer = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events(watching));
    Ok(answer)
}

/// State of one stream.
struct Watching {
    api: Data<Api>,
    end: Data<Shutdown>,
    looks: Interval,
    /// The last document sent.
    sent: Option<RunView>,
    sent_at: Instant,
    /// The run as last read; none once the stream is over.
    next: Option<SyncRun>,
    _permit: OwnedSemaphorePermit,
}

fn events(watching: Watching) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold(watching, |mut watching| async move {
        let event = watching.next().await?;
        Some((Ok(event), watching))
    })
}

impl Watching {
    /// The next event or sign of life; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let run = self.next.take()?;
            let (id, over) = (run.id, run.status.is_final());
            let document = RunView::from(run);
            let news = self.sent.as_ref() != Some(&document);
            if !over {
                // Where the end of the run was not seen, the next call looks again.
                self.next = self.look(id, news).await;
            }
            if news {
                return Some(self.event(document));
            }
            if self.sent_at.elapsed() >= ALIVE_EVERY {
                self.sent_at = Instant::now();
                return Some(Bytes::from_static(b": alive\n\n"));
            }
        }
    }

    /// Reads the run again; without delay when there is news to send first.
    async fn look(&mut self, id: Uuid, now: bool) -> Option<SyncRun> {
        if !now {
            tokio::select! {
                _ = self.looks.tick() => {}
                () = self.end.draining() => return None,
            }
        }
        match runs::find(&self.api, id).await {
            Ok(run) => Some(run),
            Err(error) => {
                tracing::warn!(run = %id, error = chain(&error), "event stream of run {id} ends early");
                None
            }
        }
    }

    fn event(&mut self, document: RunView) -> Bytes {
        // The document is made of plain values, which always encode.
        let json = serde_json::to_string(&document).unwrap_or_default();
        self.sent = Some(document);
        self.sent_at = Instant::now();
        Bytes::from(format!("event: run\ndata: {json}\n\n"))
    }
}
