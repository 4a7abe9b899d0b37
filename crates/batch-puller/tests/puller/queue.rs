//! What lies in a queue, found by consuming it up to a mark.

use std::sync::Mutex;

use async_trait::async_trait;
use premise_broker::{
    BrokerConfig, Consumer, ConsumerOptions, Delivery, Handler, Outgoing, Pause, Publisher, Route, Verdict,
    WorkQueue,
};
use tokio::sync::Notify;

const MARK: &str = "mark";

pub(crate) async fn take_out(broker: &BrokerConfig, publisher: &Publisher, queue: WorkQueue) -> Vec<String> {
    publisher.publish(Outgoing::json(Route::to(queue), MARK)).await.unwrap();
    let consumer = Consumer::new(broker, ConsumerOptions::new(queue, "test"), publisher.clone());
    let handler = TakeOut::default();
    consumer.run(&handler, handler.marked.notified()).await;
    handler.found.into_inner().unwrap()
}

#[derive(Default)]
struct TakeOut {
    found: Mutex<Vec<String>>,
    marked: Notify,
}

#[async_trait]
impl Handler for TakeOut {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        for delivery in batch {
            if delivery.body() == MARK.as_bytes() {
                self.marked.notify_one();
            } else {
                self.found.lock().unwrap().push(String::from_utf8_lossy(delivery.body()).into_owned());
            }
        }
        Ok(vec![Verdict::Done; batch.len()])
    }
}
