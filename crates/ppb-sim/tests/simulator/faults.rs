//! Every fault, as a client meets it.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::process::{Simulator, list};

async fn ask(simulator: &Simulator) -> Response {
    simulator.by_body("").send().await.unwrap()
}

async fn statuses(simulator: &Simulator, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(ask(simulator).await.status().as_u16());
    }
    statuses
}

fn share(rows: &[Value], hit: impl Fn(&Value) -> bool) -> usize {
    rows.iter().filter(|row| hit(row)).count()
}

#[actix_web::test]
async fn unauthorized_mid_run_ends_the_token_once() {
    let simulator = Simulator::small();
    let token = simulator.login().await;
    simulator.faults(json!({"unauthorized-mid-run": {}})).await;
    let get = |token: String| simulator.http.get(simulator.catalogue_url("")).bearer_auth(token).send();
    assert_eq!(get(token.clone()).await.unwrap().status(), 401);
    assert_eq!(get(token).await.unwrap().status(), 401, "the token is revoked");
    let token = simulator.login().await;
    assert_eq!(get(token).await.unwrap().status(), 200);
    simulator.faults(json!({"unauthorized-mid-run": {"count": 2}})).await;
    assert_eq!(statuses(&simulator, 3).await, [401, 401, 200]);
}

#[actix_web::test]
async fn bursts_end_after_their_count() {
    let simulator = Simulator::small();
    simulator.faults(json!({"too-many-requests": {"count": 2, "retryAfter": 3}})).await;
    let first = ask(&simulator).await;
    assert_eq!((first.status().as_u16(), &first.headers()["retry-after"]), (429, &"3".parse().unwrap()));
    assert_eq!(statuses(&simulator, 2).await, [429, 200]);
    simulator.faults(json!({"server-errors": {"count": 5}})).await;
    assert!(!ask(&simulator).await.headers().contains_key("retry-after"));
    assert_eq!(simulator.state().await["faults"]["server-errors"]["count"], 4);
    assert_eq!(statuses(&simulator, 5).await, [503, 503, 503, 503, 200]);
    simulator.faults(json!({"server-errors": {"status": 502, "retryAfter": 1}})).await;
    assert_eq!(statuses(&simulator, 3).await, [502, 502, 502]);
    simulator.told(Method::DELETE, "/faults", Value::Null).await;
    assert_eq!(statuses(&simulator, 1).await, [200]);
}

#[actix_web::test]
async fn pages_and_documents_without_a_list_come_with_200() {
    let simulator = Simulator::small();
    simulator.faults(json!({"html-error-page": {"count": 1}})).await;
    let page = ask(&simulator).await;
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text().await.unwrap().contains("</html>"));
    simulator.faults(json!({"missing-embedded": {"count": 1}})).await;
    assert_eq!(simulator.catalogue("").await, json!({}));
    assert_eq!(simulator.rows("").await.len(), 300);
}

