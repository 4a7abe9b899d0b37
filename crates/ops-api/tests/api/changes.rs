//! The change feed over HTTP.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use premise_testkit::{wait_for, wait_until};
use serde_json::{Value, json};

use crate::support::Served;

/// Reads on from `after` until so many changes came; older transactions of other tests may hold them back.
async fn read(served: &Served, after: &str, count: usize) -> (Vec<Value>, String) {
    let (mut changes, mut after) = (Vec::new(), after.to_owned());
    while changes.len() < count {
        let page = served.get(&format!("/changes?after={after}&limit=2&wait=30s")).await.body;
        let found = page["changes"].as_array().unwrap();
        assert!((1..=2).contains(&found.len()), "{page}");
        changes.extend(found.iter().cloned());
        page["next"].as_str().unwrap().clone_into(&mut after);
    }
    (changes, after)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_is_read_page_by_page_from_any_place() {
    let served = Served::start().await;
    let start = served.get("/changes").await.body;
    assert_eq!(start["changes"], json!([]));
    served.premise(34014, "OLD NAME", "Nairobi", "2099-12-31").await;
    served.premise(34014, "NEW NAME", "Nairobi", "2099-12-31").await;
    served.webhook(&json!({"action": "deleted", "data": {"premiseid": 34014, "premisename": "X"}})).await;
    let (changes, next) = read(&served, "", 3).await;
    let kinds: Vec<&Value> = changes.iter().map(|change| &change["kind"]).collect();
    assert_eq!(kinds, ["created", "updated", "deleted"]);
    assert_eq!(changes[1]["from"], json!({"premiseName": "OLD NAME"}));
    assert_eq!(
        (&changes[1]["premiseId"], &changes[1]["channel"]),
        (&json!("PREMISE-34014"), &json!("webhook"))
    );
    assert!(changes.iter().all(|change| change["effectiveAt"].is_string() && change["seq"].is_number()));
    assert_eq!(changes[2]["cursor"], next);
    assert_eq!(read(&served, start["next"].as_str().unwrap(), 3).await.0, changes);
    assert_eq!(read(&served, changes[0]["cursor"].as_str().unwrap(), 2).await.0, changes[1..]);
    let latest = served.get("/changes?after=latest").await.body;
    assert_eq!((&latest["changes"], &latest["next"]), (&json!([]), &json!(next)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_cursor_limit_or_wait_is_refused() {
    let served = Served::start().await;
    for (query, parameter) in [
        ("after=7", "after"),
        ("after=0000000000000001-000000000000000G", "after"),
        ("limit=201", "limit"),
        ("wait=soon", "wait"),
    ] {
        let refused = served.get(&format!("/changes?{query}")).await;
        assert_eq!(
            (refused.problem(), &refused.body["parameter"]),
            ((400, "invalid_query"), &json!(parameter))
        );
    }
    assert_eq!(served.get("/changes?since=1").await.problem(), (400, "invalid_query"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_ends_with_a_change_when_time_is_up_or_at_the_drain() {
    let served = Arc::new(Served::start_with("[api]\nmax_long_answers = 1\n", |_, _| {}).await);
    let began = Instant::now();
    let empty = served.get("/changes?wait=1s").await.body;
    assert_eq!(empty["changes"], json!([]));
    assert!(began.elapsed() >= Duration::from_secs(1));
    // The only place may be taken by a probe below, which gives it back at once.
    let asking = |served: &Arc<Served>| {
        let served = served.clone();
        tokio::spawn(wait_for(Duration::from_secs(70), "a place", async move || {
            let answer = served.get("/changes?after=latest&wait=60s").await;
            (answer.status != 503).then_some(answer)
        }))
    };
    let waiting = asking(&served);
    wait_until(Duration::from_secs(10), "the poll is held", async || {
        served.get("/changes?wait=1s").await.status == 503
    })
    .await;
    assert_eq!(served.get("/changes?wait=1s").await.problem(), (503, "too_many_waiting"));
    served.premise(1, "A", "Nairobi", "2099-12-31").await;
    let answered = waiting.await.unwrap().body;
    assert_eq!(answered["changes"][0]["premiseId"], "PREMISE-1");
    let waiting = asking(&served);
    wait_until(Duration::from_secs(10), "the poll is held", async || {
        served.get(&format!("/changes?after={}&wait=1s", answered["next"].as_str().unwrap())).await.status
            == 503
    })
    .await;
    served.running.drain();
    assert_eq!(waiting.await.unwrap().body["changes"], json!([]));
}
