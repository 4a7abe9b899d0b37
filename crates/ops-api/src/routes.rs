//! Which handler answers which path.
//!
//! Whole paths and no scope: another service of the process mounts its route under the same base path, and a
//! scope would answer for it. `/{id}` matches premise ids only, so no static path can be taken for one.

use std::sync::Arc;

use actix_web::http::header::HeaderValue;
use actix_web::web::{self, ServiceConfig, get, patch, post, resource};
use uuid::Uuid;

use crate::handlers::{
    changes, dead_letters, discard, events, figures, local_fields, premises, replays, runs, start,
};
use crate::{Api, console};

/// Base path of the API.
pub(crate) const BASE: &str = "/api/master-data/premises";

/// `34014` or `PREMISE-34014`, in any case.
const PREMISE: &str = "{id:(?:[Pp][Rr][Ee][Mm][Ii][Ss][Ee]-)?[0-9]+}";

/// Mounts everything.
pub(crate) fn mount(cfg: &mut ServiceConfig, api: &Arc<Api>) {
    let at = |path: &str| resource(format!("{BASE}{path}"));
    cfg.app_data(web::Data::from(api.clone()))
        .service(resource("/").route(get().to(console::page)))
        .service(at("").route(get().to(premises::list)))
        .service(at("/").route(get().to(premises::list)))
        .service(at("/stats").route(get().to(figures::stats)))
        .service(at("/filter-options").route(get().to(figures::filter_options)))
        .service(at("/sync-lag").route(get().to(figures::sync_lag)))
        .service(at("/webhook-stats").route(get().to(figures::webhook_stats)))
        .service(at("/changes").route(get().to(changes::read)))
        .service(at("/sync").route(post().to(start::full)))
        .service(at("/incremental-sync").route(post().to(start::incremental)))
        .service(at("/sync-runs").route(get().to(runs::list)))
        .service(at("/sync-history").route(get().to(runs::list)))
        .service(at("/sync-runs/{run}").route(get().to(runs::show)))
        .service(at("/sync-runs/{run}/events").route(get().to(events::stream)))
        .service(at("/sync-runs/{run}/cancel").route(post().to(runs::cancel)))
        .service(at("/sync-runs/{run}/approve").route(post().to(runs::approve)))
        .service(at("/dead-letters").route(get().to(dead_letters::list)))
        .service(at("/dead-letters/replay").route(post().to(replays::begin)))
        .service(at("/replays/{replay}").route(get().to(replays::show)))
        .service(at("/replays/{replay}/pause").route(post().to(replays::pause)))
        .service(at("/replays/{replay}/resume").route(post().to(replays::resume)))
        .service(at("/replays/{replay}/cancel").route(post().to(replays::cancel)))
        .service(at("/dead-letters/{letter}").route(get().to(dead_letters::show)))
        .service(at("/dead-letters/{letter}/discard").route(post().to(discard::discard_letter)))
        .service(at(&format!("/{PREMISE}/history")).route(get().to(premises::history)))
        .service(
            at(&format!("/{PREMISE}")).route(get().to(premises::show)).route(patch().to(local_fields::set)),
        );
}

/// Where a run is shown.
pub(crate) fn run_location(run: Uuid) -> HeaderValue {
    // A path of letters, digits and hyphens is always a header value.
    HeaderValue::from_str(&format!("{BASE}/sync-runs/{run}")).unwrap_or(HeaderValue::from_static(BASE))
}