#[actix_web::test]
async fn a_body_is_cut_at_sixty_percent() {
    let simulator = Simulator::start(&["--premises", "3000"]);
    let whole = ask(&simulator).await.bytes().await.unwrap().len();
    simulator.faults(json!({"cut-body": {"at": 0.6, "answers": 1}})).await;
    let mut response = ask(&simulator).await;
    assert_eq!(response.status(), 200);
    let mut got = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got += chunk.len(),
            Ok(None) => panic!("the body ended as if it were whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(got, whole * 6 / 10);
    assert_eq!(ask(&simulator).await.bytes().await.unwrap().len(), whole);
}

#[actix_web::test]
async fn a_wrong_content_length_promises_too_much_or_hides_the_end() {
    let simulator = Simulator::small();
    let whole = ask(&simulator).await.bytes().await.unwrap();
    simulator.faults(json!({"wrong-content-length": {"offset": 500, "answers": 1}})).await;
    let response = ask(&simulator).await;
    assert_eq!(response.content_length(), Some(whole.len() as u64 + 500));
    assert!(response.bytes().await.is_err());
    simulator.faults(json!({"wrong-content-length": {"offset": -500, "answers": 1}})).await;
    let short = ask(&simulator).await.bytes().await.unwrap();
    assert_eq!(short, whole[..whole.len() - 500]);
}

#[actix_web::test]
async fn a_body_is_slow_stalls_or_starts_late() {
    let simulator = Simulator::small();
    let whole = ask(&simulator).await.bytes().await.unwrap().len();
    for fault in [
        json!({"slow-body": {"bytesPerSecond": whole * 2, "answers": 1}}),
        json!({"stalled-body": {"at": 0.5, "seconds": 1, "answers": 1}}),
        json!({"slow-start": {"milliseconds": 400, "answers": 1}}),
    ] {
        let started = Instant::now();
        simulator.faults(fault.clone()).await;
        assert_eq!(ask(&simulator).await.bytes().await.unwrap().len(), whole);
        assert!(started.elapsed() >= Duration::from_millis(400), "{fault}: {:?}", started.elapsed());
    }
    assert_eq!(simulator.state().await["faults"], json!({}));
}

#[actix_web::test]
async fn the_list_is_truncated_whatever_is_asked() {
    let simulator = Simulator::small();
    simulator.faults(json!({"truncate": {"limit": 100}})).await;
    assert_eq!(simulator.rows("?limit=15000").await.len(), 100);
    assert_eq!(simulator.rows("?limit=50").await.len(), 50);
}

#[actix_web::test]
async fn a_stale_answer_shows_an_earlier_moment() {
    let simulator = Simulator::small();
    simulator.told(Method::DELETE, "/premises/34014", Value::Null).await;
    assert_eq!(simulator.rows("").await.len(), 299);
    simulator.faults(json!({"stale": {"seconds": 60}})).await;
    assert_eq!(simulator.rows("").await.len(), 300);
    assert_eq!(simulator.truth().await.len(), 299, "the truth is never stale");
}

#[actix_web::test]
async fn keys_come_twice() {
    let simulator = Simulator::small();
    for differing in [false, true] {
        simulator.faults(json!({"duplicate-keys": {"count": 3, "differing": differing}})).await;
        let rows = simulator.rows("").await;
        let keys: HashSet<u64> = rows.iter().map(|row| row["premiseid"].as_u64().unwrap()).collect();
        assert_eq!((rows.len(), keys.len()), (303, 300));
        assert_eq!(rows[300] != rows[0], differing);
    }
}

#[actix_web::test]
async fn fields_are_renamed_retyped_and_nulled() {
    let simulator = Simulator::small();
    simulator
        .faults(json!({"renamed-field": {"field": "premisename", "to": "premise_name", "answers": 1}}))
        .await;
    assert_eq!(share(&simulator.rows("").await, |row| row["premise_name"].is_string()), 300);
    simulator.faults(json!({"retyped-field": {"field": "premiseid", "fraction": 0.1}})).await;
    let rows = simulator.rows("").await;
    let retyped = share(&rows, |row| row["premiseid"].is_string());
    assert!((10..60).contains(&retyped), "{retyped}");
    assert_eq!(rows, simulator.rows("").await, "the same rows each time");
    simulator.faults(json!({"retyped-field": null, "nulls": {"field": "county", "fraction": 0.3}})).await;
    let nulls = share(&simulator.rows("").await, |row| row["county"].is_null());
    assert!((60..120).contains(&nulls), "{nulls}");
}

#[actix_web::test]
async fn instants_come_without_a_zone_or_from_the_future() {
    let simulator = Simulator::small();
    simulator.features(json!({"lastModified": true})).await;
    let seed = |rows: Vec<Value>| {
        let row = rows.into_iter().find(|row| row["premiseid"] == 34_014).unwrap();
        row["lastModified"].as_str().unwrap().to_owned()
    };
    assert_eq!(seed(simulator.rows("").await), "2025-12-11T09:15:00Z");
    simulator.faults(json!({"naive-timestamps": {"answers": 1}})).await;
    let naive = seed(simulator.rows("").await);
    assert_eq!(naive, "2025-12-11T12:15:00");
    assert!(naive.parse::<NaiveDateTime>().is_ok());
    simulator.faults(json!({"future-timestamps": {"seconds": 60}})).await;
    assert_eq!(seed(simulator.rows("").await), "2025-12-11T09:16:00Z");
}

#[actix_web::test]
async fn a_skewed_clock_shows_in_date_and_in_changes() {
    let simulator = Simulator::small();
    simulator.faults(json!({"clock-skew": {"seconds": -7200}})).await;
    let expected = Utc::now() - TimeDelta::hours(2);
    let near = |at: DateTime<Utc>| (at - expected).abs() < TimeDelta::seconds(20);
    let response = ask(&simulator).await;
    let date = response.headers()["date"].to_str().unwrap().to_owned();
    assert!(near(DateTime::parse_from_rfc2822(&date).unwrap().into()), "{date}");
    assert_eq!(list(response.json().await.unwrap()).len(), 300);
    let changed = simulator.told(Method::PUT, "/premises/34014", json!({"premisename": "NEW"})).await;
    let modified = changed["premise"]["lastModified"].as_str().unwrap();
    assert!(near(modified.parse().unwrap()), "{modified}");
}
