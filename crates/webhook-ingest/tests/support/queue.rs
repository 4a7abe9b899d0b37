//! Takes messages out of a queue, as the worker would.

use std::sync::Mutex;

use async_trait::async_trait;
use premise_broker::{
    BrokerConfig, Consumer, ConsumerOptions, DeadLetter, Delivery, Handler, Outcome, Pause, Publisher,
    Verdict, WorkQueue,
};
use premise_domain::envelope::Envelope;
use tokio::sync::Notify;

/// An envelope as it was stored, and what its dead letter headers say.
#[derive(Debug, Clone)]
pub struct Stored {
    pub envelope: Envelope,
    pub message_id: String,
    pub traceparent: Option<String>,
    pub letter: DeadLetter,
}

#[derive(Default)]
struct Collector {
    stored: Mutex<Vec<Stored>>,
    settled: Mutex<usize>,
    changed: Notify,
}

#[async_trait]
impl Handler for Collector {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        let mut stored = self.stored.lock().unwrap();
        stored.extend(batch.iter().map(|delivery| Stored {
            envelope: serde_json::from_slice(delivery.body()).unwrap(),
            message_id: delivery.message_id().unwrap().to_owned(),
            traceparent: delivery.traceparent().map(ToOwned::to_owned),
            letter: DeadLetter::read(delivery),
        }));
        Ok(vec![Verdict::Done; batch.len()])
    }

    fn settled(&self, _delivery: &Delivery, _outcome: Outcome) {
        *self.settled.lock().unwrap() += 1;
        self.changed.notify_one();
    }
}

/// Waits for `count` messages in a queue and takes them, with all others that are there.
pub async fn take(config: &BrokerConfig, queue: WorkQueue, count: usize) -> Vec<Stored> {
    let collector = Collector::default();
    let publisher = Publisher::start(config, "test");
    let consumer = Consumer::new(config, ConsumerOptions::new(queue, "test"), publisher);
    let enough = async {
        while *collector.settled.lock().unwrap() < count {
            collector.changed.notified().await;
        }
        // What else was there came with the same batch or the next.
        consumer.readiness().ready().await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    let run = consumer.run(&collector, enough);
    tokio::time::timeout(super::PATIENCE, run).await.unwrap_or_else(|_| panic!("not {count} in {queue:?}"));
    collector.stored.into_inner().unwrap()
}
