//! The change feed, by long poll and by server-sent events.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::process::{Simulator, credentials};

fn feed(simulator: &Simulator, query: &str) -> RequestBuilder {
    simulator
        .http
        .post(format!("{}/catalogue-0.0.1/feed/premises{query}", simulator.ppb_url))
        .json(&credentials())
}

async fn poll(simulator: &Simulator, query: &str) -> Value {
    let response = feed(simulator, query).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[actix_web::test]
async fn there_is_none_unless_switched_on_and_it_wants_credentials() {
    let simulator = Simulator::small();
    assert_eq!(feed(&simulator, "").send().await.unwrap().status(), 404);
    simulator.features(json!({"feed": "longpoll"})).await;
    let url = format!("{}/catalogue-0.0.1/feed/premises", simulator.ppb_url);
    assert_eq!(simulator.http.get(&url).send().await.unwrap().status(), 401);
    let token = simulator.login().await;
    assert_eq!(simulator.http.get(&url).bearer_auth(token).send().await.unwrap().status(), 200);
    assert_eq!(feed(&simulator, "?after=x").send().await.unwrap().status(), 400);
}

#[actix_web::test]
async fn a_long_poll_gives_pages_waits_and_says_gone() {
    let simulator = Simulator::small();
    simulator.features(json!({"feed": "longpoll"})).await;
    simulator.told(Method::POST, "/churn", json!({"count": 25})).await;
    assert_eq!(poll(&simulator, "").await, json!({"events": [], "next": 25}), "without a cursor: from now");
    let first = poll(&simulator, "?after=0&limit=10").await;
    assert_eq!((first["events"].as_array().unwrap().len(), &first["next"]), (10, &json!(10)));
    assert_eq!(first["events"][0]["id"], 1);
    assert!(first["events"][0]["event"]["data"]["premiseid"].is_number());
    assert_eq!(poll(&simulator, "?after=10").await["events"].as_array().unwrap().len(), 15);
    let (waited, _) = tokio::join!(
        poll(&simulator, "?after=25&wait=20"),
        simulator.told(Method::DELETE, "/premises/34014", Value::Null)
    );
    assert_eq!((&waited["events"][0]["event"]["action"], &waited["next"]), (&json!("deleted"), &json!(26)));
    assert_eq!(poll(&simulator, "?after=26").await, json!({"events": [], "next": 26}));
    assert_eq!(feed(&simulator, "?after=99").send().await.unwrap().status(), 410);
    simulator.told(Method::POST, "/reset", Value::Null).await;
    simulator.features(json!({"feed": "longpoll"})).await;
    assert_eq!(feed(&simulator, "?after=26").send().await.unwrap().status(), 410);
}

#[actix_web::test]
async fn events_stream_and_resume() {
    let simulator = Simulator::small();
    simulator.features(json!({"feed": "sse"})).await;
    simulator.told(Method::POST, "/churn", json!({"count": 5})).await;
    let mut stream = feed(&simulator, "").header("last-event-id", "2").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while text.matches("\n\n").count() < 3 {
        text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
    }
    simulator.told(Method::DELETE, "/premises/34014", Value::Null).await;
    while text.matches("\n\n").count() < 4 {
        text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
    }
    let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["3", "4", "5", "6"]);
    assert!(text.contains("event: deleted\n"));
    let data = text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["data"]["premiseid"], 34_014);
    assert_eq!(feed(&simulator, "?after=50").send().await.unwrap().status(), 410);
}
