//! The main of every binary: arguments, settings, telemetry, listeners, signals, exit code.
//!
//! Exit codes: 0 drained or done, 1 a fault or a drain cut short, 2 wrong usage or configuration.

mod signals;

use std::io::Write;
use std::net::TcpListener;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use prometheus::Registry;

use crate::cli::{self, Asked, Described, Invocation};
use crate::settings::{AdminSettings, HttpSettings, LogSettings, ShutdownSettings};
use crate::{ConfigError, Listeners, Process, Service, Settings, install_ring, metrics, telemetry};

/// What a subcommand does.
pub type CommandFuture<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;
type CommandRun = Box<dyn for<'a> FnOnce(&'a mut Settings) -> CommandFuture<'a>>;

/// A binary: its name and, beside serving, its subcommands.
pub struct Program {
    name: &'static str,
    described: Vec<Described>,
    commands: Vec<CommandRun>,
}

/// The whole `main` of a binary without subcommands.
pub fn main(
    name: &'static str,
    build: impl AsyncFnOnce(&mut Settings, &Registry) -> anyhow::Result<Vec<Arc<dyn Service>>>,
) -> ExitCode {
    Program::new(name).run(build)
}

impl Program {
    /// A binary called `name`.
    pub fn new(name: &'static str) -> Self {
        Self { name, described: Vec::new(), commands: Vec::new() }
    }

    /// Adds a subcommand that runs to its end in place of serving.
    #[must_use]
    pub fn command(
        mut self,
        name: &'static str,
        about: &'static str,
        run: impl for<'a> FnOnce(&'a mut Settings) -> CommandFuture<'a> + 'static,
    ) -> Self {
        self.described.push((name, about));
        self.commands.push(Box::new(run));
        self
    }

    /// Reads the command line and does what it asks, to the exit code.
    pub fn run(
        self,
        build: impl AsyncFnOnce(&mut Settings, &Registry) -> anyhow::Result<Vec<Arc<dyn Service>>>,
    ) -> ExitCode {
        let asked = match cli::parse(std::env::args().skip(1), &self.described) {
            Ok(asked) => asked,
            Err(wrong) => {
                return self.refuse(&format!("{wrong}; `{} --help` lists what it takes", self.name));
            }
        };
        match asked {
            Asked::Help => say(&cli::help(self.name, &self.described)),
            Asked::Version => say(&format!("{} {}\n", self.name, env!("CARGO_PKG_VERSION"))),
            Asked::Run(invocation) => self.invoke(invocation, build),
        }
    }

    fn invoke(
        self,
        invocation: Invocation,
        build: impl AsyncFnOnce(&mut Settings, &Registry) -> anyhow::Result<Vec<Arc<dyn Service>>>,
    ) -> ExitCode {
        let (mut settings, log) = match load(&invocation) {
            Ok(loaded) => loaded,
            Err(error) => return self.refuse(&format!("{:#}", anyhow::Error::from(error))),
        };
        if let Err(error) = telemetry::install(log) {
            return self.refuse(&format!("{error:#}"));
        }
        install_ring();
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return self.refuse(&format!("no runtime: {error}")),
        };
        let name = self.name;
        let ended = runtime.block_on(self.perform(&mut settings, invocation, build));
        // Blocking tasks (name look-ups) cannot be cancelled and must not hold the exit.
        runtime.shutdown_background();
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "{name} failed");
                ExitCode::from(if error.chain().any(<dyn std::error::Error>::is::<ConfigError>) {
                    2
                } else {
                    1
                })
            }
        }
    }

    async fn perform(
        self,
        settings: &mut Settings,
        invocation: Invocation,
        build: impl AsyncFnOnce(&mut Settings, &Registry) -> anyhow::Result<Vec<Arc<dyn Service>>>,
    ) -> anyhow::Result<()> {
        if invocation.check_config {
            settings.set_check_only();
            return check(self.name, settings, build).await;
        }
        let Some(command) = invocation.command else { return serve(self.name, settings, build).await };
        let found = self.described.iter().zip(self.commands).find(|((name, _), _)| *name == command);
        let (_, run) = found.context("no such command")?;
        run(settings).await
    }

    /// Tells the user what is wrong before there is a log to tell it to.
    fn refuse(&self, reason: &str) -> ExitCode {
        // Nothing is left to tell it to when standard error is closed.
        let _closed = writeln!(std::io::stderr(), "{}: {reason}", self.name);
        ExitCode::from(2)
    }
}

fn load(invocation: &Invocation) -> Result<(Settings, LogSettings), ConfigError> {
    let named = std::env::var_os("PREMISE_CONFIG").filter(|path| !path.is_empty()).map(Into::into);
    let file = invocation.config.clone().or(named);
    let vars = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let mut settings = Settings::load(file.as_deref(), vars)?;
    let log = settings.section("log")?;
    Ok((settings, log))
}

async fn check(
    name: &'static str,
    settings: &mut Settings,
    build: impl AsyncFnOnce(&mut Settings, &Registry) -> anyhow::Result<Vec<Arc<dyn Service>>>,
) -> anyhow::Result<()> {
    let admin: AdminSettings = settings.section("admin")?;
    let http: HttpSettings = settings.section("http")?;
    let _drain: ShutdownSettings = settings.section("shutdown")?;
    let registry = metrics::registry(name)?;
    let process = Process::new(build(settings, &registry).await?, registry);
    let mut addresses = vec![admin.bind];
    addresses.extend(process.has_routes().then_some(http.bind));
    process.admit(&addresses)?;
    write!(std::io::stdout(), "{}", settings.redacted()).context("standard output")
}

async fn serve(
    name: &'static str,
    settings: &mut Settings,
    build: impl AsyncFnOnce(&mut Settings, &Registry) -> anyhow::Result<Vec<Arc<dyn Service>>>,
) -> anyhow::Result<()> {
    let mut signals = signals::Signals::install()?;
    let admin: AdminSettings = settings.section("admin")?;
    let http: HttpSettings = settings.section("http")?;
    let shutdown: ShutdownSettings = settings.section("shutdown")?;
    let admin = bind("admin", admin.bind)?;
    let registry = metrics::registry(name)?;
    let services = tokio::select! {
        made = build(settings, &registry) => made?,
        _ = signals.next() => return Ok(()),
    };
    let reloads = services.clone();
    let process = Process::new(services, registry).drain(shutdown.drain()).workers(http.workers);
    let public = process.has_routes().then(|| bind("http", http.bind)).transpose()?;
    let running = process.start(Listeners { admin, public })?;
    tracing::info!(
        profile = settings.profile().name(),
        admin = %running.admin_addr(),
        public = running.public_addr().map(tracing::field::display),
        "{name} is serving"
    );
    let watch = signals.watch(&running, reloads);
    let ended = running.wait().await;
    drop(watch);
    ended?;
    tracing::info!("{name} has ended");
    Ok(())
}

/// A busy or forbidden address is an error that names it and the setting to change.
fn bind(section: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address} (setting {section}.bind)"))
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
