//! Pulls PPB's catalogue into the register.
//!
//! `Run → Row → Observation → Applied`: a queued run is claimed ([`run`]), PPB is asked ([`client`]), the
//! answer is read row by row while it arrives ([`parse`], [`rows`], [`stream`]) into a stage, judged, and
//! applied in one transaction.
//!
//! Invariants:
//! * The run's row in Postgres is the truth; a message only wakes the puller. A request whose message was
//!   lost, or that was made while the broker was away, is found by a look at the queued runs.
//! * One run at a time per source, by a unique index; a claim is atomic, so any number of pullers is safe.
//! * One run per slot of the schedule, however many replicas look at the clock: the slot is a unique key.
//! * Memory does not grow with the number of rows.
//! * No default leads to PPB's real host.

pub mod client;
pub mod config;
pub mod error;
pub mod metrics;
pub mod parse;
pub mod probe;
pub mod progress;
pub mod retry;
pub mod rows;
pub mod run;
pub mod schedule;
pub mod stream;

mod requests;
mod scheduler;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use premise_broker::{BrokerConfig, Consumer, ConsumerOptions, Publisher, WorkQueue};
use premise_runtime::{Service, Settings, Shutdown, settings::DatabaseSettings};
use premise_store::Store;
use prometheus::Registry;

use self::{
    client::Client,
    config::{PpbConfig, PullConfig},
    metrics::Metrics,
    probe::Probe,
    requests::Requests,
    run::Runner,
    schedule::Schedules,
    scheduler::Scheduler,
};

/// The puller.
pub struct BatchPuller {
    consumer: Consumer,
    publisher: Publisher,
    requests: Requests,
    scheduler: Scheduler,
}

/// Builds the puller from the sections `ppb`, `pull`, `broker` and `database`.
#[expect(clippy::unused_async, reason = "every service is built the same way")]
pub async fn build(settings: &mut Settings, registry: &Registry) -> anyhow::Result<Arc<dyn Service>> {
    let ppb: PpbConfig = settings.section("ppb")?;
    let pull: PullConfig = settings.section("pull")?;
    let broker: BrokerConfig = settings.section("broker")?;
    let database: DatabaseSettings = settings.section("database")?;
    pull.check()?;
    let wanted = Schedules::new(&pull, settings.profile())?;
    let metrics = Metrics::register(registry)?;
    let store = Store::connect(database.url.expose(), usize::try_from(database.max_connections)?)?;
    let publisher = Publisher::start(&broker, "batch-puller");
    let scheduler = Scheduler::new(wanted, store.clone(), publisher.clone(), &pull);
    let runner = Runner {
        store,
        client: Client::new(&ppb, metrics.clone())?,
        probe: Probe::new(Duration::from_mins(pull.probe_memory_minutes)),
        ppb,
        pull,
        metrics,
    };
    let options = ConsumerOptions {
        max_batch: 1,
        prefetch: 1,
        ..ConsumerOptions::new(WorkQueue::SyncRuns, "batch-puller")
    };
    let consumer = Consumer::new(&broker, options, publisher.clone());
    Ok(Arc::new(BatchPuller { consumer, publisher, requests: Requests::new(runner), scheduler }))
}

#[async_trait]
impl Service for BatchPuller {
    fn name(&self) -> &'static str {
        "batch-puller"
    }

    fn ready(&self) -> Result<(), String> {
        self.consumer.readiness().check().map_err(|reason| reason.to_string())?;
        self.requests.ready()
    }

    async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        let handler = self.requests.handler(&shutdown);
        // All end after the drain: a run in hand is finished, or ended when the drain is cut short.
        tokio::join!(
            self.consumer.run(&handler, shutdown.draining()),
            self.requests.look_until_drained(&shutdown),
            self.scheduler.look_until_drained(&shutdown),
        );
        self.publisher.close().await;
        Ok(())
    }
}
