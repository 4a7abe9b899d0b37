//! The public listener: every service's routes in one actix server that obeys the process, not the signals.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use crate::{Routes, Shutdown, problem};

/// Builds the server, not yet polled. `workers` 0 means one per core. It stops accepting and finishes requests
/// in hand when stopped gracefully; `drain` bounds how long, in case nobody cancels it first.
pub(crate) fn server(
    listener: TcpListener,
    routes: Vec<Routes>,
    shutdown: &Shutdown,
    workers: usize,
    drain: Duration,
) -> std::io::Result<Server> {
    let shutdown = web::Data::new(shutdown.clone());
    let server = HttpServer::new(move || {
        let app = App::new()
            .app_data(shutdown.clone())
            .configure(problem::configure)
            .wrap(from_fn(problem::fill_empty))
            .default_service(web::to(problem::no_route));
        routes.iter().fold(app, |app, mount| app.configure(|cfg| mount(cfg)))
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let server = server
        .workers(if workers == 0 { cores } else { workers })
        .disable_signals()
        .shutdown_timeout(drain.as_secs().max(1))
        .listen(listener)?;
    Ok(server.run())
}
