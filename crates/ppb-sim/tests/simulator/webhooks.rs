//! Webhooks: what they say, how they are signed, and what the features make of them.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::{
    process::Simulator,
    receiver::{Received, Receiver, SECRET},
};

fn start(receiver: &Receiver, more: &[&str]) -> (Simulator, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{SECRET}\n")).unwrap();
    let secret = file.path().to_str().unwrap();
    let options = [
        "--premises",
        "300",
        "--year",
        "2026",
        "--webhook-url",
        &receiver.url,
        "--webhook-secret-file",
        secret,
    ];
    (Simulator::start(&[&options, more].concat()), file)
}

fn ids(received: &[Received]) -> Vec<String> {
    received.iter().map(|r| r.json()["webhookId"].as_str().unwrap().to_owned()).collect()
}

async fn churn(simulator: &Simulator, count: u64) -> Value {
    simulator.told(Method::POST, "/churn", json!({"count": count, "seed": 3})).await
}

/// Counters of the webhooks once none is waiting.
async fn settled(simulator: &Simulator) -> Value {
    for _ in 0..500 {
        let state = simulator.state().await;
        if state["webhooksQueued"] == 0 {
            return state["counters"]["webhooks"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("webhooks still wait: {}", simulator.state().await);
}

#[actix_web::test]
async fn a_change_is_told_and_signed() {
    let receiver = Receiver::start();
    let (simulator, _secret) = start(&receiver, &[]);
    let changed =
        simulator.told(Method::PUT, "/premises/34014", json!({"premisename": "UPDATED CHEMIST NAME"})).await;
    let received = receiver.wait_for(1).await;
    assert!(received[0].signed_rightly());
    let body = received[0].json();
    assert_eq!((&body["action"], &body["webhookId"]), (&json!("updated"), &changed["webhookId"]));
    let at: DateTime<Utc> = body["timestamp"].as_str().unwrap().parse().unwrap();
    assert!((Utc::now() - at).abs() < TimeDelta::seconds(20), "{at}");
    assert_eq!(body["data"]["premisename"], "UPDATED CHEMIST NAME");
    assert_eq!(body["data"].as_object().unwrap().len(), 12, "every field, and no lastModified");

    simulator.features(json!({"lastModified": true})).await;
    simulator.told(Method::DELETE, "/premises/34014", Value::Null).await;
    simulator.told(Method::PUT, "/premises/5", json!({"premisename": "NEW"})).await;
    let received = receiver.wait_for(3).await;
    assert_eq!(received[1].json()["action"], "deleted");
    assert_eq!(received[1].json()["data"]["premiseid"], 34_014);
    assert_eq!(received[2].json()["action"], "created");
    assert_eq!(received[2].json()["data"]["lastModified"], received[2].json()["timestamp"]);
    receiver.stop().await;
}

#[actix_web::test]
async fn every_change_arrives_once_and_in_order_for_each_premise() {
    let receiver = Receiver::start();
    let (simulator, _secret) = start(&receiver, &[]);
    assert_eq!(churn(&simulator, 2_000).await["webhooks"], 2_000);
    let received = receiver.wait_for(2_000).await;
    assert!(received.iter().all(Received::signed_rightly));
    assert_eq!(ids(&received).iter().collect::<HashSet<_>>().len(), 2_000);
    let mut latest = std::collections::HashMap::new();
    for body in received.iter().map(Received::json) {
        let at = body["timestamp"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        let before = latest.insert(body["data"]["premiseid"].as_u64().unwrap(), at);
        assert!(before < Some(at), "premise {} went back", body["data"]["premiseid"]);
    }
    assert_eq!(settled(&simulator).await["delivered"], 2_000);
}

#[actix_web::test]
async fn a_refused_webhook_is_tried_again_and_given_up_in_the_end() {
    let receiver = Receiver::start();
    let (simulator, _secret) = start(&receiver, &["--webhook-attempts", "3"]);
    receiver.refuse_next(2);
    simulator.told(Method::PUT, "/premises/34014", json!({"premisename": "NEW"})).await;
    let received = receiver.wait_for(3).await;
    assert_eq!(received[0].body, received[2].body, "the same bytes each time");
    let counters = settled(&simulator).await;
    assert_eq!((&counters["delivered"], &counters["retried"]), (&json!(1), &json!(2)));
    receiver.refuse_next(3);
    simulator.told(Method::PUT, "/premises/34014", json!({"premisename": "NEWER"})).await;
    receiver.wait_for(6).await;
    assert_eq!(settled(&simulator).await["givenUp"], 1);
}

#[actix_web::test]
async fn an_absent_receiver_blocks_nobody_and_reset_drops_what_waits() {
    let receiver = Receiver::start();
    let (simulator, _secret) = start(&receiver, &["--webhook-queue", "100"]);
    receiver.stop().await;
    let done = churn(&simulator, 500).await;
    assert_eq!(done["webhooks"], 100);
    let state = simulator.state().await;
    assert_eq!(state["webhooksQueued"], 100);
    assert_eq!(state["counters"]["webhooks"]["overflowed"], 400);
    simulator.told(Method::POST, "/reset", Value::Null).await;
    let counters = settled(&simulator).await;
    assert_eq!((&counters["discarded"], &counters["delivered"]), (&json!(100), &json!(0)));
}

#[actix_web::test]
async fn webhooks_are_lost_repeated_and_badly_signed_by_share() {
    let receiver = Receiver::start();
    let (simulator, _secret) = start(&receiver, &[]);
    let webhooks = json!({"loss": 0.3, "duplicate": 0.2, "badSignature": 0.1});
    simulator.features(json!({"webhooks": webhooks})).await;
    churn(&simulator, 400).await;
    let counters = settled(&simulator).await;
    let count = |name: &str| counters[name].as_u64().unwrap();
    let (lost, repeated) = (count("lost"), count("duplicated"));
    assert!((80..160).contains(&lost) && (30..90).contains(&repeated), "{counters}");
    let received = receiver.received();
    assert_eq!(received.len() as u64, 400 - lost + repeated);
    let distinct: HashSet<String> = ids(&received).into_iter().collect();
    assert_eq!(distinct.len() as u64, 400 - lost);
    let bad = received.iter().filter(|r| !r.signed_rightly()).count();
    assert_eq!(bad as u64, count("badlySigned"));
    assert!((10..70).contains(&bad), "{bad}");
    receiver.stop().await;
}

#[actix_web::test]
async fn webhooks_come_late_out_of_order_or_not_at_all() {
    let receiver = Receiver::start();
    let (simulator, _secret) = start(&receiver, &[]);
    let webhooks = json!({"webhooks": {"reorder": 0.3, "delayMs": 300}});
    simulator.features(webhooks).await;
    let started = std::time::Instant::now();
    churn(&simulator, 200).await;
    receiver.wait_for(1).await;
    assert!(started.elapsed().as_millis() >= 300);
    let received = receiver.wait_for(200).await;
    let instants: Vec<_> =
        received.iter().map(|r| r.json()["timestamp"].as_str().unwrap().to_owned()).collect();
    assert!(!instants.is_sorted());
    assert!(settled(&simulator).await["reordered"].as_u64().unwrap() > 30);
    simulator.features(json!({"webhooks": {"enabled": false}})).await;
    let changed = simulator.told(Method::PUT, "/premises/34014", json!({"premisename": "QUIET"})).await;
    assert_eq!(changed["webhookId"], Value::Null);
    settled(&simulator).await;
    assert_eq!(receiver.received().len(), 200);
}

#[actix_web::test]
async fn webhooks_can_come_from_another_address_and_with_odd_instants() {
    let receiver = Receiver::start();
    let (simulator, _secret) = start(&receiver, &[]);
    simulator.features(json!({"webhooks": {"sourceAddress": "127.0.0.2"}})).await;
    simulator.faults(json!({"naive-timestamps": {}, "clock-skew": {"seconds": 600}})).await;
    simulator.told(Method::PUT, "/premises/34014", json!({"premisename": "NEW"})).await;
    let received = receiver.wait_for(1).await;
    assert_eq!(received[0].from.to_string(), "127.0.0.2");
    let body = received[0].json();
    let shown: chrono::NaiveDateTime = body["timestamp"].as_str().unwrap().parse().unwrap();
    let expected = (Utc::now() + TimeDelta::hours(3) + TimeDelta::minutes(10)).naive_utc();
    assert!((shown - expected).abs() < TimeDelta::seconds(20), "{shown}");
}
