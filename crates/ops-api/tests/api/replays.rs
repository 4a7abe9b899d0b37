//! Replays over HTTP; the worker's part is tested with the worker.

use premise_store::replays::Step;
use reqwest::Method;
use serde_json::{Value, json};

use crate::dead_letters::{TOKENS, bury, event};
use crate::support::{Answer, Served, answer};

async fn post(served: &Served, path: &str, body: &Value, token: &str) -> Answer {
    answer(served.request(Method::POST, path).json(body).bearer_auth(token)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_begun_steered_and_told() {
    let served = Served::start_with(TOKENS, |_, _| {}).await;
    let (viewer, operator) = ("viewer-token-of-16", "operator-token-of-16");
    let letter = bury(&served, "attempts_exhausted", &event("created", 1, "2026-01-01T00:00:00Z")).await;
    bury(&served, "invalid", "{}").await;
    let wish = json!({"ids": [letter, 99], "reason": "mended", "ratePerSecond": 1000});
    assert_eq!(post(&served, "/dead-letters/replay", &wish, viewer).await.problem(), (403, "forbidden"));
    let begun = post(&served, "/dead-letters/replay", &wish, operator).await;
    assert_eq!(begun.status, 202, "{}", begun.body);
    assert_eq!((&begun.body["total"], &begun.body["requestedBy"]), (&json!(1), &json!("operator:ops")));
    let path = format!("/replays/{}", begun.body["replayId"].as_str().unwrap());
    let steer = async |word: &str| post(&served, &format!("{path}/{word}"), &json!({}), operator).await;
    assert_eq!(steer("pause").await.body["status"], "paused");
    assert!(matches!(served.store.replay_step().await.unwrap(), Step::Nothing { due_in: None }));
    assert_eq!(steer("resume").await.body["status"], "running");
    assert!(matches!(served.store.replay_step().await.unwrap(), Step::Did { letters: 1, .. }));
    let shown = answer(served.request(Method::GET, &path).bearer_auth(viewer)).await.body;
    assert_eq!((&shown["done"], &shown["verdicts"]["apply"]), (&json!(1), &json!(1)));
    assert_eq!(steer("cancel").await.body["status"], "cancelled");
    assert_eq!(steer("resume").await.problem(), (409, "replay_not_so"));
    let all = json!({"filter": {"reason": "invalid"}, "dryRun": true, "reason": "a look"});
    assert_eq!(post(&served, "/dead-letters/replay", &all, operator).await.body["total"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_that_is_not_clear_is_refused() {
    let served = Served::start().await;
    for (wish, status) in [
        (json!({"reason": "x"}), 422),
        (json!({"ids": [1], "filter": {}, "reason": "x"}), 422),
        (json!({"ids": [1], "reason": " "}), 422),
        (json!({"ids": [1]}), 400),
        (json!({"ids": [1], "ratePerSecond": 0, "reason": "x"}), 422),
        (json!({"filter": {"status": "discarded"}, "reason": "x"}), 400),
        (json!({"filter": {"colour": "red"}, "reason": "x"}), 400),
    ] {
        let refused = answer(served.request(Method::POST, "/dead-letters/replay").json(&wish)).await;
        assert_eq!(refused.status, status, "{wish}: {}", refused.body);
    }
}
