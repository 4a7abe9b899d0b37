//! Key figures: the register in numbers, how webhooks fared, how stale the data is.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use premise_store::reads::filter_options::FilterOptions;
use premise_store::reads::lag::LastSuccesses;
use premise_store::reads::stats::{Count, Stats};
use premise_store::reads::webhook_stats::WebhookStats;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::ApiSettings;

/// The register in numbers. `total` counts every premise PPB ever told of, deregistered ones too.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsView {
    total: i64,
    active: i64,
    inactive: i64,
    last_synced: Option<DateTime<Utc>>,
    by_county: Vec<Map<String, Value>>,
    by_business_type: Vec<Map<String, Value>>,
    by_ownership: Vec<Map<String, Value>>,
    by_cadre: Vec<Map<String, Value>>,
    by_license_status: Vec<Map<String, Value>>,
}

impl From<Stats> for StatsView {
    fn from(stats: Stats) -> Self {
        let each =
            |name: &str, counts: &[Count]| counts.iter().map(|c| counted(name, &c.value, c.count)).collect();
        let licenses = stats.by_license_status.iter();
        Self {
            total: stats.active + stats.inactive,
            active: stats.active,
            inactive: stats.inactive,
            last_synced: stats.last_synced_at,
            by_county: each("county", &stats.by_county),
            by_business_type: each("businessType", &stats.by_business_type),
            by_ownership: each("ownership", &stats.by_ownership),
            by_cadre: each("cadre", &stats.by_cadre),
            by_license_status: licenses.map(|c| counted("licenseStatus", c.status, c.count)).collect(),
        }
    }
}

fn counted(name: &str, value: impl Serialize, count: i64) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), json!(value)), ("count".to_owned(), json!(count))])
}

/// The values that lists can be filtered by.
pub(crate) fn filter_options(options: &FilterOptions) -> Value {
    json!({
        "counties": options.counties,
        "constituencies": options.constituencies,
        "wards": options.wards,
        "businessTypes": options.business_types,
        "ownerships": options.ownerships,
        "cadres": options.cadres,
    })
}

/// How webhooks fared within a window.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookFigures {
    window: String,
    total: i64,
    successful: i64,
    failed: i64,
    /// Percentage with two decimals.
    success_rate: f64,
    avg_processing_time: String,
    p50: String,
    p95: String,
    p99: String,
    duplicates: i64,
    stale: i64,
    by_outcome: Value,
    rejected_by_reason: BTreeMap<String, i64>,
}

impl WebhookFigures {
    pub(crate) fn new(window: String, stats: WebhookStats) -> Self {
        let times = stats.processing;
        let outcome = stats.by_outcome;
        Self {
            window,
            total: stats.total,
            successful: stats.successful,
            failed: stats.failed,
            success_rate: (stats.success_rate * 100.0).round() / 100.0,
            avg_processing_time: milliseconds(times.map(|t| t.average)),
            p50: milliseconds(times.map(|t| t.p50)),
            p95: milliseconds(times.map(|t| t.p95)),
            p99: milliseconds(times.map(|t| t.p99)),
            duplicates: stats.duplicates,
            stale: stats.stale,
            by_outcome: json!({
                "created": outcome.created,
                "updated": outcome.updated,
                "deleted": outcome.deleted,
                "reinstated": outcome.reinstated,
                "unchanged": outcome.unchanged,
                "stale": outcome.stale,
                "duplicate": outcome.duplicate,
            }),
            rejected_by_reason: stats.dead_by_reason,
        }
    }
}

/// As in the seed: `127ms`.
fn milliseconds(time: Option<TimeDelta>) -> String {
    format!("{}ms", time.map_or(0, |time| time.num_milliseconds()))
}

/// How stale the register is. Judged by pulls: a webhook tells of one premise, and says nothing about the rest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LagView {
    last_sync_date: Option<DateTime<Utc>>,
    current_time: DateTime<Utc>,
    lag_minutes: Option<i64>,
    status: &'static str,
    channels: Channels,
}

#[derive(Debug, Serialize)]
struct Channels {
    full: Channel,
    incremental: Channel,
    webhook: Channel,
    feed: Channel,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    last_success: Option<DateTime<Utc>>,
    lag_minutes: Option<i64>,
}

impl LagView {
    pub(crate) fn new(last: &LastSuccesses, now: DateTime<Utc>, settings: &ApiSettings) -> Self {
        let minutes = |at: DateTime<Utc>| (now - at).num_minutes().max(0);
        let channel = |at: Option<DateTime<Utc>>| Channel { last_success: at, lag_minutes: at.map(minutes) };
        let pulled = [last.full, last.incremental, last.feed].into_iter().flatten().max();
        Self {
            last_sync_date: pulled,
            current_time: now,
            lag_minutes: pulled.map(minutes),
            status: judge(pulled.map(|at| now - at), settings),
            channels: Channels {
                full: channel(last.full),
                incremental: channel(last.incremental),
                webhook: channel(last.webhook),
                feed: channel(last.feed),
            },
        }
    }
}

/// A register that was never pulled is as stale as can be.
fn judge(lag: Option<TimeDelta>, settings: &ApiSettings) -> &'static str {
    match lag {
        Some(lag) if lag <= TimeDelta::hours(settings.lag_warning_hours) => "healthy",
        Some(lag) if lag <= TimeDelta::hours(settings.lag_critical_hours) => "warning",
        _ => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_judged_at_6_and_24_hours_of_the_last_pull() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let status = |hours: i64, seconds: i64| {
            let full = Some(now - TimeDelta::hours(hours) - TimeDelta::seconds(seconds));
            // A webhook a moment ago does not make an old register fresh.
            let last = LastSuccesses { full, webhook: Some(now), ..LastSuccesses::default() };
            LagView::new(&last, now, &ApiSettings::default()).status
        };
        assert_eq!((status(0, 300), status(6, 0), status(6, 1)), ("healthy", "healthy", "warning"));
        assert_eq!((status(24, 0), status(24, 1)), ("warning", "critical"));
        let never = LagView::new(&LastSuccesses::default(), now, &ApiSettings::default());
        assert_eq!((never.status, never.lag_minutes), ("critical", None));
    }

    #[test]
    fn the_lag_has_the_seeds_members() {
        let now = DateTime::from_timestamp(1_700_000_300, 0).unwrap();
        let last =
            LastSuccesses { full: DateTime::from_timestamp(1_700_000_000, 0), ..LastSuccesses::default() };
        let shown = serde_json::to_value(LagView::new(&last, now, &ApiSettings::default())).unwrap();
        assert_eq!(shown["lastSyncDate"], "2023-11-14T22:13:20Z");
        assert_eq!((&shown["lagMinutes"], &shown["channels"]["full"]["lagMinutes"]), (&json!(5), &json!(5)));
    }
}
