//! Postgres or the broker away.

use premise_testkit::free_port;
use serde_json::json;

use crate::support::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_broker_a_start_is_503_and_the_run_failed() {
    let served = Served::start_with("", |_, broker| *broker = format!("amqp://127.0.0.1:{}", free_port()))
        .await
        .ready()
        .await;
    let refused = served.post("/sync").await;
    assert_eq!(refused.problem(), (503, "broker_unavailable"));
    assert!(refused.headers.contains_key("retry-after"));
    let id = served.run_id().await;
    assert_eq!(refused.body["runId"], json!(id));
    let failed = served.get(&format!("/sync-runs/{id}")).await.body;
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("broker_unavailable"))
    );
    // Nothing is in progress, so the next start is not refused for that reason.
    assert_eq!(served.post("/sync").await.problem(), (503, "broker_unavailable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_reads_are_503_and_the_process_not_ready() {
    let served = Served::start_with("", |database, _| {
        *database = format!("postgres://127.0.0.1:{}/none", free_port());
    })
    .await;
    for path in ["", "/34014", "/stats", "/sync-lag", "/webhook-stats", "/sync-runs", "/filter-options"] {
        let refused = served.get(path).await;
        assert_eq!(refused.problem(), (503, "database_unavailable"), "{path}");
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert_eq!(served.post("/sync").await.problem(), (503, "database_unavailable"));
    let ready = reqwest::get(format!("http://{}/readyz", served.running.admin_addr())).await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await.unwrap().contains("Postgres"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_is_told_at_once_and_comes_back_by_itself() {
    let served = Served::start().await.ready().await;
    let admin = served.database.connect().await;
    let rename = |from: &str, to: &str| format!("ALTER TABLE {from} RENAME TO {to}");
    admin.batch_execute(&rename("premises", "premises_away")).await.unwrap();
    let broken = served.get("/34014").await;
    assert_eq!(broken.problem(), (503, "database_unavailable"));
    assert!(!broken.body.to_string().contains("relation"), "what Postgres said is not shown to the caller");
    admin.batch_execute(&rename("premises_away", "premises")).await.unwrap();
    admin
        .batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .await
        .unwrap();
    premise_testkit::wait_until(std::time::Duration::from_secs(10), "reads again", async || {
        served.get("/34014").await.status == 404
    })
    .await;
}
