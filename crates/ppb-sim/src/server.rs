//! One simulator process: two listeners, the announcement of their addresses, and the end.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use actix_web::{App, HttpServer, dev::Server, rt, web::Data};
use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    catalogue, control, counters::Counters, options::Options, simulator::Simulator, webhooks::Outbox,
};

/// Seconds for requests in hand when the process ends.
const DRAIN_SECONDS: u64 = 2;
const WORKERS: usize = 2;

/// Runs until SIGTERM or SIGINT.
pub async fn run(options: Options) -> anyhow::Result<()> {
    // Fails only when a provider is there already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let simulator = Data::new(simulator(&options)?);
    let (ppb, ppb_address) = serve_ppb(options.listen, Data::clone(&simulator))?;
    let (control, control_address) = serve_control(options.control, Data::clone(&simulator))?;
    let handles = [ppb.handle(), control.handle()];
    let (ppb, control) = (rt::spawn(ppb), rt::spawn(control));
    announce(options.announce.as_deref(), &addresses(ppb_address, control_address))?;
    tokio::select! {
        ended = ppb => return ended?.context("PPB's side ended by itself"),
        ended = control => return ended?.context("the control listener ended by itself"),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(webhooks_left = simulator.webhooks_queued(), "ending");
    for handle in handles {
        handle.stop(true).await;
    }
    Ok(())
}

fn simulator(options: &Options) -> anyhow::Result<Simulator> {
    let counters = Arc::new(Counters::default());
    let outbox = match options.target()? {
        Some(target) => Some(Outbox::start(target, Arc::clone(&counters), options.seed)?),
        None => None,
    };
    Ok(Simulator::new(options.start()?, counters, outbox))
}

fn serve_ppb(address: SocketAddr, simulator: Data<Simulator>) -> anyhow::Result<(Server, SocketAddr)> {
    let (listener, bound) = bind(address)?;
    let app = move || App::new().app_data(Data::clone(&simulator)).configure(catalogue::routes);
    let server = HttpServer::new(app).workers(WORKERS).disable_signals().shutdown_timeout(DRAIN_SECONDS);
    Ok((server.listen(listener)?.run(), bound))
}

fn serve_control(address: SocketAddr, simulator: Data<Simulator>) -> anyhow::Result<(Server, SocketAddr)> {
    let (listener, bound) = bind(address)?;
    let app = move || App::new().app_data(Data::clone(&simulator)).configure(control::routes);
    let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(DRAIN_SECONDS);
    Ok((server.listen(listener)?.run(), bound))
}

fn bind(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "this address can be reached from other machines");
    }
    let listener = TcpListener::bind(address).with_context(|| format!("can't listen on {address}"))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

fn addresses(ppb: SocketAddr, control: SocketAddr) -> Value {
    json!({
        "ppb_url": format!("http://{ppb}"),
        "ppb_control_url": format!("http://{control}"),
        "pid": std::process::id(),
    })
}

/// Tells the addresses: in a file that appears complete, or as a line on standard output.
fn announce(file: Option<&Path>, addresses: &Value) -> anyhow::Result<()> {
    let Some(file) = file else {
        let mut out = std::io::stdout();
        writeln!(out, "{addresses}")?;
        return Ok(out.flush()?);
    };
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, format!("{addresses}\n"))
        .and_then(|()| std::fs::rename(&unfinished, file))
        .with_context(|| format!("can't write {}", file.display()))
}
