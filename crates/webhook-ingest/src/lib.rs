//! Receives PPB's webhooks: verifies, hands them to the broker, and says 202 only when the broker holds them.
//!
//! `VerifiedRequest → Read → Envelope → Confirmed → answer`: each step takes what only the step before can
//! make, so none can be skipped ([`verified_request`], [`receive`]).
//!
//! Invariants:
//! * A 2xx is given only after the broker's confirm. A broker fault is 503 with `Retry-After` within the
//!   confirm deadline, never 4xx: PPB must send again.
//! * The signature covers the exact bytes received, and is checked before they are parsed.
//! * A repeat is recognised only once its first occurrence was confirmed.
//! * Nothing that is not authentic, recent and new spends what the real sender may send ([`limits`]).
//! * This crate does not link Postgres. Body, signature and secret are never logged.
//!
//! Limits: repeats are remembered in this process, for the freshness window and up to a number; the inbox in
//! Postgres is the authority. TLS is left to the proxy in front.

mod allowlist;
mod answer;
mod body;
mod config;
mod duplicates;
mod error;
mod freshness;
mod ingest;
mod keyring;
mod limits;
mod metrics;
mod presented;
mod receive;
mod traceparent;
mod unread;
mod verified_request;

use std::sync::Arc;

use actix_web::web;
use async_trait::async_trait;
use premise_broker::{BrokerConfig, Publisher};
use premise_runtime::{Routes, Service, Settings, Shutdown, Source};
use prometheus::Registry;

pub use config::{Scheme, SecretEntry, WebhookConfig};

use self::{ingest::Ingest, metrics::Metrics};

/// Where PPB sends its webhooks.
pub const PATH: &str = "/api/master-data/premises/webhook";

/// The webhook receiver.
pub struct WebhookIngest {
    ingest: web::Data<Ingest>,
    source: Source,
}

/// Builds the receiver from the sections `webhook` and `broker`.
#[expect(clippy::unused_async, reason = "every service is built the same way")]
pub async fn build(settings: &mut Settings, registry: &Registry) -> anyhow::Result<Arc<dyn Service>> {
    let config: WebhookConfig = settings.section("webhook")?;
    let broker: BrokerConfig = settings.section("broker")?;
    let keyring = config.keyring(chrono::Utc::now())?;
    let senders = config.senders(settings.profile())?;
    let metrics = Metrics::register(registry, &keyring)?;
    let publisher = Publisher::start(&broker, "webhook-ingest");
    let ingest = Ingest::new(&config, keyring, senders, metrics, publisher);
    Ok(Arc::new(WebhookIngest { ingest: web::Data::new(ingest), source: settings.source() }))
}

#[async_trait]
impl Service for WebhookIngest {
    fn name(&self) -> &'static str {
        "webhook-ingest"
    }

    fn routes(&self) -> Option<Routes> {
        let ingest = self.ingest.clone();
        Some(Arc::new(move |app| {
            app.service(web::resource(PATH).app_data(ingest.clone()).route(web::post().to(receive::receive)));
        }))
    }

    fn ready(&self) -> Result<(), String> {
        self.ingest.publisher.readiness().check().map_err(|reason| reason.to_string())
    }

    /// Takes over the secrets, once the whole section is valid as at a start.
    fn reload(&self) -> anyhow::Result<()> {
        let mut settings = self.source.load()?;
        let config: WebhookConfig = settings.section("webhook")?;
        config.senders(settings.profile())?;
        self.ingest.replace_keyring(config.keyring(chrono::Utc::now())?);
        Ok(())
    }

    /// The listener has stopped accepting and the requests in hand are answered when the drain reaches
    /// services, so what is left is to flush the confirms and close.
    async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.draining().await;
        tokio::select! {
            () = self.ingest.publisher.close() => {}
            () = shutdown.cancelled() => {}
        }
        Ok(())
    }
}
