//! The smallest whole service: what a service crate has to write, and the process that the tests signal.
//!
//! `worker.fault` makes it misbehave on purpose; `GET /slow?ms=…` is a request in hand, `GET /wait` one that ends
//! when the drain begins, `GET /stuck` one that never ends.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web;
use premise_runtime::{CommandFuture, Program, Routes, Secret, Service, Settings, Shutdown, Source};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    #[default]
    None,
    Ends,
    Fails,
    Panics,
    Stubborn,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    fault: Fault,
    token: Secret,
}

struct Minimal {
    fault: Fault,
    working: AtomicBool,
    source: Source,
}

#[async_trait::async_trait]
impl Service for Minimal {
    fn name(&self) -> &'static str {
        "minimal"
    }

    fn routes(&self) -> Option<Routes> {
        Some(Arc::new(|cfg| {
            cfg.route("/slow", web::get().to(slow))
                .route("/wait", web::get().to(wait))
                .route("/stuck", web::get().to(stuck));
        }))
    }

    fn ready(&self) -> Result<(), String> {
        if self.working.load(Ordering::Relaxed) { Ok(()) } else { Err("not at work".to_owned()) }
    }

    fn reload(&self) -> anyhow::Result<()> {
        let config: Config = self.source.load()?.section("worker")?;
        tracing::info!(fault = ?config.fault, "minimal reloaded");
        Ok(())
    }

    async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        self.working.store(true, Ordering::Relaxed);
        match self.fault {
            Fault::None => shutdown.draining().await,
            Fault::Ends => {}
            Fault::Fails => anyhow::bail!("told to fail"),
            Fault::Panics => panic!("told to panic"),
            Fault::Stubborn => std::future::pending().await,
        }
        tracing::info!("minimal drained");
        Ok(())
    }
}

#[derive(Deserialize)]
struct Slow {
    ms: u64,
}

async fn slow(query: web::Query<Slow>) -> &'static str {
    tracing::info!("request began");
    tokio::time::sleep(Duration::from_millis(query.ms)).await;
    tracing::info!("request finished");
    "done"
}

async fn wait(end: web::Data<Shutdown>) -> &'static str {
    tracing::info!("request began");
    end.draining().await;
    "draining"
}

async fn stuck() -> &'static str {
    tracing::info!("request began");
    std::future::pending().await
}

fn build(settings: &mut Settings) -> anyhow::Result<Arc<dyn Service>> {
    let config: Config = settings.section("worker")?;
    Ok(Arc::new(Minimal { fault: config.fault, working: AtomicBool::new(false), source: settings.source() }))
}

fn greet() -> CommandFuture<'static> {
    Box::pin(async {
        tracing::info!("hello");
        Ok(())
    })
}

fn main() -> ExitCode {
    Program::new("minimal")
        .command("greet", "says hello", |_| greet())
        .run(async |settings, _| Ok(vec![build(settings)?]))
}
