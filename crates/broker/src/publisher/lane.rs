//! One AMQP channel with confirms, driven by exactly one task.
//!
//! Two properties of `lapin` 4 make sharing a channel between tasks unsafe for confirms:
//!
//! * It numbers a publish and queues its frames in two steps. Two tasks publishing at once can swap
//!   them, and each then waits for the other's confirm.
//! * It hands a returned message to whichever publish is confirmed next. When the broker confirms
//!   several at once, the wrong one is told, and the unroutable one looks stored.
//!
//! One task gives the order. And before it answers anyone it looks at *every* confirm that has
//! arrived, gathers the returned messages by message id, and only then tells who succeeded. That is
//! sound because a confirm without a returned message is resolved only after all messages returned
//! before it were handed out.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, ConnectionStatus};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Confirmed;
use crate::error::{LinkError, PublishError};
use crate::message::{ExchangeName, Outgoing, Route};
use crate::topology::{CHANGES, INBOUND, TopologyOptions, full};

/// Unconfirmed messages per lane; more wait in the lane's queue.
const MAX_IN_FLIGHT: usize = 4096;

/// Messages taken from the queue at once.
const TAKE: usize = 128;

pub(super) struct Job {
    pub(super) message: Outgoing,
    pub(super) reply: oneshot::Sender<Result<Confirmed, PublishError>>,
}

/// Exchange names with their prefix, ready for the protocol.
pub(super) struct Exchanges {
    inbound: ShortString,
    changes: ShortString,
}

impl Exchanges {
    pub(super) fn new(options: &TopologyOptions) -> Self {
        Self { inbound: full(options, INBOUND).into(), changes: full(options, CHANGES).into() }
    }

    fn name(&self, exchange: ExchangeName) -> ShortString {
        match exchange {
            ExchangeName::Inbound => self.inbound.clone(),
            ExchangeName::Changes => self.changes.clone(),
        }
    }
}

/// A publish whose fate is known.
struct Settled {
    message_id: String,
    route: Route,
    reply: oneshot::Sender<Result<Confirmed, PublishError>>,
    result: lapin::Result<Confirmation>,
}

impl Settled {
    /// Id of the returned message that `lapin` put into this confirm; often another publish's.
    fn returned_id(&self) -> Option<String> {
        let (Confirmation::Ack(message) | Confirmation::Nack(message)) = self.result.as_ref().ok()? else {
            return None;
        };
        let id = message.as_ref()?.properties.message_id().as_ref()?;
        Some(id.to_string())
    }

    /// Answers the caller. `Err` when the connection failed.
    fn tell(self, returned: bool) -> Result<(), LinkError> {
        let (answer, link) = match self.result {
            Err(error) => (Err(PublishError::ConnectionLost), Err(error.into())),
            Ok(_) if returned => (Err(PublishError::Unroutable { route: self.route.to_string() }), Ok(())),
            Ok(Confirmation::Ack(_)) => (Ok(Confirmed { _only_made_here: () }), Ok(())),
            Ok(Confirmation::Nack(_) | Confirmation::NotRequested) => (Err(PublishError::Nacked), Ok(())),
        };
        // The caller may have left at its deadline.
        let _heard = self.reply.send(answer);
        link
    }
}

/// What a lane works with for as long as its connection lives.
#[derive(Clone, Copy)]
pub(super) struct Lane<'a> {
    pub(super) channel: &'a Channel,
    pub(super) exchanges: &'a Exchanges,
    pub(super) status: &'a ConnectionStatus,
    /// How long no confirm may arrive while some are awaited.
    pub(super) patience: Duration,
    pub(super) closing: &'a CancellationToken,
}

impl Lane<'_> {
    /// Publishes what arrives in `jobs` until the connection fails (`Err`) or, once closing, until
    /// everything is confirmed (`Ok`).
    pub(super) async fn serve(self, jobs: &mut mpsc::Receiver<Job>) -> Result<(), LinkError> {
        let mut flight = Flight::new();
        let mut taken = Vec::with_capacity(TAKE);
        let mut more = true;
        let mut tick = interval((self.patience / 4).max(Duration::from_millis(10)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while more || !flight.waiting.is_empty() {
            let room = flight.waiting.len() < MAX_IN_FLIGHT;
            tokio::select! {
                biased;
                answered = flight.answer(), if !flight.waiting.is_empty() => answered?,
                count = jobs.recv_many(&mut taken, TAKE), if more && room => {
                    more = count > 0;
                    flight.add(taken.drain(..).map(|job| self.publish(job)));
                }
                () = self.closing.cancelled(), if !jobs.is_closed() => jobs.close(),
                _ = tick.tick() => self.check(&flight)?,
            }
        }
        Ok(())
    }

    async fn publish(self, job: Job) -> Settled {
        let Job { mut message, reply } = job;
        let (properties, message_id) = message.properties();
        let options = BasicPublishOptions { mandatory: message.route.mandatory(), immediate: false };
        let exchange = self.exchanges.name(message.route.exchange);
        let key = ShortString::from(&*message.route.key);
        let Outgoing { body, route, .. } = message;
        let sent = self.channel.basic_publish(exchange, key, options, &body, properties).await;
        drop(body);
        let result = match sent {
            Ok(confirm) => confirm.await,
            Err(error) => Err(error),
        };
        Settled { message_id, route, reply, result }
    }

    /// A broker that confirms nothing although it takes messages is as good as gone. Heartbeats
    /// would find that out too, after 20 seconds.
    fn check<F>(&self, flight: &Flight<F>) -> Result<(), LinkError> {
        let silent_for = flight.last_progress.elapsed();
        if !flight.waiting.is_empty() && silent_for > self.patience && !self.status.blocked() {
            return Err(LinkError::Stalled(silent_for));
        }
        Ok(())
    }
}

/// Publishes waiting for their confirms.
struct Flight<F> {
    waiting: FuturesUnordered<F>,
    /// Confirmed or failed, and not answered yet.
    settled: Vec<Settled>,
    /// Ids of returned messages whose own confirm has not been seen yet.
    returned: Vec<String>,
    last_progress: Instant,
}

impl<F: Future<Output = Settled>> Flight<F> {
    fn new() -> Self {
        Self {
            waiting: FuturesUnordered::new(),
            settled: Vec::with_capacity(TAKE),
            returned: Vec::new(),
            last_progress: Instant::now(),
        }
    }

    fn add(&mut self, publishes: impl Iterator<Item = F>) {
        if self.waiting.is_empty() {
            self.last_progress = Instant::now();
        }
        self.waiting.extend(publishes);
    }

    /// Waits for confirms, takes all that have arrived, and tells their callers. Cancel safe.
    async fn answer(&mut self) -> Result<(), LinkError> {
        poll_fn(|context| {
            while let Poll::Ready(Some(one)) = self.waiting.poll_next_unpin(context) {
                self.settled.push(one);
            }
            if self.settled.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        self.last_progress = Instant::now();
        for one in &self.settled {
            self.returned.extend(one.returned_id());
        }
        let mut failure = Ok(());
        for one in self.settled.drain(..) {
            let returned = take(&mut self.returned, &one.message_id);
            failure = failure.and(one.tell(returned));
        }
        failure
    }
}

/// Whether `id` was among the returned; each return counts once.
fn take(returned: &mut Vec<String>, id: &str) -> bool {
    let at = returned.iter().position(|one| one == id);
    at.map(|at| returned.swap_remove(at)).is_some()
}
