//! Queue and exchange names for one test.

use anyhow::Context as _;
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use uuid::Uuid;

use crate::runtime::run_in_drop;

/// Names of `contract.md` (Broker) that a service declares under its prefix.
const QUEUES: [&str; 6] = [
    "premise.webhooks.v1",
    "premise.webhooks.v1.wait.2s",
    "premise.webhooks.v1.wait.4s",
    "premise.webhooks.v1.dlq",
    "premise.sync-runs.v1",
    "premise.sync-runs.v1.dlq",
];
const EXCHANGES: [&str; 2] = ["premise.inbound", "premise.changes"];

/// A unique prefix for `broker.queue_prefix`; the known queues and exchanges below it are deleted
/// when the value is dropped, so keep it longer than the services that use it.
#[derive(Debug)]
pub struct QueuePrefix {
    prefix: String,
    url: String,
}

impl QueuePrefix {
    /// A prefix no other test has, such as `t3f2a90c1b7d4.`.
    ///
    /// # Panics
    /// When there is no test run (see the crate docs).
    #[expect(clippy::new_without_default, reason = "unique each time and bound to the test run")]
    pub fn new() -> Self {
        let unique = Uuid::new_v4().simple().to_string();
        Self { prefix: format!("t{}.", &unique[..12]), url: crate::variable("PREMISE_TEST_BROKER_URL") }
    }

    /// The prefix itself, with its closing dot.
    pub fn as_str(&self) -> &str {
        &self.prefix
    }

    /// `prefix + name`.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Messages that are ready in a queue: not those that a consumer holds.
    ///
    /// # Panics
    /// When there is no such queue.
    pub async fn ready_messages(&self, queue: &str) -> u32 {
        let connection =
            Connection::connect(&self.url, ConnectionProperties::default()).await.expect("connect");
        let channel = connection.create_channel().await.expect("a channel");
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(self.name(queue).into(), passive, FieldTable::default()).await;
        declared.expect("the queue").message_count()
    }

    /// Url of the broker of the test run.
    pub fn broker_url(&self) -> &str {
        &self.url
    }
}

impl Drop for QueuePrefix {
    fn drop(&mut self) {
        let queues = QUEUES.map(|queue| self.name(queue));
        let exchanges = EXCHANGES.map(|exchange| self.name(exchange));
        let url = self.url.clone();
        run_in_drop("delete queues", async move {
            let connection =
                Connection::connect(&url, ConnectionProperties::default()).await.context("connect")?;
            let channel = connection.create_channel().await?;
            // Deleting what was never declared succeeds.
            for queue in queues {
                channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
            }
            for exchange in exchanges {
                channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
            }
            Ok(connection.close(200, "done".into()).await?)
        });
    }
}
