//! Dead letters: search, show, and what a replay would do.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use chrono::Utc;
use premise_domain::envelope::Envelope;
use premise_domain::signature::idempotency_key;
use premise_domain::webhook::WebhookEvent;
use premise_store::DeadLetterItem;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Served, answer};

pub(crate) const TOKENS: &str = "[auth]\nmode = 'token'\ntokens = [\
    { name = 'eyes', role = 'viewer', token = 'viewer-token-of-16' },\
    { name = 'ops', role = 'operator', token = 'operator-token-of-16' }]\n";

/// Keeps a dead letter of this body; returns its id.
pub(crate) async fn bury(served: &Served, reason: &str, body: &str) -> i64 {
    let event = WebhookEvent::parse(body).ok();
    let envelope = Envelope {
        delivery_id: Uuid::now_v7(),
        received_at: Utc::now(),
        idempotency_key: idempotency_key(body.as_bytes()),
        key_id: "current".into(),
        remote_addr: "127.0.0.1".into(),
        traceparent: None,
        body: body.into(),
    };
    keep(served, reason, envelope.delivery_id, event, serde_json::to_string(&envelope).unwrap()).await
}

async fn keep(
    served: &Served,
    reason: &str,
    delivery_id: Uuid,
    event: Option<WebhookEvent>,
    envelope: String,
) -> i64 {
    let letter = DeadLetterItem {
        delivery_id,
        reason: reason.into(),
        detail: "for a test".into(),
        attempts: 3,
        action: event.as_ref().map(|event| event.action),
        premise_id: event.as_ref().map(|event| event.premise_id),
        webhook_id: event.and_then(|event| event.webhook_id),
        received_at: Utc::now(),
        first_failed_at: Utc::now(),
        envelope,
    };
    served.store.keep_dead_letters(&[letter]).await.unwrap();
    let sql = served.database.connect().await;
    sql.query_one("SELECT max(id) FROM dead_letters", &[]).await.unwrap().get(0)
}

pub(crate) fn event(action: &str, premise: i64, timestamp: &str) -> String {
    let data =
        json!({"premiseid": premise, "premisename": "OLD NAME", "superintendentname": "KIPLAGAT K AMON"});
    json!({"action": action, "timestamp": timestamp, "data": data}).to_string()
}

