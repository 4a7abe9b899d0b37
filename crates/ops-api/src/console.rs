//! The page at `/`: the key figures and where to look further. No script, no style sheet, nothing from elsewhere.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use chrono::Utc;
use premise_domain::source_time::kenyan_day;
use premise_store::reads;

use crate::Api;
use crate::auth::Viewer;
use crate::dto::figures::{LagView, StatsView};
use crate::error::ApiError;
use crate::routes::BASE;

const LINKS: [&str; 6] = ["", "/stats", "/sync-lag", "/webhook-stats", "/sync-runs", "/filter-options"];

/// The page; without a right to read, the links alone.
pub(crate) async fn page(viewer: Option<Viewer>, api: Data<Api>) -> impl Responder {
    let figures = match viewer {
        Some(_) => {
            figures_of(&api).await.unwrap_or_else(|_| "<p>The database is not available.</p>".to_owned())
        }
        None => "<p>The figures need a bearer token.</p>".to_owned(),
    };
    let links: String = LINKS
        .iter()
        .map(|path| format!("<li><a href=\"{BASE}{path}\">{BASE}{path}</a></li>"))
        .collect::<Vec<_>>()
        .concat();
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", "default-src 'none'"))
        .insert_header(("cache-control", "no-store"))
        .body(format!(
            "<!doctype html><html lang=\"en\"><title>premise-sync</title><h1>premise-sync</h1>{figures}\
             <h2>Look further</h2><ul>{links}</ul></html>"
        ))
}

async fn figures_of(api: &Api) -> Result<String, ApiError> {
    let mut connection = api.store.connection().await?;
    let now = Utc::now();
    let stats = StatsView::from(reads::stats::read(&mut connection, kenyan_day(now)).await?);
    let stats = serde_json::to_value(stats).unwrap_or_default();
    let last = reads::lag::read(&mut connection).await?;
    let lag = serde_json::to_value(LagView::new(&last, now, &api.settings)).unwrap_or_default();
    let rows = [
        ("Premises", &stats["total"]),
        ("Active", &stats["active"]),
        ("Last synced", &stats["lastSynced"]),
        ("Freshness", &lag["status"]),
        ("Minutes since the last pull", &lag["lagMinutes"]),
    ];
    // Numbers, instants and words of ours: nothing in them needs escaping.
    let cell = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("<tr><th>{name}<td>{}", cell(value)))
        .collect::<Vec<_>>()
        .concat();
    Ok(format!("<table>{rows}</table>"))
}
