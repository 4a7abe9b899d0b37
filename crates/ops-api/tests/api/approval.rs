//! A held run and its approval.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use chrono::{DateTime, TimeDelta, Utc};
use premise_domain::catalogue::read_row;
use premise_domain::observation::{Channel, Observation};
use premise_domain::source_time::floor_to_micros;
use premise_domain::sync_run::Mode;
use premise_store::runs::{self, NewRun, Queued};
use premise_store::{Answer, Applied, Policy};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Served, answer};

/// A full pull, some hours ago, that answered the premises 1 to `count`.
async fn pull(served: &Served, hours_ago: i64, count: usize) -> (Uuid, Applied) {
    let connection = &mut *served.store.connection().await.unwrap();
    let new = NewRun {
        id: Uuid::now_v7(),
        mode: Mode::Full,
        requested_by: "test".into(),
        since: None,
        dry_run: false,
    };
    let Queued::Created(run) = runs::queue(connection, new).await.unwrap() else {
        panic!("a run is in progress")
    };
    assert!(runs::claim(connection, run.id).await.unwrap().is_some());
    let (reflects_at, source_lag) =
        (floor_to_micros(Utc::now()) - TimeDelta::hours(hours_ago), TimeDelta::minutes(15));
    let mut stage = served.store.stage(run.id).await.unwrap();
    for id in 1..=count {
        let raw = json!({ "premiseid": id, "premisename": format!("CHEMIST {id}") }).to_string();
        let row = Observation::of_row(&read_row(&raw).unwrap(), &raw, reflects_at, source_lag, run.id);
        stage.push(&row).await.unwrap();
    }
    let applied = stage.apply(&whole(count, reflects_at, source_lag), &Policy::default()).await.unwrap();
    (run.id, applied)
}

fn whole(count: usize, reflects_at: DateTime<Utc>, source_lag: TimeDelta) -> Answer {
    Answer {
        channel: Channel::Full,
        reflects_at,
        source_lag,
        complete: true,
        fetched: i64::try_from(count).unwrap(),
        evidence: json!({}),
        fallback_reason: None,
        watermark: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_runs_deletions_are_carried_out_once_and_only_as_planned() {
    let served = Served::start().await;
    pull(&served, 5, 100).await;
    let (id, applied) = pull(&served, 3, 60).await;
    assert!(applied.held.is_some(), "{applied:?}");
    let held = served.get(&format!("/sync-runs/{id}")).await.body;
    assert_eq!(
        (&held["status"], &held["success"], &held["withheld"]),
        (&json!("held"), &json!(false), &json!(40))
    );
    let hash = held["planHash"].as_str().unwrap();
    let approve = async |run: Uuid, hash: &str| {
        let request = served.request(Method::POST, &format!("/sync-runs/{run}/approve"));
        answer(request.json(&json!({ "planHash": hash }))).await
    };
    assert_eq!(approve(Uuid::new_v4(), hash).await.problem(), (404, "not_found"));
    assert_eq!(approve(id, "another").await.problem(), (409, "other_plan"));
    assert_eq!(served.get("/stats").await.body["active"], 100);
    let approved = approve(id, hash).await;
    assert_eq!(
        (approved.status.as_u16(), &approved.body["approvedBy"]),
        (202, &json!("admin:local")),
        "{}",
        approved.body
    );
    assert_eq!(served.get("/stats").await.body["active"], 60);
    assert_eq!(approve(id, hash).await.problem(), (409, "run_not_held"));
}
