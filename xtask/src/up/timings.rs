//! How long the parts of `up` took on the wall clock.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

/// The parts. Servers start while the build runs, so the parts may add up to more than the total.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timings {
    started: Instant,
    before: Duration,
    pub(super) install: Duration,
    pub(super) build: Duration,
    pub(super) servers: Duration,
    pub(super) services: Duration,
    pub(super) first_sync: Duration,
}

impl Timings {
    /// Starts the clock; `installed_ms` were spent before by the other half of a detached start.
    pub(super) fn installed(installed_ms: u64) -> Self {
        let before = Duration::from_millis(installed_ms);
        let zero = Duration::ZERO;
        Self {
            started: Instant::now(),
            before,
            install: before,
            build: zero,
            servers: zero,
            services: zero,
            first_sync: zero,
        }
    }

    /// Measures the finding and installing of servers.
    pub(super) fn install<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.install += started.elapsed();
        result
    }

    /// From the beginning until now.
    pub(super) fn total(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    pub(super) fn in_ms(&self) -> BTreeMap<String, u64> {
        let parts = [
            ("install", self.install),
            ("build", self.build),
            ("servers", self.servers),
            ("services", self.services),
            ("first_sync", self.first_sync),
            ("total", self.total()),
        ];
        parts
            .map(|(name, took)| (name.to_owned(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX)))
            .into()
    }
}

/// Does `work` and notes in `part` how long it took.
pub(super) async fn note<T>(part: &mut Duration, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let result = work.await;
    *part = started.elapsed();
    result
}

/// `1.4 s`.
pub(super) fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
