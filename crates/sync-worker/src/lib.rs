//! Takes verified webhooks from the broker and applies them to the register.
//!
//! `Delivery → Observation → Applied → Verdict`: a delivery is read ([`reading`]), a batch is
//! applied in one transaction ([`applying`]), and the verdict tells the broker crate what to do.
//! What is given up ends in `premise.webhooks.v1.dlq` and from there in Postgres ([`archiving`]).
//! Operators may have it applied again ([`replaying`]).
//!
//! Invariants:
//! * A delivery is acknowledged after its effect is committed.
//! * Killed anywhere, nothing is lost and nothing is applied twice: the broker delivers again, the
//!   inbox recognises it.
//! * Infrastructure faults spend no attempt, and nothing is taken from a database that lacks a
//!   migration.

mod applying;
mod archiving;
mod config;
mod database;
mod metrics;
mod reading;
mod replaying;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::{join_all, join3};
use premise_broker::{BrokerConfig, Consumer, ConsumerOptions, Publisher, WorkQueue};
use premise_runtime::{Service, Settings, Shutdown, settings::DatabaseSettings};
use premise_store::Store;
use prometheus::Registry;

pub use config::WorkerConfig;

use self::{applying::ApplyWebhooks, archiving::ArchiveDeadLetters, database::Database, metrics::Metrics};

/// The worker: consumers of webhooks and the archiver of dead letters.
pub struct SyncWorker {
    publisher: Publisher,
    webhooks: Vec<Consumer>,
    dead_letters: Consumer,
    apply: ApplyWebhooks,
    archive: ArchiveDeadLetters,
    database: Database,
}

/// Builds the worker from the sections `worker`, `broker` and `database`.
#[expect(clippy::unused_async, reason = "every service is built the same way")]
pub async fn build(settings: &mut Settings, registry: &Registry) -> anyhow::Result<Arc<dyn Service>> {
    let config: WorkerConfig = settings.section("worker")?;
    let broker: BrokerConfig = settings.section("broker")?;
    let database: DatabaseSettings = settings.section("database")?;
    let metrics = Arc::new(Metrics::register(registry)?);
    config.check()?;
    // One connection per consumer, one for the archiver and one for replays.
    let store = Store::connect(database.url.expose(), config.consumers + 2)?;
    let publisher = Publisher::start(&broker, "sync-worker");
    let consumer = |queue| {
        let options = ConsumerOptions {
            max_batch: config.max_batch,
            prefetch: config.prefetch,
            ..ConsumerOptions::new(queue, "sync-worker")
        };
        Consumer::new(&broker, options, publisher.clone())
    };
    Ok(Arc::new(SyncWorker {
        webhooks: (0..config.consumers).map(|_| consumer(WorkQueue::Webhooks)).collect(),
        dead_letters: consumer(WorkQueue::WebhookDeadLetters),
        apply: ApplyWebhooks { store: store.clone(), metrics: metrics.clone() },
        archive: ArchiveDeadLetters { store: store.clone(), metrics },
        database: Database::new(store),
        publisher,
    }))
}

#[async_trait]
impl Service for SyncWorker {
    fn name(&self) -> &'static str {
        "sync-worker"
    }

    fn ready(&self) -> Result<(), String> {
        self.database.ready()?;
        for consumer in self.webhooks.iter().chain([&self.dead_letters]) {
            consumer.readiness().check().map_err(|reason| reason.to_string())?;
        }
        Ok(())
    }

    async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        let working = async {
            tokio::select! {
                biased;
                () = self.database.first_ready() => {}
                () = shutdown.draining() => return,
            }
            let webhooks = join_all(self.webhooks.iter().map(|c| c.run(&self.apply, shutdown.draining())));
            let dead_letters = self.dead_letters.run(&self.archive, shutdown.draining());
            join3(webhooks, dead_letters, replaying::replay(&self.archive.store, &shutdown)).await;
        };
        tokio::select! {
            () = working => {}
            () = self.database.look() => {}
            () = shutdown.cancelled() => {}
        }
        self.publisher.close().await;
        Ok(())
    }
}
