//! What a service owes the process that runs it.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Shutdown;

/// Mounts a service's routes; called once per HTTP worker.
pub type Routes = Arc<dyn Fn(&mut actix_web::web::ServiceConfig) + Send + Sync>;

/// One of the roles of premise-sync. Built from settings without waiting for Postgres, the broker or the network
/// (a process must start, and say "not ready", while they are away), then run until the process drains.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Stable name in kebab case, as in `webhook-ingest`.
    fn name(&self) -> &'static str;

    /// Routes for the public listener of the process; without any in the process it is not even bound.
    fn routes(&self) -> Option<Routes> {
        None
    }

    /// Last check before the first request, given every address the process listens on (public and admin);
    /// an error stops the process. This is where "no authentication" is refused on an open address.
    fn admit(&self, _listeners: &[SocketAddr]) -> anyhow::Result<()> {
        Ok(())
    }

    /// `Err(reason)` turns `/readyz` to 503. Cheap and without I/O: it is asked at every probe.
    fn ready(&self) -> Result<(), String>;

    /// Reads again what may change while the process runs, on SIGHUP. An error is logged by the caller, and must
    /// leave the service as it was. Called on a thread that may wait for files, one call at a time.
    fn reload(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Works until drained. An error, or returning before the drain began, ends the process with a failing code.
    async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()>;
}
