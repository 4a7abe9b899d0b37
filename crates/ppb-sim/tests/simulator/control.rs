//! The control API, and how the process starts and ends.

use std::{process::Command, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::process::Simulator;

#[actix_web::test]
async fn the_truth_is_listed_and_changed() {
    let simulator = Simulator::small();
    let truth = simulator.truth().await;
    assert_eq!(truth.len(), 300);
    assert!(truth.iter().all(|row| row["lastModified"].is_string()), "told here even when PPB tells it not");
    let first = truth[1].clone();
    let path = format!("/premises/{}", first["premiseid"]);

    let changed = simulator.told(Method::PUT, &path, json!({"premisename": "NEW NAME", "ward": null})).await;
    assert_eq!((&changed["action"], &changed["webhookId"]), (&json!("updated"), &Value::Null));
    assert_eq!(changed["premise"]["premisename"], "NEW NAME");
    assert_eq!(changed["premise"]["ward"], Value::Null);
    assert_eq!(changed["premise"]["county"], first["county"], "what is not named stays");
    assert!(changed["premise"]["lastModified"].as_str() > first["lastModified"].as_str());
    let again = simulator.told(Method::PUT, &path, json!({"premisename": "NEW NAME"})).await;
    assert_eq!(again["action"], "unchanged");
    let row =
        simulator.rows("").await.into_iter().find(|row| row["premiseid"] == first["premiseid"]).unwrap();
    assert_eq!(row["premisename"], "NEW NAME");

    let removed = simulator.told(Method::DELETE, &path, Value::Null).await;
    assert_eq!(removed["action"], "deleted");
    assert_eq!(simulator.truth().await.len(), 299);
    assert_eq!(simulator.refused(Method::DELETE, &path, Value::Null).await.0, 404);
    assert_eq!(simulator.refused(Method::GET, &path, Value::Null).await.0, 404);
    let back = simulator.told(Method::PUT, &path, json!({})).await;
    assert_eq!((&back["action"], &back["premise"]["premisename"]), (&json!("created"), &json!("NEW NAME")));

    let response = simulator.control(Method::PUT, "/premises/777", json!({"premisename": "ADDED"})).await;
    assert_eq!(response.status(), 201);
    let added = simulator.told(Method::GET, "/premises/PREMISE-777", Value::Null).await;
    assert_eq!((&added["premiseid"], &added["premisename"]), (&json!(777), &json!("ADDED")));
    assert!(added["county"].is_string(), "the rest is made up");
    assert_eq!(simulator.state().await["premises"], 301);
}

#[actix_web::test]
async fn a_truth_row_can_be_sent_back() {
    let simulator = Simulator::small();
    for row in simulator.truth().await.iter().take(20) {
        let path = format!("/premises/{}", row["premiseid"]);
        assert_eq!(simulator.told(Method::PUT, &path, row.clone()).await["action"], "unchanged");
    }
}

#[actix_web::test]
async fn churn_is_deterministic() {
    let (one, two) = (Simulator::small(), Simulator::small());
    let mut truths = Vec::new();
    for simulator in [&one, &two] {
        let done = simulator.told(Method::POST, "/churn", json!({"count": 500, "seed": 7})).await;
        let sum =
            ["created", "updated", "deleted"].iter().map(|name| done[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum, 500);
        let mut truth = simulator.truth().await;
        for row in &mut truth {
            row.as_object_mut().unwrap().remove("lastModified");
        }
        truths.push(truth);
    }
    assert_eq!(truths[0], truths[1]);
    let changes = one.state().await["counters"]["changes"].clone();
    assert_eq!(
        one.truth().await.len() as u64,
        300 + changes["created"].as_u64().unwrap() - changes["deleted"].as_u64().unwrap()
    );
    let updates = two.told(Method::POST, "/churn", json!({"count": 50, "actions": ["updated"]})).await;
    assert_eq!(updates["updated"], 50);
}

#[actix_web::test]
async fn reset_goes_back_to_the_start_or_to_another_catalogue() {
    let simulator = Simulator::small();
    let before = simulator.truth().await;
    simulator.told(Method::POST, "/churn", json!({"count": 50})).await;
    simulator.features(json!({"lastModified": true, "answer": "array"})).await;
    simulator.faults(json!({"stale": {"seconds": 5}})).await;
    simulator.told(Method::POST, "/reset", Value::Null).await;
    assert_eq!(simulator.truth().await, before);
    let state = simulator.state().await;
    assert_eq!((&state["faults"], &state["features"]["lastModified"]), (&json!({}), &json!(false)));
    assert_eq!(state["counters"]["changes"]["updated"], 0);
    let state = simulator.told(Method::POST, "/reset", json!({"premises": 40, "seed": 9})).await;
    assert_eq!((&state["premises"], &state["seed"]), (&json!(40), &json!(9)));
    assert_ne!(simulator.truth().await[1], before[1]);
}

#[actix_web::test]
async fn bad_input_is_told_what_to_do() {
    let simulator = Simulator::small();
    let put = |path: &'static str, body: Value| simulator.refused(Method::PUT, path, body);
    let post = |path: &'static str, body: Value| simulator.refused(Method::POST, path, body);
    for (answer, said) in [
        (put("/premises/x", json!({})).await, "such as 34014"),
        (put("/premises/0", json!({})).await, "such as 34014"),
        (put("/premises/5", json!({"premiseid": 6})).await, "send one id"),
        (put("/premises/5", json!({"name": "X"})).await, "expected one of `premiseid`"),
        (put("/premises/5", json!({"validityyear": "2026"})).await, "expected u64"),
        (put("/premises/5", json!([1])).await, "send a JSON object"),
        (put("/features", json!({"lastmodified": true})).await, "`updatedSince`"),
        (put("/features", json!({"feed": "push"})).await, "`longpoll`"),
        (put("/features", json!({"webhooks": {"enabled": true}})).await, "--webhook-url"),
        (put("/faults", json!({"server-error": {}})).await, "`server-errors`"),
        (put("/faults", json!({"cut-body": {"at": 60}})).await, "from 0 to 1"),
        (post("/churn", json!({"count": 0})).await, "from 1 to"),
        (post("/churn", json!({})).await, "count"),
        (post("/reset", json!({"premises": -1})).await, "u64"),
    ] {
        assert_eq!(answer.0, 400, "{said}");
        assert!(answer.1.contains(said), "{:?} says {said:?}", answer.1);
    }
    let (status, detail) = simulator.refused(Method::GET, "/nothing", Value::Null).await;
    assert!(status == 404 && detail.contains("POST /churn"), "{detail}");
    assert_eq!(simulator.state().await["faults"], json!({}), "a refused change changes nothing");
}

#[actix_web::test]
async fn the_page_shows_the_state() {
    let simulator = Simulator::small();
    simulator.faults(json!({"slow-body": {"bytesPerSecond": 4321}})).await;
    let response = simulator.control(Method::GET, "/", Value::Null).await;
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let page = response.text().await.unwrap();
    assert!(page.contains("slow-body") && page.contains("4321") && page.contains("300"), "{page}");
}

#[actix_web::test]
async fn it_announces_in_a_file_and_ends_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ppb-sim.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ppb-sim")).arg("--announce").arg(&file).spawn().unwrap();
    let text = wait_until(|| std::fs::read_to_string(&file).ok()).await;
    let told: Value = serde_json::from_str(&text).unwrap();
    for name in ["ppb_url", "ppb_control_url"] {
        assert!(told[name].as_str().unwrap().starts_with("http://127.0.0.1:"), "{told}");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = wait_until(|| child.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
}

#[actix_web::test]
async fn it_says_why_it_does_not_start() {
    let failed = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ppb-sim")).args(args).output().unwrap();
        assert!(!output.status.success(), "{args:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(failed(&["--webhook-url", "http://127.0.0.1:9/"]).contains("--webhook-secret-file"));
    assert!(failed(&["--password-file", "/nowhere/password"]).contains("can't read /nowhere/password"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(failed(&["--listen", &address]).contains("can't listen on"));
}

async fn wait_until<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    for _ in 0..500 {
        if let Some(value) = ready() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not happen in ten seconds");
}
