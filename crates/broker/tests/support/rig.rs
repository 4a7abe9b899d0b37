//! A consumer, its publisher, and a handler that judges by a closure.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use premise_broker::{
    BrokerConfig, Consumer, ConsumerOptions, Delivery, Handler, Outcome, Pause, Publisher, Verdict, WorkQueue,
};
use tokio_util::sync::CancellationToken;

use super::{Bed, soon, webhook};

pub const WEBHOOKS: &str = "premise.webhooks.v1";
pub const DEAD: &str = "premise.webhooks.v1.dlq";

type Judge = dyn Fn(&[Delivery]) -> Result<Vec<Verdict>, Pause> + Send + Sync;

/// Judges by a closure and remembers what it saw.
pub struct Script {
    judge: Box<Judge>,
    pub batches: Mutex<Vec<usize>>,
    pub done: AtomicUsize,
    pub moved: AtomicUsize,
    progress: tokio::sync::Notify,
}

impl Script {
    pub fn new(judge: impl Fn(&[Delivery]) -> Result<Vec<Verdict>, Pause> + Send + Sync + 'static) -> Self {
        Self {
            judge: Box::new(judge),
            batches: Mutex::default(),
            done: AtomicUsize::new(0),
            moved: AtomicUsize::new(0),
            progress: tokio::sync::Notify::new(),
        }
    }

    pub fn accepting() -> Self {
        Self::new(|batch| Ok(vec![Verdict::Done; batch.len()]))
    }

    pub async fn settled(&self, count: usize) {
        soon("deliveries are settled", async {
            while self.done.load(Ordering::SeqCst) + self.moved.load(Ordering::SeqCst) < count {
                self.progress.notified().await;
            }
        })
        .await;
    }
}

impl Script {
    pub async fn handled(&self, batches: usize) {
        while self.batches.lock().unwrap().len() < batches {
            self.progress.notified().await;
        }
    }
}

#[async_trait]
impl Handler for Script {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        self.batches.lock().unwrap().push(batch.len());
        self.progress.notify_one();
        (self.judge)(batch)
    }

    fn settled(&self, _delivery: &Delivery, outcome: Outcome) {
        match outcome {
            Outcome::Done => &self.done,
            Outcome::Retried { .. } | Outcome::DeadLettered { .. } => &self.moved,
        }
        .fetch_add(1, Ordering::SeqCst);
        self.progress.notify_one();
    }
}

/// A consumer of the webhook queue with a publisher of its own, and a way to stop it.
pub struct Rig {
    pub consumer: Consumer,
    pub publisher: Publisher,
    drain: CancellationToken,
}

impl Rig {
    pub async fn new(config: &BrokerConfig, publishing: &BrokerConfig) -> Self {
        let publisher = Publisher::start(publishing, "test");
        soon("the publisher connects", publisher.readiness().ready()).await;
        let options = ConsumerOptions { max_batch: 50, ..ConsumerOptions::new(WorkQueue::Webhooks, "test") };
        let consumer = Consumer::new(config, options, publisher.clone());
        Self { consumer, publisher, drain: CancellationToken::new() }
    }

    pub async fn on(bed: &Bed) -> Self {
        Self::new(&bed.config, &bed.config).await
    }

    /// Runs the consumer while `scene` plays, then drains it.
    pub async fn play<T>(&self, script: &Script, scene: impl Future<Output = T>) -> T {
        let scene = async {
            let result = scene.await;
            self.drain.cancel();
            result
        };
        let run = self.consumer.run(script, self.drain.cancelled());
        let (result, ()) = soon("the scene ends", async { tokio::join!(scene, run) }).await;
        result
    }

    pub async fn send(&self, count: usize) {
        for n in 0..count {
            self.publisher.publish(webhook(n)).await.unwrap();
        }
    }
}

pub fn retry(batch: &[Delivery]) -> Vec<Verdict> {
    vec![Verdict::Retry { reason: "row locked".into() }; batch.len()]
}

/// The parts of a dead letter as the broker holds it.
pub struct Received {
    pub reason: String,
    pub detail: String,
    pub attempts: i64,
    pub first_failure_at: chrono::DateTime<chrono::Utc>,
    pub message_id: String,
    pub traceparent: String,
}

impl From<lapin::message::Delivery> for Received {
    fn from(message: lapin::message::Delivery) -> Self {
        let headers = message.properties.headers().clone().unwrap();
        let text = |name: &str| match headers.inner().get(name) {
            Some(lapin::types::AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        };
        let attempts = match headers.inner().get("x-premise-attempts") {
            Some(lapin::types::AMQPValue::LongLongInt(number)) => *number,
            other => panic!("{other:?}"),
        };
        Self {
            reason: text("x-premise-reason"),
            detail: text("x-premise-detail"),
            attempts,
            first_failure_at: text("x-premise-first-failure-at").parse().unwrap(),
            message_id: message.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
            traceparent: text("traceparent"),
        }
    }
}
