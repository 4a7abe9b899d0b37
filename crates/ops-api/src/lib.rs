//! The API: reads of the register, the start and the watch of pulls, key figures, and `migrate`.
//!
//! Invariants:
//! * It writes to the register on two occasions only: an operator approves the deletions of a held run, or sets
//!   what is owned here, a premise's GLN and notes. It queues runs; the puller does the work.
//! * A handler's parameter proves the caller's role ([`auth::Viewer`], [`auth::Operator`]); nothing else makes one.
//! * The run's row is written before its message is published, so a message without a row can't exist; a row whose
//!   message was not confirmed is marked failed before the caller is told.
//! * "No token needed" is refused unless every listener of the process is on a loopback address.
//!
//! Limits: long answers (waiting for a run or for changes, event streams) look at Postgres twice a second each
//! and are capped in number; an answer is as old as its transaction's snapshot.

mod auth;
mod config;
mod console;
mod dto;
mod error;
mod handlers;
mod metrics;
mod routes;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use premise_broker::{BrokerConfig, Publisher};
use premise_runtime::settings::DatabaseSettings;
use premise_runtime::{Routes, Service, Settings, Shutdown};
use premise_store::Store;
use prometheus::Registry;
use tokio::sync::Semaphore;

use crate::auth::Authority;
use crate::config::{ApiSettings, AuthSettings};
use crate::metrics::Metrics;
use crate::watch::Watch;

/// Name of the service in logs and probes.
const NAME: &str = "ops-api";

/// What handlers work with.
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) authority: Authority,
    pub(crate) settings: ApiSettings,
    /// Permits of the long answers.
    pub(crate) long_answers: Arc<Semaphore>,
}

struct OpsApi {
    api: Arc<Api>,
    watch: Watch,
}

/// Prepares the service; neither Postgres nor the broker need to be there yet.
#[expect(clippy::unused_async, reason = "the builds of all services have one signature")]
pub async fn build(settings: &mut Settings, registry: &Registry) -> anyhow::Result<Arc<dyn Service>> {
    let database: DatabaseSettings = settings.section("database")?;
    let broker: BrokerConfig = settings.section("broker")?;
    let auth: AuthSettings = settings.section("auth")?;
    let api: ApiSettings = settings.section("api")?;
    let store = Store::connect(database.url.expose(), usize::try_from(database.max_connections)?)?;
    let api = Arc::new(Api {
        publisher: Publisher::start(&broker, NAME),
        authority: Authority::new(&auth)?,
        long_answers: Arc::new(Semaphore::new(api.max_long_answers)),
        store: store.clone(),
        settings: api,
    });
    let watch = Watch::new(store, Metrics::register(registry)?);
    Ok(Arc::new(OpsApi { api, watch }))
}

/// Applies the migrations that the database lacks.
pub async fn migrate(settings: &mut Settings) -> anyhow::Result<()> {
    let database: DatabaseSettings = settings.section("database")?;
    let applied = premise_store::migrate(database.url.expose()).await.context("migrate")?;
    tracing::info!(count = applied.len(), applied = applied.join(", "), "the schema is up to date");
    Ok(())
}

#[async_trait]
impl Service for OpsApi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> Option<Routes> {
        let api = self.api.clone();
        Some(Arc::new(move |cfg| routes::mount(cfg, &api)))
    }

    fn admit(&self, listeners: &[SocketAddr]) -> anyhow::Result<()> {
        self.api.authority.admit(listeners)
    }

    fn ready(&self) -> Result<(), String> {
        self.watch.ready()
    }

    async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        self.watch.until(shutdown.draining()).await;
        self.api.publisher.close().await;
        Ok(())
    }
}
