//! Standard Webhooks as the scheme, alone and beside `x-ppb-signature`.

mod support;

use chrono::{TimeDelta, Utc};
use premise_broker::WorkQueue;
use premise_domain::signature::{SIGNATURE_HEADER as PPB_HEADER, idempotency_key};
use premise_domain::standard_webhooks::{ID_HEADER, SIGNATURE_HEADER, StandardKey, TIMESTAMP_HEADER};
use reqwest::RequestBuilder;
use support::queue::take;
use support::{Answer, Ingest, SECRET, event, sign};

const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Both schemes: the tests' own secret is for `x-ppb-signature`.
const BOTH: &str = "scheme = 'both'\nprevious_secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'\nprevious_secret_id = 'standard'";

/// A request signed as message `id`, sent `ago` before now.
fn signed(ingest: &Ingest, id: &str, body: &str, ago: TimeDelta) -> RequestBuilder {
    let timestamp = (Utc::now() - ago).timestamp();
    let signature = StandardKey::new("test", STANDARD).expect("a key").sign(id, timestamp, body.as_bytes());
    let request = ingest.post(body).header(ID_HEADER, id).header(TIMESTAMP_HEADER, timestamp);
    request.header(SIGNATURE_HEADER, signature)
}

async fn answer(request: RequestBuilder) -> Answer {
    Answer::of(request.send().await.expect("an answer")).await
}

#[actix_web::test]
async fn either_scheme_is_taken_and_the_envelope_says_which_secret() {
    let ingest = Ingest::with(BOTH).await;
    let (first, second) = (event(1, TimeDelta::zero()), event(2, TimeDelta::zero()));
    assert_eq!(answer(signed(&ingest, "msg_1", &first, TimeDelta::zero())).await.status, 202);
    assert_eq!(ingest.send(&second).await.status, 202);
    // Another attempt of the same message is a repeat.
    assert_eq!(answer(signed(&ingest, "msg_1", &first, TimeDelta::seconds(9))).await.status, 200);
    let stored = take(&ingest.broker(), WorkQueue::Webhooks, 2).await;
    let mut keys: Vec<_> = stored.iter().map(|one| (&*one.envelope.key_id, &*one.envelope.body)).collect();
    keys.sort_unstable();
    assert_eq!(keys, [("current", &*second), ("standard", &*first)]);
    assert!(stored.iter().any(|one| one.envelope.idempotency_key == idempotency_key(first.as_bytes())));
    ingest.stop().await;
}

#[actix_web::test]
async fn id_timestamp_body_and_secret_must_all_fit() {
    let ingest = Ingest::with(BOTH).await;
    let body = event(1, TimeDelta::zero());
    let timestamp = Utc::now().timestamp();
    let right = StandardKey::new("test", STANDARD).unwrap().sign("msg_1", timestamp, body.as_bytes());
    let send = async |id: &str, at: &str, signature: &str, body: &str| {
        let request = ingest.post(body).header(ID_HEADER, id).header(TIMESTAMP_HEADER, at);
        answer(request.header(SIGNATURE_HEADER, signature)).await
    };
    let at = timestamp.to_string();
    let other = StandardKey::new("test", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let by_other = other.sign("msg_1", timestamp, body.as_bytes());
    let hex = sign(STANDARD, &body);
    for (id, at, signature, body) in [
        ("msg_2", &*at, &*right, &*body),
        ("msg_1", &(timestamp - 1).to_string(), &right, &body),
        ("msg_1", &at, &right, &format!("{body} ")),
        ("msg_1", &at, &by_other, &body),
        ("msg_1", &at, &hex, &body),
        ("msg_1", &at, "v1,", &body),
        ("msg.1", &at, &right, &body),
        ("msg_1", "NaN", &right, &body),
    ] {
        let told = send(id, at, signature, body).await;
        assert_eq!(told.problem(), (401, "signature_invalid"), "{id} {at} {body}");
    }
    let lacking = ingest.post(&*body).header(SIGNATURE_HEADER, &right).header(ID_HEADER, "msg_1");
    assert_eq!(answer(lacking).await.problem(), (401, "signature_missing"));
    let twice = signed(&ingest, "msg_1", &body, TimeDelta::zero()).header(ID_HEADER, "msg_1");
    assert_eq!(answer(twice).await.problem(), (401, "signature_invalid"));
    // A secret of one scheme proves nothing in the other.
    let crossed = ingest.post(&*body).header(PPB_HEADER, &hex);
    assert_eq!(answer(crossed).await.problem(), (401, "signature_invalid"));
    assert_eq!(send("msg_1", &at, &format!("{by_other} {right}"), &body).await.status, 202);
    ingest.stop().await;
}

#[actix_web::test]
async fn an_attempts_instant_is_judged_on_both_sides() {
    let ingest = Ingest::with(&format!("{BOTH}\nattempt_window_seconds = 60")).await;
    for (n, ago, expected) in
        [(1, 50, None), (2, 70, Some("timestamp_stale")), (3, -50, None), (4, -70, Some("timestamp_future"))]
    {
        // The event itself may be old: its sender tries for hours, each attempt with an instant of its own.
        let body = event(n, TimeDelta::hours(5));
        let told = answer(signed(&ingest, "msg_1", &body, TimeDelta::seconds(ago))).await;
        match expected {
            None => assert_eq!(told.status, 202, "{ago}: {told:?}"),
            Some(code) => assert_eq!(told.problem(), (401, code), "{ago}"),
        }
    }
    ingest.stop().await;
}

#[actix_web::test]
async fn a_scheme_alone_reads_no_other_header() {
    let by_default = Ingest::new().await;
    let body = event(1, TimeDelta::zero());
    let told = answer(signed(&by_default, "msg_1", &body, TimeDelta::zero())).await;
    assert_eq!(told.problem(), (401, "signature_missing"));
    assert_eq!(by_default.send(&body).await.status, 202);
    by_default.stop().await;

    let prefix = premise_testkit::QueuePrefix::new();
    let url = prefix.broker_url().to_owned();
    let only = format!("scheme = 'standard'\nsecret = '{STANDARD}'");
    let standard = Ingest::start_keyed(prefix, &url, &only, "").await;
    for secret in [STANDARD, SECRET] {
        let request = standard.post(&*body).header(PPB_HEADER, sign(secret, &body));
        assert_eq!(answer(request).await.problem(), (401, "signature_missing"));
    }
    assert_eq!(answer(signed(&standard, "msg_1", &body, TimeDelta::zero())).await.status, 202);
    standard.stop().await;
}
