//! What the worker measures. A closed list; labels come from enums.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, exponential_buckets,
};

/// Metrics of the worker.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `premise_events_total{outcome}`: deliveries by what became of them.
    pub(crate) events: IntCounterVec,
    /// `premise_partial_events_total`: events that left fields out; repeats are not counted again.
    pub(crate) partial: IntCounter,
    /// `premise_naive_timestamps_total`: timestamps of events without a zone, counted as often.
    pub(crate) naive_timestamps: IntCounter,
    /// `premise_event_processing_seconds`: from taking a batch to its commit.
    pub(crate) processing: Histogram,
    /// `premise_event_end_to_end_seconds`: from receipt by the ingest to the commit.
    pub(crate) end_to_end: Histogram,
    /// `premise_event_attempts_total{tier}`: retries by wait queue.
    pub(crate) attempts: IntCounterVec,
    /// `premise_dead_letters_total{reason}`: deliveries given up.
    pub(crate) dead_letters: IntCounterVec,
    /// `premise_dead_letters_open`: dead letters that wait for an operator.
    pub(crate) dead_letters_open: IntGauge,
}

impl Metrics {
    /// Registers all of them.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        // 0.5 ms to 65 s: from one event on an idle system to a backlog after an outage.
        let buckets = exponential_buckets(0.0005, 2.0, 18)?;
        let histogram =
            |name, help| Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.clone()));
        let metrics = Self {
            events: IntCounterVec::new(
                Opts::new("premise_events_total", "Webhook deliveries by what became of them"),
                &["outcome"],
            )?,
            partial: IntCounter::new(
                "premise_partial_events_total",
                "Events that left fields out, to be completed from the register",
            )?,
            naive_timestamps: IntCounter::new(
                "premise_naive_timestamps_total",
                "Timestamps of events that had no zone and were read as Nairobi time",
            )?,
            processing: histogram(
                "premise_event_processing_seconds",
                "Time from taking a batch of deliveries to its commit",
            )?,
            end_to_end: histogram(
                "premise_event_end_to_end_seconds",
                "Time from the receipt of a webhook to the commit of its effect",
            )?,
            attempts: IntCounterVec::new(
                Opts::new("premise_event_attempts_total", "Retries of deliveries by wait queue"),
                &["tier"],
            )?,
            dead_letters: IntCounterVec::new(
                Opts::new("premise_dead_letters_total", "Deliveries that were given up, by reason"),
                &["reason"],
            )?,
            dead_letters_open: IntGauge::new(
                "premise_dead_letters_open",
                "Dead letters that wait for an operator",
            )?,
        };
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.partial.clone()))?;
        registry.register(Box::new(metrics.naive_timestamps.clone()))?;
        registry.register(Box::new(metrics.processing.clone()))?;
        registry.register(Box::new(metrics.end_to_end.clone()))?;
        registry.register(Box::new(metrics.attempts.clone()))?;
        registry.register(Box::new(metrics.dead_letters.clone()))?;
        registry.register(Box::new(metrics.dead_letters_open.clone()))?;
        Ok(metrics)
    }
}
