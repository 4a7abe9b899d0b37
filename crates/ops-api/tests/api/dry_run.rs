//! A dry run by a real puller that reads a simulated PPB: it changes nothing and predicts the real run.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::time::Duration;

use premise_testkit::{ServiceCommand, ServiceProcess, wait_for};
use serde_json::{Value, json};

use crate::support::Served;

/// Dropped with the test.
struct Ppb {
    control: String,
    _simulator: ServiceProcess,
    _puller: ServiceProcess,
}

async fn with_puller(served: &Served) -> Ppb {
    let folder = tempfile::tempdir().unwrap();
    let announced = folder.path().join("addresses.json");
    let simulator =
        ServiceCommand::new("ppb-sim").arg("--premises").arg("200").arg("--announce").arg(&announced);
    let simulator = simulator.spawn().await;
    let told: Value = wait_for(Duration::from_secs(30), "the simulator's addresses", async || {
        serde_json::from_slice(&std::fs::read(&announced).ok()?).ok()
    })
    .await;
    let puller = ServiceCommand::new("batch-puller")
        .env("PREMISE__DATABASE__URL", served.database.url())
        .env("PREMISE__BROKER__URL", served.prefix.broker_url())
        .env("PREMISE__BROKER__QUEUE_PREFIX", served.prefix.as_str())
        .env("PREMISE__ADMIN__BIND", "127.0.0.1:0")
        .env("PREMISE__PULL__FULL_SCHEDULE", "")
        .env("PREMISE__PPB__URL", told["ppb_url"].as_str().unwrap())
        .env("PREMISE__PPB__EMAIL", "sync@premises.example")
        .env("PREMISE__PPB__PASSWORD", "simulated");
    let control = told["ppb_control_url"].as_str().unwrap().to_owned();
    Ppb { control, _simulator: simulator, _puller: puller.spawn().await }
}

/// Where the rows of a run went, and what it says of itself.
fn counts(run: &Value) -> Value {
    let mut counts = serde_json::Map::new();
    for name in
        ["total", "inserted", "updated", "unchanged", "reinstated", "deleted", "withheld", "stale", "errors"]
    {
        counts.insert(name.to_owned(), run[name].clone());
    }
    counts.into()
}

/// Everything that a run could change.
async fn state(served: &Served) -> i64 {
    let sql = served.database.connect().await;
    let everything = "SELECT hashtextextended(string_agg(t, '|' ORDER BY t), 0) FROM (
        SELECT p::text AS t FROM premises p UNION ALL SELECT c::text FROM premise_changes c
        UNION ALL SELECT f::text FROM floors f UNION ALL SELECT a::text FROM pending_absences a
        UNION ALL SELECT x::text FROM floor_exemptions x UNION ALL SELECT w::text FROM watermarks w) AS everything";
    sql.query_one(everything, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_changes_nothing_and_predicts_the_counters() {
    let served = Served::start().await;
    let ppb = with_puller(&served).await;
    let first = served.start_run("/sync?wait=60s").await;
    assert_eq!(
        (first.status.as_u16(), &first.body["dryRun"], &first.body["inserted"]),
        (200, &json!(false), &json!(200))
    );
    let churn =
        reqwest::Client::new().post(format!("{}/churn", ppb.control)).json(&json!({"count": 40, "seed": 7}));
    assert!(churn.send().await.unwrap().status().is_success());
    let before = state(&served).await;
    for start in ["/incremental-sync?dryRun=true&wait=60s", "/sync?dryRun=true&wait=60s"] {
        let dry = served.post(start).await;
        assert_eq!((&dry.body["success"], &dry.body["dryRun"]), (&json!(true), &json!(true)), "{}", dry.body);
        assert_eq!(dry.body["lastSyncedAt"], Value::Null);
        assert_eq!(state(&served).await, before, "{start}");
    }
    let predicted = served.get("/sync-runs?limit=1").await.body["runs"][0].clone();
    let real = served.post("/sync?dryRun=false&wait=60s").await.body;
    assert_eq!(counts(&real), counts(&predicted));
    assert!(
        ["inserted", "updated", "unchanged", "withheld"].iter().all(|name| real[name].as_i64() > Some(0)),
        "{real}"
    );
    assert_ne!(state(&served).await, before);
    assert_eq!(served.post("/sync?dryRun=perhaps").await.problem(), (400, "invalid_query"));
}