async fn verdict(served: &Served, letter: i64) -> Value {
    let shown = served.get(&format!("/dead-letters/{letter}")).await;
    assert_eq!(shown.status, 200, "{}", shown.body);
    shown.body["verdictNow"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_narrows_and_nonsense_is_refused() {
    let served = Served::start().await;
    bury(&served, "attempts", &event("created", 1, "2026-01-01T00:00:00Z")).await;
    bury(&served, "attempts", &event("deleted", 2, "2026-01-01T00:00:00Z")).await;
    let last = bury(&served, "invalid", "{}").await;
    let sql = "UPDATE dead_letters SET dead_at = '2026-02-01T00:00:00Z' WHERE premise_id = 1";
    served.database.connect().await.batch_execute(sql).await.unwrap();
    let total = async |query: &str| served.get(&format!("/dead-letters{query}")).await.body["total"].clone();
    for (query, expected) in [
        ("", 3),
        ("?reason=attempts", 2),
        ("?premiseId=PREMISE-2", 1),
        ("?action=created", 1),
        ("?status=open", 3),
        ("?status=discarded", 0),
        ("?from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:01Z", 1),
        ("?to=2026-02-01T00:00:00Z", 0),
        ("?reason=attempts&action=deleted&premiseId=1", 0),
    ] {
        assert_eq!(total(query).await, expected, "{query}");
    }
    let newest = served.get("/dead-letters?limit=1").await.body;
    assert_eq!((&newest["deadLetters"][0]["id"], &newest["total"]), (&json!(last), &json!(3)));
    for query in
        ["?action=moved", "?status=lost", "?from=yesterday", "?premiseId=x", "?limit=201", "?colour=red"]
    {
        assert_eq!(served.get(&format!("/dead-letters{query}")).await.problem().0, 400, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_verdict_is_what_a_replay_would_do_and_changes_nothing() {
    let served = Served::start().await;
    let body = event("created", 1, "2026-01-01T00:00:00Z");
    let fresh = bury(&served, "attempts", &body).await;
    assert_eq!(verdict(&served, fresh).await, json!({"verdict": "apply", "outcome": "created"}));
    assert_eq!(served.get("/1").await.status, 404, "the register was touched");
    served.premise(1, "NEW NAME", "Nairobi", "2099-12-31").await;
    let stale = verdict(&served, fresh).await;
    assert_eq!((&stale["verdict"], &stale["supersededBy"]["channel"]), (&json!("stale"), &json!("webhook")));
    let holds = served.get("/1").await.body["provenance"]["sourceRef"].clone();
    assert_eq!(stale["supersededBy"]["sourceRef"], holds);
    served.webhook(&serde_json::from_str(&body).unwrap()).await;
    assert_eq!(verdict(&served, fresh).await, json!({"verdict": "duplicate"}));
    let partial = json!({"action": "updated", "data": {"premiseid": 7, "ward": "X"}}).to_string();
    let unknown = bury(&served, "incomplete", &partial).await;
    let still = verdict(&served, unknown).await;
    assert_eq!((&still["verdict"], &still["reason"]), (&json!("invalid"), &json!("incomplete")));
    let wrong = bury(&served, "invalid", "{}").await;
    assert_eq!(verdict(&served, wrong).await["reason"], "invalid");
    let nonsense = keep(&served, "malformed_envelope", Uuid::now_v7(), None, "nonsense".into()).await;
    let shown = served.get(&format!("/dead-letters/{nonsense}")).await.body;
    assert_eq!((&shown["message"], &shown["rawBody"]), (&json!("nonsense"), &Value::Null));
    assert_eq!(shown["verdictNow"]["reason"], "malformed_envelope");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_body_is_for_operators_only() {
    let served = Served::start_with(TOKENS, |_, _| {}).await;
    let body = event("created", 1, "2026-01-01T00:00:00Z");
    let letter = bury(&served, "attempts", &body).await;
    let get =
        async |path: &str, token: &str| answer(served.request(Method::GET, path).bearer_auth(token)).await;
    let listed = get("/dead-letters", "viewer-token-of-16").await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    assert!(!listed.body.to_string().contains("KIPLAGAT"), "{}", listed.body);
    let one = format!("/dead-letters/{letter}");
    assert_eq!(get(&one, "viewer-token-of-16").await.problem(), (403, "forbidden"));
    assert_eq!(get(&one, "operator-token-of-16").await.body["rawBody"], body);
    assert_eq!(get("/dead-letters/99", "operator-token-of-16").await.problem(), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discard_is_once_and_tells_who_and_why() {
    let served = Served::start_with(TOKENS, |_, _| {}).await;
    let letter = bury(&served, "invalid", "{}").await;
    let discard = async |letter: i64, reason: &str, token: &str| {
        let request = served.request(Method::POST, &format!("/dead-letters/{letter}/discard"));
        answer(request.json(&json!({"reason": reason})).bearer_auth(token)).await
    };
    let (viewer, operator) = ("viewer-token-of-16", "operator-token-of-16");
    assert_eq!(discard(letter, "a test of PPB", viewer).await.problem(), (403, "forbidden"));
    assert_eq!(discard(letter, " ", operator).await.problem(), (422, "invalid_reason"));
    assert_eq!(discard(99, "a test of PPB", operator).await.problem(), (404, "not_found"));
    let done = discard(letter, " a test of PPB ", operator).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let told =
        |body: &Value| [body["status"].clone(), body["settledBy"].clone(), body["settledReason"].clone()];
    let expected = [json!("discarded"), json!("operator:ops"), json!("a test of PPB")];
    assert_eq!(told(&done.body), expected);
    assert!(done.body["settledAt"].is_string());
    assert_eq!(discard(letter, "again", operator).await.problem(), (409, "dead_letter_not_open"));
    let shown = served.request(Method::GET, &format!("/dead-letters/{letter}")).bearer_auth(operator);
    assert_eq!(told(&answer(shown).await.body), expected);
}
