//! A truncated answer is held; what an approval of it does, and to what.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::faults::synced;
use crate::support::{BASE, Whole};

/// Rows of the truncated answer, of 400.
const ROWS: usize = 340;

async fn approve(whole: &Whole, run: &Value, hash: &str) -> (StatusCode, Value) {
    let id = run["runId"].as_str().unwrap();
    let request = whole.http.post(format!("{}{BASE}/sync-runs/{id}/approve", whole.public));
    let answer = request.json(&json!({"planHash": hash})).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn held(whole: &Whole) -> Value {
    whole.put("faults", json!({"truncate": {"limit": ROWS, "answers": 1}})).await;
    let run = whole.pull("/sync").await;
    assert_eq!((&run["status"], &run["withheld"]), (&json!("held"), &json!(400 - ROWS)), "{run}");
    run
}

async fn live(whole: &Whole) -> BTreeSet<i64> {
    whole.register().await.into_keys().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_deletes_exactly_the_premises_of_its_plan_once() {
    let whole = synced().await;
    let all: Vec<i64> = whole.catalogue().await.into_iter().map(|(id, _)| id).collect();
    let (left, planned) = all.split_at(ROWS);
    let left: BTreeSet<i64> = left.iter().copied().collect();
    let run = held(&whole).await;
    let hash = run["planHash"].as_str().unwrap();
    let (status, problem) = approve(&whole, &run, &"0".repeat(64)).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("other_plan")));
    assert_eq!(live(&whole).await.len(), all.len(), "nothing was deleted before the approval");

    let (status, approved) = approve(&whole, &run, hash).await;
    assert_eq!(status, 202, "{approved}");
    assert_eq!(
        (&approved["status"], &approved["deleted"], &approved["withheld"]),
        (&json!("succeeded"), &json!(planned.len()), &json!(0)),
        "{approved}"
    );
    assert_eq!(live(&whole).await, left);
    assert_eq!(whole.get(&format!("/{}", planned[0])).await["status"], "inactive");

    let (status, problem) = approve(&whole, &run, hash).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("run_not_held")), "{problem}");
    assert_eq!(live(&whole).await, left);
    // It was PPB's fault after all: the whole answer brings them back.
    let whole_again = whole.full().await;
    assert_eq!(whole_again["reinstated"], planned.len(), "{whole_again}");
    assert!(whole.register().await == whole.truth().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_keeps_what_a_newer_answer_has_shown() {
    let whole = synced().await;
    let before = whole.register().await;
    let run = held(&whole).await;
    assert_eq!(whole.full().await["unchanged"], 400);
    let (status, approved) = approve(&whole, &run, run["planHash"].as_str().unwrap()).await;
    assert_eq!((status.as_u16(), &approved["deleted"]), (202, &json!(0)), "{approved}");
    assert!(whole.register().await == before);
}
