//! A catalogue a hundred times today's: rows per second and memory that does not grow with the rows.
//!
//! Means something with release binaries only: `PREMISE_TEST_BIN_DIR=target/release cargo test -p batch-puller
//! --test puller -- --ignored --nocapture`, with the simulator, the puller and xtask built so.

use std::time::Duration;

use premise_domain::sync_run::{Mode, RunStatus};
use premise_store::runs::SyncRun;

use crate::support::Site;

const PATIENCE: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and needs release binaries"]
async fn a_million_rows_need_no_more_memory_than_a_hundred_thousand() {
    let few = peak_kib(100_000).await;
    let many = peak_kib(1_000_000).await;
    println!("peak RSS of the puller: {few} KiB for 100,000 rows, {many} KiB for 1,000,000");
    assert!(many <= 48 * 1024, "{many} KiB");
    assert!(many * 10 <= few * 11, "{few} KiB, then {many} KiB");
}

/// Pulls so many new premises, then the same again, and tells the process's largest resident memory.
#[expect(clippy::print_stdout, reason = "figures for whoever asked for them")]
async fn peak_kib(premises: i64) -> i64 {
    let site = Site::with_premises(premises.unsigned_abs()).await;
    let puller = site.puller().env("PREMISE__PPB__LIMIT", (premises + 1).to_string()).spawn().await;
    for (what, changed) in [("all new", premises), ("all unchanged", 0)] {
        let id = site.request(Mode::Full, None).await;
        let run = site.over_within(PATIENCE, id).await;
        let counts = run.counts.unwrap();
        assert_eq!((run.status, counts.inserted), (RunStatus::Succeeded, changed), "{counts:?}");
        println!("{premises} rows, {what}: {} rows/s", rows_per_second(&run, premises));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", puller.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

fn rows_per_second(run: &SyncRun, rows: i64) -> i64 {
    rows * 1_000 / (run.finished_at.unwrap() - run.started_at.unwrap()).num_milliseconds().max(1)
}
