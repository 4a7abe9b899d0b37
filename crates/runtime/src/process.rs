//! The runner: starts every service on listeners the caller bound, watches them, and ends them in order.
//!
//! It knows no signals, settings or globals, so a test runs whole processes side by side in one binary:
//! bind port 0, [`Process::start`], ask [`Running`] for the addresses.

mod end;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use prometheus::Registry;
use tokio::task::{JoinHandle, JoinSet};

use crate::admin::{self, Watched};
use crate::{Routes, Service, Shutdown, http};

/// Sockets bound by the caller.
pub struct Listeners {
    /// For probes and metrics.
    pub admin: TcpListener,
    /// For the services' routes; needed when any service has some.
    pub public: Option<TcpListener>,
}

impl Listeners {
    /// Both on free loopback ports, for tests.
    pub fn loopback() -> std::io::Result<Self> {
        let bind = || TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
        Ok(Self { admin: bind()?, public: Some(bind()?) })
    }

    fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        std::iter::once(&self.admin).chain(&self.public).map(TcpListener::local_addr).collect()
    }
}

/// A process about to start.
pub struct Process {
    services: Vec<Arc<dyn Service>>,
    registry: Registry,
    drain: Duration,
    workers: usize,
}

impl Process {
    /// Services and the registry they registered their metrics in.
    pub fn new(services: Vec<Arc<dyn Service>>, registry: Registry) -> Self {
        Self { services, registry, drain: Duration::from_secs(25), workers: 0 }
    }

    /// Time from the start of the drain until work in hand is given up. Default 25 s.
    #[must_use]
    pub fn drain(mut self, deadline: Duration) -> Self {
        self.drain = deadline;
        self
    }

    /// HTTP worker threads of the public listener; 0, the default, means one per core.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    pub(crate) fn has_routes(&self) -> bool {
        self.services.iter().any(|service| service.routes().is_some())
    }

    /// Lets every service judge the addresses (see [`Service::admit`]).
    pub(crate) fn admit(&self, addresses: &[SocketAddr]) -> anyhow::Result<()> {
        self.services.iter().try_for_each(|service| service.admit(addresses).context(service.name()))
    }

    /// Starts everything on the tokio runtime it is called on. Fails before the first request, or not at all.
    pub fn start(self, listeners: Listeners) -> anyhow::Result<Running> {
        self.admit(&listeners.addresses()?)?;
        let admin_addr = listeners.admin.local_addr()?;
        let public_addr = listeners.public.as_ref().map(TcpListener::local_addr).transpose()?;
        let services_end = Shutdown::new();
        let process_end = services_end.with_own_drain();
        let routes: Vec<Routes> = self.services.iter().filter_map(|service| service.routes()).collect();
        let public = match listeners.public {
            Some(listener) => Some(http::server(listener, routes, &process_end, self.workers, self.drain)?),
            None if routes.is_empty() => None,
            None => anyhow::bail!("the services have routes but the process has no public listener"),
        };
        let watched = Watched {
            services: self.services.clone(),
            registry: self.registry,
            shutdown: process_end.clone(),
            main: tokio::runtime::Handle::current(),
        };
        let admin = admin::server(listeners.admin, watched)?;
        let supervisor = end::Supervisor {
            public: public.map(end::HttpTask::spawn),
            admin: end::HttpTask::spawn(admin),
            services: spawn_services(self.services, &services_end),
            services_end,
            process_end: process_end.clone(),
            drain: self.drain,
        };
        let task = tokio::spawn(supervisor.run());
        Ok(Running { admin_addr, public_addr, end: process_end, task })
    }
}

/// What a service's task says at its end.
type Ended = (&'static str, Result<anyhow::Result<()>, tokio::task::JoinError>);

/// One task a service. The inner spawn keeps the name when the service panics.
fn spawn_services(services: Vec<Arc<dyn Service>>, end: &Shutdown) -> JoinSet<Ended> {
    let mut tasks = JoinSet::new();
    for service in services {
        let (name, end) = (service.name(), end.clone());
        let mut inner = JoinSet::new();
        inner.spawn(service.run(end));
        tasks.spawn(async move {
            // A set and not a bare handle: aborting the outer task then aborts the service too.
            let ended = inner.join_next().await.unwrap_or(Ok(Ok(())));
            (name, ended)
        });
    }
    tasks
}

/// A started process.
pub struct Running {
    admin_addr: SocketAddr,
    public_addr: Option<SocketAddr>,
    end: Shutdown,
    task: JoinHandle<Result<(), ProcessError>>,
}

impl Running {
    /// Where `/livez`, `/readyz` and `/metrics` are.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }

    /// Where the services' routes are, when there are any.
    pub fn public_addr(&self) -> Option<SocketAddr> {
        self.public_addr
    }

    /// Begins the drain, as the first signal does.
    pub fn drain(&self) {
        self.end.drain();
    }

    /// Gives up work in hand, as the second signal or the deadline does.
    pub fn cancel(&self) {
        self.end.cancel();
    }

    /// The state that [`Running::drain`] and [`Running::cancel`] set.
    pub(crate) fn shutdown(&self) -> Shutdown {
        self.end.clone()
    }

    /// Waits for the end, whoever begins it.
    pub async fn wait(self) -> Result<(), ProcessError> {
        match self.task.await {
            Ok(ended) => ended,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Drains and waits.
    pub async fn stop(self) -> Result<(), ProcessError> {
        self.drain();
        self.wait().await
    }
}

/// Why a process did not end as asked.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A service returned although nobody asked it to.
    #[error("service {0} ended by itself")]
    ServiceEnded(&'static str),
    /// A service returned an error.
    #[error("service {name} failed")]
    ServiceFailed {
        /// Which.
        name: &'static str,
        /// Its error.
        source: anyhow::Error,
    },
    /// A service panicked; the panic itself is in the log.
    #[error("service {0} panicked")]
    ServicePanicked(&'static str),
    /// A listener stopped serving.
    #[error("the HTTP server ended by itself")]
    HttpEnded(#[source] Option<std::io::Error>),
    /// The deadline or a second signal came before the work in hand was done.
    #[error("the drain was cut short")]
    DrainCut,
}
