//! What the puller counts. Every label is an enum's word, and every series exists from the start.

use std::time::Duration;

use premise_domain::sync_run::{Mode, RunCounts, RunStatus};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// How a request to PPB ended, up to the head of its answer or within its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// 200 and, for the catalogue, read to its end.
    Ok,
    /// 401 or 403.
    Unauthorized,
    /// 429.
    RateLimited,
    /// 5xx and the like.
    Faulty,
    /// Any other status.
    Refused,
    /// No connection.
    Unreachable,
    /// No head, or silence within the body.
    TimedOut,
    /// Broken off within the body.
    Cut,
}

impl RequestOutcome {
    const ALL: [Self; 8] = [
        Self::Ok,
        Self::Unauthorized,
        Self::RateLimited,
        Self::Faulty,
        Self::Refused,
        Self::Unreachable,
        Self::TimedOut,
        Self::Cut,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::Faulty => "faulty",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Cut => "cut",
        }
    }
}

/// The puller's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    runs: IntCounterVec,
    run_seconds: HistogramVec,
    rows: IntCounterVec,
    requests: IntCounterVec,
}

impl Metrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(format!("premise_{name}"), help);
        let runs = IntCounterVec::new(
            opts("sync_runs_total", "Runs that ended, by mode and status."),
            &["mode", "status"],
        )?;
        let seconds =
            HistogramOpts::new("premise_sync_run_seconds", "Time from the claim of a run to its end.")
                .buckets(vec![0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0]);
        let run_seconds = HistogramVec::new(seconds, &["mode"])?;
        let rows = IntCounterVec::new(
            opts("sync_rows_total", "Rows of runs that succeeded, by what became of them."),
            &["mode", "outcome"],
        )?;
        let requests = IntCounterVec::new(
            opts("ppb_requests_total", "Requests to PPB, by how they ended."),
            &["outcome"],
        )?;
        registry.register(Box::new(runs.clone()))?;
        registry.register(Box::new(run_seconds.clone()))?;
        registry.register(Box::new(rows.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        let metrics = Self { runs, run_seconds, rows, requests };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    fn begin_at_zero(&self) {
        for outcome in RequestOutcome::ALL {
            self.requests.with_label_values(&[outcome.label()]);
        }
        for mode in [Mode::Full, Mode::Incremental] {
            for status in RunStatus::ALL.into_iter().filter(|status| status.is_final()) {
                self.runs.with_label_values(&[mode.as_str(), status.as_str()]);
            }
            self.run_seconds.with_label_values(&[mode.as_str()]);
            self.rows_applied(mode, &RunCounts::default());
        }
    }

    /// A request ended.
    pub fn request_ended(&self, outcome: RequestOutcome) {
        self.requests.with_label_values(&[outcome.label()]).inc();
    }

    /// A run ended.
    pub fn run_ended(&self, mode: Mode, status: RunStatus, elapsed: Duration) {
        self.runs.with_label_values(&[mode.as_str(), status.as_str()]).inc();
        self.run_seconds.with_label_values(&[mode.as_str()]).observe(elapsed.as_secs_f64());
    }

    /// The rows of a run were applied.
    pub fn rows_applied(&self, mode: Mode, counts: &RunCounts) {
        for (outcome, count) in [
            ("inserted", counts.inserted),
            ("updated", counts.updated),
            ("unchanged", counts.unchanged),
            ("reinstated", counts.reinstated),
            ("stale", counts.stale),
            ("quarantined", counts.quarantined),
            ("collapsed", counts.collapsed),
            ("deleted", counts.deleted),
            ("withheld", counts.withheld),
        ] {
            let count = u64::try_from(count).unwrap_or(0);
            self.rows.with_label_values(&[mode.as_str(), outcome]).inc_by(count);
        }
    }
}
