//! Whatever PPB loses, repeats, reorders, delays or answers wrongly, the register converges: shown with real
//! processes, through the public API and the simulator's webhooks.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod faults;
mod held;
mod ledger;
mod ppb;
mod soak;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use premise_testkit::wait_until;
use serde_json::Value;
use support::{BASE, Whole};

/// S of these tests. The simulator stamps and answers at once, so it may be short.
const SOURCE_LAG: TimeDelta = TimeDelta::seconds(1);

/// Settings of every test here: S of a second, and no long waits for a PPB that answers wrongly.
const SETTINGS: [(&str, &str); 6] = [
    ("PREMISE__PPB__SOURCE_LAG_MINUTES", "0"),
    ("PREMISE__PPB__SOURCE_LAG_SECONDS", "1"),
    ("PREMISE__PPB__ATTEMPTS", "2"),
    ("PREMISE__PPB__FIRST_WAIT_MS", "20"),
    ("PREMISE__PULL__PROGRESS_MS", "50"),
    ("PREMISE__PULL__CONFIRMATION_GAP_SECONDS", "0"),
];

impl Whole {
    /// Starts a pull through the API and waits for its end.
    async fn pull(&self, path: &str) -> Value {
        let request = self.http.post(format!("{}{BASE}{path}?wait=60s", self.public));
        let answer = request.send().await.unwrap();
        let (status, run) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 200, "{path}: {run}\n{}", self.sync.output());
        run
    }

    /// A full pull that is to succeed.
    async fn full(&self) -> Value {
        let run = self.pull("/sync").await;
        assert_eq!(run["status"], "succeeded", "{run}");
        run
    }
}

/// Waits until an answer asked for from now on has r - S after `instant`: r is up to two seconds (the whole
/// seconds of `Date`, and one for its resolution) before the request. Nothing but the clock tells this.
async fn lag_has_passed_since(instant: DateTime<Utc>) {
    let passed = instant + SOURCE_LAG + TimeDelta::milliseconds(2_500);
    wait_until(Duration::from_secs(30), "the lag allowance to pass", async || Utc::now() > passed).await;
}
