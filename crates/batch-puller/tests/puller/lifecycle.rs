//! Runs that are cancelled, killed, lost or cut off from their servers.

use std::time::Duration;

use premise_broker::WorkQueue;
use premise_domain::sync_run::{Mode, RunStatus};
use premise_store::runs;
use premise_testkit::{free_port, wait_until};
use serde_json::json;

use crate::support::{SOON, Site};

/// The body then takes a minute, so that a test can act in the middle.
async fn slow_down(site: &Site) {
    site.put("faults", json!({"slow-body": {"bytesPerSecond": 2_000}})).await;
}

async fn assert_one_good_run(site: &Site) {
    site.clear_faults().await;
    let run = site.pull(Mode::Full).await;
    assert_eq!((run.status, run.counts.unwrap().inserted), (RunStatus::Succeeded, 300), "{run:?}");
    assert_eq!(site.register().await, (300, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_progress_tells_how_far_it_is_and_can_be_cancelled() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    slow_down(&site).await;
    let id = site.request(Mode::Full, None).await;
    site.until_phase(id, "staging", 2_000).await;
    assert!(runs::request_cancel(&mut site.store.connection().await.unwrap(), id).await.unwrap());
    let run = site.over(id).await;
    assert_eq!((run.status, run.error_code.as_deref()), (RunStatus::Cancelled, Some("cancelled")));
    assert_eq!(site.register().await, (0, 0));
    assert_one_good_run(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_ppb_can_be_cancelled() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    site.put("faults", json!({"too-many-requests": {"retryAfter": 300}})).await;
    let id = site.request(Mode::Full, None).await;
    site.until_phase(id, "waiting", 0).await;
    assert!(runs::request_cancel(&mut site.store.connection().await.unwrap(), id).await.unwrap());
    assert_eq!(site.over(id).await.status, RunStatus::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_found_abandoned_and_the_next_one_is_right() {
    let site = Site::new().await;
    let mut puller = site.puller().spawn().await;
    for (fault, phase) in [
        (json!({"slow-start": {"milliseconds": 20_000}}), "fetching"),
        (json!({"slow-body": {"bytesPerSecond": 2_000}}), "staging"),
    ] {
        site.put("faults", fault).await;
        let id = site.request(Mode::Full, None).await;
        site.until_phase(id, phase, 0).await;
        puller.kill().await;
        site.clear_faults().await;
        puller.restart().await;
        let run = site.over(id).await;
        assert_eq!(
            (run.status, run.error_code.as_deref()),
            (RunStatus::Abandoned, Some("abandoned")),
            "{phase}"
        );
        assert_eq!(site.register().await, (0, 0), "{phase}");
    }
    assert_one_good_run(&site).await;
    puller.terminate(SOON).await;
    assert_eq!(site.take_out(WorkQueue::SyncRuns).await, [""; 0], "every message was acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_applies_it_leaves_nothing_behind() {
    let site = Site::new().await;
    let mut puller = site.puller().spawn().await;
    let held = site.hold_applies().await;
    let id = site.request(Mode::Full, None).await;
    site.until_phase(id, "applying", 1).await;
    puller.kill().await;
    drop(held);
    puller.restart().await;
    assert_eq!(site.over(id).await.status, RunStatus::Abandoned);
    assert_eq!(site.register().await, (0, 0));
    assert_one_good_run(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_applies_can_be_cancelled() {
    let site = Site::new().await;
    let _puller = site.puller().spawn().await;
    let held = site.hold_applies().await;
    let id = site.request(Mode::Full, None).await;
    site.until_phase(id, "applying", 1).await;
    assert!(runs::request_cancel(&mut site.store.connection().await.unwrap(), id).await.unwrap());
    assert_eq!(site.over(id).await.status, RunStatus::Cancelled);
    drop(held);
    assert_one_good_run(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_when_it_is_ready_and_counts_what_it_does() {
    let site = Site::new().await;
    let port = free_port();
    let _puller = site.puller().env("PREMISE__ADMIN__BIND", format!("127.0.0.1:{port}")).spawn().await;
    wait_until(SOON, "readiness", async || site.admin(port, "readyz").await.is_some()).await;
    site.pull(Mode::Full).await;
    let counted = async || {
        let text = site.admin(port, "metrics").await.unwrap();
        [
            "premise_sync_runs_total{mode=\"full\",status=\"succeeded\"} 1",
            "premise_sync_rows_total{mode=\"full\",outcome=\"inserted\"} 300",
            "premise_sync_run_seconds_count{mode=\"full\"} 1",
            "premise_ppb_requests_total{outcome=\"ok\"} 1",
            "premise_ppb_requests_total{outcome=\"cut\"} 0",
        ]
        .iter()
        .all(|line| text.lines().any(|found| found == *line))
    };
    // The run is over for the register a moment before it is counted.
    wait_until(SOON, "the counts", counted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_stop_ends_a_run_that_cannot_be_finished_in_time() {
    let site = Site::new().await;
    let mut puller = site.puller().env("PREMISE__SHUTDOWN__DRAIN_SECONDS", "1").spawn().await;
    slow_down(&site).await;
    let id = site.request(Mode::Full, None).await;
    site.until_phase(id, "staging", 1).await;
    puller.terminate(Duration::from_secs(10)).await;
    let run = site.run(id).await;
    assert_eq!((run.status, run.error_code.as_deref()), (RunStatus::Failed, Some("stopped")), "{run:?}");
    puller.restart().await;
    assert_one_good_run(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_hand_is_finished_before_the_process_ends() {
    let site = Site::new().await;
    let mut puller = site.puller().spawn().await;
    site.put("faults", json!({"slow-body": {"bytesPerSecond": 40_000}})).await;
    let id = site.request(Mode::Full, None).await;
    site.until_phase(id, "staging", 1).await;
    assert_eq!(puller.terminate(SOON).await.code(), Some(0), "{}", puller.output());
    assert_eq!(site.run(id).await.status, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_its_message_is_found() {
    let site = Site::new().await;
    let id = site.queue(Mode::Full, None).await;
    let _puller = site.puller().spawn().await;
    assert_eq!(site.over(id).await.status, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_survives_a_puller_that_is_away_and_is_done_once() {
    let site = Site::new().await;
    let id = site.request(Mode::Full, None).await;
    let mut puller = site.puller().spawn().await;
    assert_eq!(site.over(id).await.counts.unwrap().inserted, 300);
    // The same message again finds nothing to do.
    site.send(serde_json::to_vec(&json!({"runId": id})).unwrap()).await;
    site.send("nonsense").await;
    wait_until(SOON, "the dead letter", async || {
        site.take_out(WorkQueue::SyncRunDeadLetters).await == ["nonsense"]
    })
    .await;
    assert_eq!(puller.terminate(SOON).await.code(), Some(0));
    assert_eq!(site.take_out(WorkQueue::SyncRuns).await, [""; 0]);
    assert_eq!(site.number("SELECT count(*) FROM sync_runs").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_it_waits_and_then_works() {
    let site = Site::new().await;
    let puller = site.puller().spawn().await;
    assert_eq!(site.pull(Mode::Full).await.status, RunStatus::Succeeded);
    let id = site.queue(Mode::Full, None).await;
    site.open_database(false).await;
    site.send(serde_json::to_vec(&json!({"runId": id})).unwrap()).await;
    wait_until(SOON, "the puller notices", async || puller.output().contains("consumption paused")).await;
    site.open_database(true).await;
    assert_eq!(site.over(id).await.counts.unwrap().unchanged, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_loses_postgres_in_the_middle_begins_again() {
    let site = Site::new().await;
    // Its waits are milliseconds here, and the outage may last some seconds.
    let puller = site.puller().env("PREMISE__PPB__ATTEMPTS", "1000").spawn().await;
    // The fault is met when rows are written, at the end of this body.
    site.put("faults", json!({"slow-body": {"bytesPerSecond": 30_000}})).await;
    let id = site.request(Mode::Full, None).await;
    site.until_phase(id, "staging", 1).await;
    site.open_database(false).await;
    site.clear_faults().await;
    wait_until(SOON, "the puller notices", async || puller.output().contains("attempt failed")).await;
    site.open_database(true).await;
    let run = site.over(id).await;
    assert_eq!((run.status, run.counts.unwrap().inserted), (RunStatus::Succeeded, 300), "{run:?}");
}
