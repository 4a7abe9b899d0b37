//! Metrics of the register as a whole, refreshed by [`crate::watch`] and never at the scrape.

use premise_store::reads::lag::LastSuccesses;
use premise_store::reads::stats::Stats;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

use chrono::{DateTime, Utc};

/// The gauges.
pub(crate) struct Metrics {
    lag: GaugeVec,
    premises: IntGaugeVec,
    licenses: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let lag = GaugeVec::new(
            Opts::new(
                "premise_sync_lag_seconds",
                "Seconds since the channel last succeeded; absent before its first.",
            ),
            &["channel"],
        )?;
        let premises =
            IntGaugeVec::new(Opts::new("premise_premises", "Premises in the register."), &["status"])?;
        let licenses = IntGaugeVec::new(
            Opts::new("premise_licenses", "Active premises by licence status."),
            &["status"],
        )?;
        registry.register(Box::new(lag.clone()))?;
        registry.register(Box::new(premises.clone()))?;
        registry.register(Box::new(licenses.clone()))?;
        Ok(Self { lag, premises, licenses })
    }

    pub(crate) fn set_lag(&self, last: &LastSuccesses, now: DateTime<Utc>) {
        let channels = [
            ("full", last.full),
            ("incremental", last.incremental),
            ("webhook", last.webhook),
            ("feed", last.feed),
        ];
        for (channel, at) in channels {
            if let Some(at) = at {
                self.lag.with_label_values(&[channel]).set((now - at).as_seconds_f64().max(0.0));
            }
        }
    }

    pub(crate) fn set_stats(&self, stats: &Stats) {
        self.premises.with_label_values(&["active"]).set(stats.active);
        self.premises.with_label_values(&["inactive"]).set(stats.inactive);
        self.licenses.reset();
        for license in &stats.by_license_status {
            self.licenses.with_label_values(&[license.status.as_str()]).set(license.count);
        }
    }
}
