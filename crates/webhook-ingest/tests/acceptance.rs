//! What is taken, what it is answered, and what then lies in the queue.

mod support;

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use premise_broker::WorkQueue;
use premise_domain::signature::{SIGNATURE_HEADER, idempotency_key};
use support::queue::take;
use support::{Answer, Ingest, SECRET, event, sign};

#[actix_web::test]
async fn the_documented_payload_is_stored_byte_for_byte() {
    let ingest = Ingest::new().await;
    let body = format!(
        "{{\n  \"action\": \"updated\",\r\n  \"timestamp\": \"{}\", \"signature\": \"sha256_hmac_signature_here\",
           \"data\": {{\"premiseid\": 34014, \"premisename\": \"LIBWOB CHEMIST \\u00e9 é\", \"county\": \"Uasin Gishu\"}} }}\n",
        Utc::now().to_rfc3339()
    );
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let before = Utc::now();
    let answer = Answer::of(ingest.signed(&body).header("traceparent", trace).send().await.unwrap()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.body["success"], true);
    assert_eq!(answer.body["action"], "updated");
    assert_eq!(answer.body["premiseId"], "PREMISE-34014");
    assert_eq!(answer.body["message"], "Premise PREMISE-34014 update accepted");
    assert!(answer.body["webhookId"].is_null());

    let stored = take(&ingest.broker(), WorkQueue::Webhooks, 1).await;
    let [one] = stored.as_slice() else { panic!("{stored:?}") };
    assert_eq!(one.envelope.body, body);
    assert_eq!(one.envelope.idempotency_key, idempotency_key(body.as_bytes()));
    assert_eq!((one.envelope.key_id.as_str(), one.envelope.remote_addr.as_str()), ("current", "127.0.0.1"));
    assert!(one.envelope.received_at >= before - TimeDelta::milliseconds(1));
    assert_eq!(answer.body["deliveryId"], one.envelope.delivery_id.to_string());
    assert_eq!(one.message_id, one.envelope.delivery_id.to_string());
    assert_eq!(one.envelope.traceparent.as_deref(), Some(trace));
    assert_eq!(one.traceparent.as_deref(), Some(trace));
    assert_eq!(ingest.metric("premise_webhook_requests_total{verdict=\"accepted\"}").await, 1);
    assert_eq!(ingest.metric("premise_webhook_signature_key_total{key=\"current\"}").await, 1);
    assert_eq!(ingest.metric("premise_webhook_confirm_seconds_count").await, 1);
    assert_eq!(ingest.metric("premise_webhook_in_flight").await, 0);
    ingest.stop().await;
}

#[actix_web::test]
async fn the_short_form_without_a_timestamp_is_taken() {
    let ingest = Ingest::new().await;
    for (action, message) in [
        ("created", "Premise PREMISE-7 creation accepted"),
        ("updated", "Premise PREMISE-7 update accepted"),
        ("deleted", "Premise PREMISE-7 deletion accepted"),
    ] {
        let body = format!(
            r#"{{"action":"{action}","webhookId":"w-1","data":{{"premiseid":7,"premisename":"NAME"}}}}"#
        );
        let answer = ingest.send(&body).await;
        assert_eq!((answer.status, answer.body["message"].as_str()), (202, Some(message)), "{answer:?}");
        assert_eq!(answer.body["webhookId"], "w-1");
    }
    ingest.stop().await;
}

#[actix_web::test]
async fn only_the_exact_bytes_pass() {
    let ingest = Ingest::new().await;
    let body = event(34_014, TimeDelta::zero());
    let signature = sign(SECRET, &body);
    let reserialised = serde_json::from_str::<serde_json::Value>(&body).unwrap().to_string();
    assert_ne!(reserialised, body);
    let mut flipped = body.clone().into_bytes();
    flipped[60] ^= 1;
    for other in [reserialised, String::from_utf8(flipped).unwrap(), format!("{body} "), String::new()] {
        let request = ingest.post(other.clone()).header(SIGNATURE_HEADER, &signature);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.problem(), (401, "signature_invalid"), "{other}");
    }
    assert_eq!(ingest.send(&body).await.status, 202);
    ingest.stop().await;
}

#[actix_web::test]
async fn a_repeat_is_answered_and_not_published_again() {
    let ingest = Ingest::new().await;
    let body = event(34_014, TimeDelta::zero());
    let first = ingest.send(&body).await;
    assert_eq!(first.status, 202, "{first:?}");
    for _ in 0..3 {
        let again = ingest.send(&body).await;
        assert_eq!((again.status, again.body["message"].as_str()), (200, Some("Already processed")));
        assert_eq!(again.body["success"], true);
        assert_eq!(again.body["deliveryId"], first.body["deliveryId"]);
        assert_eq!(again.body["premiseId"], "PREMISE-34014");
    }
    let stored = take(&ingest.broker(), WorkQueue::Webhooks, 1).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(ingest.metric("premise_webhook_requests_total{verdict=\"duplicate\"}").await, 3);
    ingest.stop().await;
}

