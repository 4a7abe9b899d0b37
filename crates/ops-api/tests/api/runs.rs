//! Starting, watching and ending pulls. The test is the puller.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::Arc;
use std::time::Duration;

use premise_broker::{
    BrokerConfig, Consumer, ConsumerOptions, Delivery, Handler, Pause, Publisher, Verdict, WorkQueue,
};
use premise_domain::sync_run::{RunRequest, RunStatus};
use premise_store::runs;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::support::{Served, answer};

/// Hands the run requests of the queue to the test.
struct Requests(mpsc::UnboundedSender<Uuid>);

#[async_trait::async_trait]
impl Handler for Requests {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        for delivery in batch {
            let request: RunRequest = serde_json::from_slice(delivery.body()).unwrap();
            self.0.send(request.run_id).unwrap();
        }
        Ok(vec![Verdict::Done; batch.len()])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_queues_the_run_and_wakes_the_puller() {
    let served = Served::start().await;
    let started = served.start_run("/sync").await;
    assert_eq!(
        (started.status.as_u16(), &started.body["mode"], &started.body["status"]),
        (202, &json!("full"), &json!("queued"))
    );
    let id = started.body["runId"].as_str().unwrap();
    assert_eq!(started.headers["location"], format!("/api/master-data/premises/sync-runs/{id}"));
    assert_eq!(started.body["requestedBy"], "admin:local");
    let (sender, mut requests) = mpsc::unbounded_channel();
    let config = BrokerConfig {
        url: served.prefix.broker_url().parse().unwrap(),
        queue_prefix: served.prefix.as_str().to_owned(),
        ..BrokerConfig::default()
    };
    let publisher = Publisher::start(&config, "test");
    let consumer = Consumer::new(&config, ConsumerOptions::new(WorkQueue::SyncRuns, "test"), publisher);
    let handler = Requests(sender);
    let asked = tokio::select! {
        () = consumer.run(&handler, std::future::pending()) => None,
        asked = tokio::time::timeout(Duration::from_secs(10), requests.recv()) => asked.unwrap(),
    };
    assert_eq!(asked.unwrap().to_string(), id);
    let busy = served.post("/incremental-sync").await;
    assert_eq!((busy.problem(), &busy.body["runId"]), ((409, "run_in_progress"), &json!(id)));
    assert_eq!(busy.headers["location"], started.headers["location"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_run_is_listed_shown_and_cancelled_once() {
    let served = Served::start().await;
    served.start_run("/incremental-sync?since=2025-12-10T00:00:00Z").await;
    let id = served.run_id().await;
    for list in ["/sync-runs", "/sync-history?page=1&limit=5"] {
        let shown = &served.get(list).await.body["runs"][0];
        assert_eq!(
            (&shown["mode"], &shown["syncedFrom"]),
            (&json!("incremental"), &json!("2025-12-10T00:00:00Z"))
        );
    }
    let cancelled = served.post(&format!("/sync-runs/{id}/cancel")).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.body["status"]), (202, &json!("cancelled")));
    assert_eq!(served.get(&format!("/sync-runs/{id}")).await.body["success"], false);
    assert_eq!(served.post(&format!("/sync-runs/{id}/cancel")).await.problem(), (409, "run_is_over"));
    let unknown = Uuid::new_v4();
    for path in
        [format!("/sync-runs/{unknown}"), format!("/sync-runs/{unknown}/events"), "/sync-runs/x".to_owned()]
    {
        assert_eq!(served.get(&path).await.problem(), (404, "not_found"), "{path}");
    }
    assert_eq!(
        served.post("/incremental-sync?since=2099-01-01T00:00:00Z").await.problem(),
        (400, "invalid_query")
    );
    assert_eq!(served.start_run("/sync").await.status.as_u16(), 202, "the next run has room");
}

/// Claims the queued run, notes progress and ends it, as the puller does.
async fn pull(served: &Served, id: Uuid) {
    let mut connection = served.store.connection().await.unwrap();
    runs::claim(&mut connection, id).await.unwrap().unwrap();
    runs::note_progress(&mut connection, id, "fetching", 4_096, 12).await.unwrap();
    assert!(
        runs::end(&mut connection, id, RunStatus::Failed, "ppb_unavailable", "PPB does not answer.")
            .await
            .unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_gives_the_finished_run_or_the_running_one_when_time_is_up() {
    let served = Arc::new(Served::start().await);
    let short = served.start_run("/sync?wait=1s").await;
    assert_eq!((short.status.as_u16(), &short.body["status"]), (202, &json!("queued")));
    let first = served.run_id().await;
    pull(&served, first).await;
    let waiting = tokio::spawn({
        let served = served.clone();
        async move { answer(served.request(Method::POST, "/sync").header("prefer", "wait=30")).await }
    });
    let second = premise_testkit::wait_for(Duration::from_secs(10), "the second run", async || {
        let id: Uuid = served.get("/sync-runs").await.body["runs"][0]["runId"].as_str()?.parse().ok()?;
        (id != first).then_some(id)
    })
    .await;
    pull(&served, second).await;
    let ended = waiting.await.unwrap();
    assert_eq!(
        (ended.status.as_u16(), &ended.body["success"], &ended.body["error"]["code"]),
        (200, &json!(false), &json!("ppb_unavailable"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_tell_each_change_and_end_with_the_run() {
    let served = Served::start().await;
    served.start_run("/sync").await;
    let id = served.run_id().await;
    let mut response = served.request(Method::GET, &format!("/sync-runs/{id}/events")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut seen = String::from_utf8(response.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    pull(&served, id).await;
    while let Some(chunk) = response.chunk().await.unwrap() {
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let documents: Vec<Value> = seen
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    let (first, last) = (&documents[0], &documents[documents.len() - 1]);
    assert_eq!(
        (&first["status"], &last["status"], &last["rows"]),
        (&json!("queued"), &json!("failed"), &json!(12))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drain_ends_streams_and_waits() {
    let served = Served::start_with("[api]\nmax_long_answers = 2\n", |_, _| {}).await;
    served.start_run("/sync").await;
    let id = served.run_id().await;
    let path = format!("/sync-runs/{id}/events");
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = served.request(Method::GET, &path).send().await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some());
        streams.push(stream);
    }
    assert_eq!(served.get(&path).await.problem(), (503, "too_many_waiting"));
    served.running.drain();
    for mut stream in streams {
        while stream.chunk().await.unwrap().is_some() {}
    }
    tokio::time::timeout(Duration::from_secs(10), served.running.wait()).await.unwrap().unwrap();
}
