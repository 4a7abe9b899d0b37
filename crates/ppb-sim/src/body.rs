//! The body of a catalogue answer on the wire: the document, with the faults that touch its bytes.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::{counters::Counters, document::Document};

/// A paced body is sent in at least this many parts a second.
const PARTS_PER_SECOND: u64 = 10;
/// Time for what was written before a cut to leave the buffers.
const FLUSH: Duration = Duration::from_millis(100);

/// The faults that touch the bytes. Places are counted in bytes from the start.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// The `Content-Length` to claim; chunked without one.
    pub claimed_length: Option<u64>,
    /// Close the connection here.
    pub cut_at: Option<u64>,
    /// Pause here.
    pub stall: Option<(u64, Duration)>,
    /// Bytes per second.
    pub pace: Option<u64>,
    /// Wait before the first byte.
    pub start_after: Option<Duration>,
}

/// The connection is closed on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the simulator cuts this body, as the fault cut-body says")]
pub struct Cut;

/// Streams a [`Document`].
pub struct CatalogueBody {
    document: Document,
    wire: Wire,
    counters: Arc<Counters>,
    sent: u64,
    pending: Bytes,
    timer: Option<Pin<Box<Sleep>>>,
    /// When a paced body began.
    started: Option<Instant>,
    flushed: bool,
}

impl CatalogueBody {
    /// A body not yet begun.
    pub fn new(document: Document, wire: Wire, counters: Arc<Counters>) -> Self {
        let timer = wire.start_after.map(|wait| Box::pin(sleep(wait)));
        Self {
            document,
            wire,
            counters,
            sent: 0,
            pending: Bytes::new(),
            timer,
            started: None,
            flushed: false,
        }
    }

    /// The next bytes, no more than the faults let pass now. Sets the timer where they make it wait.
    fn part(&mut self) -> Option<Result<Bytes, Cut>> {
        if self.wire.cut_at == Some(self.sent) {
            if self.flushed {
                return Some(Err(Cut));
            }
            self.flushed = true;
            self.wait(FLUSH);
            return None;
        }
        if let Some((at, pause)) = self.wire.stall
            && at == self.sent
        {
            self.wire.stall = None;
            self.wait(pause);
            return None;
        }
        if self.pending.is_empty() {
            self.pending = Bytes::from(self.document.chunk()?);
        }
        let part = self.pending.split_to(self.allowed());
        self.sent += part.len() as u64;
        if let Some(pace) = self.wire.pace {
            let started = *self.started.get_or_insert_with(Instant::now);
            self.timer = Some(Box::pin(sleep_until(started + time_for(self.sent, pace))));
        }
        Some(Ok(part))
    }

    fn allowed(&self) -> usize {
        let stop = |at: u64| at.checked_sub(self.sent).filter(|left| *left > 0);
        [
            self.wire.cut_at.and_then(stop),
            self.wire.stall.and_then(|(at, _)| stop(at)),
            self.wire.pace.map(|pace| (pace / PARTS_PER_SECOND).max(1)),
        ]
        .into_iter()
        .flatten()
        .filter_map(|limit| usize::try_from(limit).ok())
        .fold(self.pending.len(), usize::min)
    }

    fn wait(&mut self, time: Duration) {
        self.timer = Some(Box::pin(sleep(time)));
    }
}

fn time_for(bytes: u64, per_second: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / per_second.max(1))
}

impl MessageBody for CatalogueBody {
    type Error = Cut;

    fn size(&self) -> BodySize {
        self.wire.claimed_length.map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
                self.timer = None;
            }
            match self.part() {
                Some(part) => return Poll::Ready(Some(part)),
                None if self.timer.is_some() => {}
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for CatalogueBody {
    fn drop(&mut self) {
        self.counters.sent(self.document.rows(), self.sent);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use actix_web::body::to_bytes;

    use super::*;
    use crate::{
        document::Progress, features::Answer, generator::Generator, register::Register, row::RowShape,
    };

    fn body(wire: Wire) -> CatalogueBody {
        let document = Document {
            snapshot: Register::new(Generator::new(1, 3_000, 2026)).snapshot(i64::MAX),
            since: None,
            limit: u64::MAX,
            answer: Answer::Hal,
            shape: RowShape::default(),
            duplicates: None,
            progress: Progress::default(),
        };
        CatalogueBody::new(document, wire, Arc::default())
    }

    async fn length(mut body: CatalogueBody) -> (u64, bool) {
        let mut length = 0;
        loop {
            match std::future::poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
                Some(Ok(part)) => length += part.len() as u64,
                Some(Err(Cut)) => return (length, true),
                None => return (length, false),
            }
        }
    }

    #[actix_web::test]
    async fn a_healthy_body_is_whole() {
        let bytes = to_bytes(body(Wire::default())).await.unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
    }

    #[actix_web::test]
    async fn a_cut_body_ends_at_the_very_byte() {
        for at in [0, 1, 65_600, 1_000_000] {
            assert_eq!(length(body(Wire { cut_at: Some(at), ..Wire::default() })).await, (at, true));
        }
    }

    #[actix_web::test]
    async fn a_slow_body_keeps_its_rate() {
        let (whole, _) = length(body(Wire::default())).await;
        let started = Instant::now();
        assert_eq!(length(body(Wire { pace: Some(whole * 2), ..Wire::default() })).await, (whole, false));
        assert!((490..5_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    }

    #[actix_web::test]
    async fn a_body_can_start_late_and_stall() {
        let pause = Duration::from_millis(150);
        let started = Instant::now();
        let wire = Wire { start_after: Some(pause), stall: Some((1_000, pause)), ..Wire::default() };
        assert!(!length(body(wire)).await.1);
        assert!(started.elapsed() >= pause * 2);
    }
}