#[actix_web::test]
async fn identical_bodies_at_once_are_published_once() {
    let ingest = Ingest::new().await;
    let body = event(34_014, TimeDelta::zero());
    let answers = join_all((0..40).map(|_| ingest.send(&body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 39);
    assert_eq!(take(&ingest.broker(), WorkQueue::Webhooks, 1).await.len(), 1);
    ingest.stop().await;
}

#[actix_web::test]
async fn freshness_is_judged_at_receipt_on_both_sides() {
    let ingest = Ingest::with("past_window_seconds = 3600\nfuture_window_seconds = 60").await;
    for (ago, expected) in [
        (TimeDelta::seconds(3_590), None),
        (TimeDelta::seconds(3_601), Some("timestamp_stale")),
        (TimeDelta::seconds(-50), None),
        (TimeDelta::seconds(-70), Some("timestamp_future")),
    ] {
        let answer = ingest.send(&event(1, ago)).await;
        match expected {
            None => assert_eq!(answer.status, 202, "{ago}: {answer:?}"),
            Some(code) => assert_eq!(answer.problem(), (401, code), "{ago}"),
        }
    }
    ingest.stop().await;
}

#[actix_web::test]
async fn an_authentic_but_invalid_event_is_refused_with_its_errors_and_kept() {
    let ingest = Ingest::new().await;
    let body = r#"{"action":"moved","timestamp":"yesterday","data":{"premiseid":0}}"#;
    for _ in 0..2 {
        let answer = ingest.send(body).await;
        assert_eq!(answer.problem(), (422, "invalid_event"), "{answer:?}");
        let fields: Vec<_> =
            answer.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["action", "timestamp", "data.premiseid"]);
    }
    let letters = take(&ingest.broker(), WorkQueue::WebhookDeadLetters, 1).await;
    let [one] = letters.as_slice() else { panic!("kept once: {letters:?}") };
    assert_eq!(one.envelope.body, body);
    assert_eq!(one.letter.reason, "invalid");
    assert!(one.letter.detail.contains("data.premiseid"), "{:?}", one.letter);
    ingest.stop().await;
}

#[actix_web::test]
async fn what_is_not_json_is_refused() {
    let ingest = Ingest::new().await;
    for body in ["", "{", "nope", r#"{"action":"updated","data":{"premiseid":1}"#, "\u{feff}{}", "{}\u{0}"] {
        let answer = ingest.send(body).await;
        assert_eq!(answer.problem(), (400, "malformed_json"), "{body:?}");
    }
    let deep = "[".repeat(200_000);
    assert_eq!(ingest.send(&deep).await.problem(), (400, "malformed_json"));
    let not_utf8 = b"{\"action\":\"\xff\"}".to_vec();
    let key = premise_domain::signature::SigningKey::new("test", SECRET.as_bytes()).unwrap();
    let request = ingest.post("").body(not_utf8.clone()).header(SIGNATURE_HEADER, key.sign(&not_utf8));
    assert_eq!(Answer::of(request.send().await.unwrap()).await.problem(), (400, "malformed_json"));
    ingest.stop().await;
}

#[actix_web::test]
async fn secrets_rotate_by_id_and_expiry() {
    let rotation = format!(
        "secret_id = '2026-07'\nprevious_secret = 'old'\nprevious_secret_id = '2026-01'\n\
         previous_secret_expires_at = {}\n[[webhook.secrets]]\nid = 'gone'\nkey = 'older'\n\
         expires_at = 2026-01-01T00:00:00Z",
        (Utc::now() + TimeDelta::hours(1)).to_rfc3339()
    );
    let ingest = Ingest::with(&rotation).await;
    for (n, secret, id) in [(1, SECRET, Some("2026-07")), (2, "old", Some("2026-01")), (3, "older", None)] {
        let body = event(n, TimeDelta::zero());
        let both = format!("sha256={}, sha256={}", "00".repeat(32), sign(secret, &body));
        let answer = Answer::of(ingest.post(body).header(SIGNATURE_HEADER, both).send().await.unwrap()).await;
        match id {
            Some(_) => assert_eq!(answer.status, 202, "{secret}"),
            None => assert_eq!(answer.problem(), (401, "signature_invalid"), "{secret}"),
        }
    }
    let mut ids: Vec<_> = take(&ingest.broker(), WorkQueue::Webhooks, 2)
        .await
        .into_iter()
        .map(|stored| stored.envelope.key_id)
        .collect();
    ids.sort();
    assert_eq!(ids, ["2026-01", "2026-07"]);
    ingest.stop().await;
}
