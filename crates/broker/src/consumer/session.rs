//! One subscription, from connecting to its loss or the drain.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use lapin::Channel;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::source::Source;
use super::{Consumer, Handler, Pause, Verdict, settle};
use crate::backoff::Waits;
use crate::declare::declare_on;
use crate::delivery::Delivery;
use crate::error::LinkError;
use crate::link::{Link, answered};
use crate::state::State;
use crate::topology::{full, topology};

const PANICKED: &str = "the handler panicked";

/// For cancelling and closing, which let the broker take the last acknowledgements.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

pub(super) struct Session<'a, H: ?Sized> {
    pub(super) consumer: &'a Consumer,
    pub(super) handler: &'a H,
    pub(super) drain: &'a CancellationToken,
}

/// Whether to go on after a batch.
enum Flow {
    Next,
    Drain,
}

impl<H: Handler + ?Sized> Session<'_, H> {
    /// `Ok` when drained.
    pub(super) async fn run(&self) -> Result<(), LinkError> {
        let (link, channel, stream) = tokio::select! {
            () = self.drain.cancelled() => return Ok(()),
            subscribed = self.subscribe() => subscribed?,
        };
        let tag = stream.tag();
        let mut source = Source::new(stream);
        loop {
            let batch = tokio::select! {
                biased;
                () = self.drain.cancelled() => break,
                batch = source.batch(self.consumer.options.max_batch.max(1)) => batch?,
            };
            match self.process(batch, &mut source).await? {
                Flow::Next => {}
                Flow::Drain => break,
            }
        }
        let goodbye = async {
            channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
            channel.close(200, "OK".into()).await
        };
        // What is unacknowledged now is delivered to someone else, politely or not.
        let _polite = timeout(CLOSE_WITHIN, goodbye).await;
        link.close().await;
        Ok(())
    }

    async fn subscribe(&self) -> Result<(Link, Channel, lapin::Consumer), LinkError> {
        let Consumer { config, options, .. } = self.consumer;
        let link = Link::open(config, &format!("{} consumer", options.name)).await?;
        let shape = config.topology_options();
        if config.declare {
            answered(declare_on(&link.channel().await?, &topology(&shape))).await?;
        }
        let channel = link.channel().await?;
        answered(channel.basic_qos(options.prefetch, BasicQosOptions::default())).await?;
        let queue = full(&shape, options.queue.name());
        let subscription = channel.basic_consume(
            queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let stream = answered(subscription).await?;
        info!(%queue, broker = %config.url, "subscribed");
        self.consumer.state.send_replace(State::Ready);
        Ok((link, channel, stream))
    }

    /// Handles a batch until all of it is settled.
    async fn process(&self, mut batch: Vec<Delivery>, source: &mut Source) -> Result<Flow, LinkError> {
        let mut waits = Waits::pausing();
        loop {
            let reason = match self.judge(&batch).await {
                Ok(verdicts) => {
                    batch = settle::settle(self.consumer, self.handler, batch, verdicts).await?;
                    if batch.is_empty() {
                        // Ready only now: a probe must not see a pause flicker at every try.
                        self.consumer.state.send_if_modified(resumed);
                        return Ok(Flow::Next);
                    }
                    "retries and dead letters cannot be published".to_owned()
                }
                Err(Pause { reason }) => reason,
            };
            let wait = waits.next();
            let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            warn!(queue = self.consumer.options.queue.name(), deliveries = batch.len(), %reason, milliseconds, "consumption paused");
            self.consumer.state.send_replace(State::Paused(reason));
            tokio::select! {
                () = sleep(wait) => {}
                () = self.drain.cancelled() => return Ok(Flow::Drain),
                lost = source.lost() => return Err(lost),
            }
        }
    }

    /// The verdicts of a batch. When the handler panics over several deliveries, each is handled
    /// alone, so that only the one that causes it is retried.
    async fn judge(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        if let Some(judged) = self.attempt(batch).await {
            return judged;
        }
        if batch.len() == 1 {
            return Ok(vec![Verdict::Retry { reason: PANICKED.into() }]);
        }
        let mut verdicts = Vec::with_capacity(batch.len());
        for one in batch.chunks(1) {
            match self.attempt(one).await {
                Some(judged) => verdicts.extend(judged?),
                None => verdicts.push(Verdict::Retry { reason: PANICKED.into() }),
            }
        }
        Ok(verdicts)
    }

    /// `None` when the handler panicked or returned nonsense.
    async fn attempt(&self, batch: &[Delivery]) -> Option<Result<Vec<Verdict>, Pause>> {
        let judged = AssertUnwindSafe(self.handler.handle(batch)).catch_unwind().await.ok();
        match &judged {
            Some(Ok(verdicts)) if verdicts.len() != batch.len() => {
                error!(deliveries = batch.len(), verdicts = verdicts.len(), "wrong number of verdicts");
                None
            }
            Some(_) => judged,
            None => {
                error!(deliveries = batch.len(), "the handler panicked");
                None
            }
        }
    }
}

fn resumed(state: &mut State) -> bool {
    let paused = matches!(state, State::Paused(_));
    if paused {
        *state = State::Ready;
    }
    paused
}
