//! The admin listener: `/livez`, `/readyz`, `/metrics`. It outlives the drain, so that the end can be watched.
//!
//! `/livez` says that the process's own task queue still moves, nothing about databases or brokers: restarting
//! the process would not help those. `/readyz` is the truth of the moment: every service's word, and "draining"
//! from the first signal on. No authentication: the listener belongs on a loopback or cluster-internal address.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use prometheus::Registry;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use crate::{Service, Shutdown, metrics, problem};

/// How long the process's task queue may take to run a task before `/livez` says it hangs.
const LIVE_WITHIN: Duration = Duration::from_secs(2);

/// What the probes look at.
pub(crate) struct Watched {
    pub(crate) services: Vec<Arc<dyn Service>>,
    pub(crate) registry: Registry,
    pub(crate) shutdown: Shutdown,
    pub(crate) main: Handle,
}

impl Watched {
    /// Status and body of `/readyz`.
    fn readiness(&self) -> (StatusCode, Value) {
        let draining = self.shutdown.is_draining();
        let mut ready = !draining;
        let mut services = Map::new();
        for service in &self.services {
            let word = service.ready();
            ready &= word.is_ok();
            services.insert(service.name().to_owned(), word.map_or_else(Value::from, |()| "ready".into()));
        }
        let status = match (ready, draining) {
            (true, _) => "ready",
            (false, true) => "draining",
            (false, false) => "not ready",
        };
        let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (code, json!({ "status": status, "services": services }))
    }
}

/// Builds the server, not yet polled. One worker: probes and scrapes are rare.
pub(crate) fn server(listener: TcpListener, watched: Watched) -> std::io::Result<Server> {
    let watched = web::Data::new(watched);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(watched.clone())
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics_text))
            .default_service(web::to(problem::no_route))
    });
    Ok(server.workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run())
}

async fn livez(watched: web::Data<Watched>) -> HttpResponse {
    let beat = watched.main.spawn(async {});
    match tokio::time::timeout(LIVE_WITHIN, beat).await {
        Ok(Ok(())) => HttpResponse::Ok().json(json!({ "status": "live" })),
        _ => HttpResponse::ServiceUnavailable().json(json!({ "status": "hanging" })),
    }
}

async fn readyz(watched: web::Data<Watched>) -> HttpResponse {
    let (status, body) = watched.readiness();
    HttpResponse::build(status).json(body)
}

async fn metrics_text(watched: web::Data<Watched>) -> HttpResponse {
    match metrics::render(&watched.registry) {
        Ok(text) => HttpResponse::Ok().content_type(metrics::CONTENT_TYPE).body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
