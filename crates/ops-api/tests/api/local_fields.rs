//! Setting GLN and notes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Served, answer};

const TOKENS: &str = "[auth]\nmode = 'token'\ntokens = [\
    { name = 'eyes', role = 'viewer', token = 'viewer-token-of-16' },\
    { name = 'ops', role = 'operator', token = 'operator-token-of-16' }]\n";

async fn patch(served: &Served, id: &str, body: &Value) -> Answer {
    answer(served.request(Method::PATCH, &format!("/{id}")).json(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_is_set_and_the_premise_answered() {
    let served = Served::start().await;
    served.premise(34014, "LIBWOB CHEMIST", "Uasin Gishu", "2099-12-31").await;
    let set = patch(&served, "PREMISE-34014", &json!({"gln": "6291041500213", "notes": " gate B "})).await;
    assert_eq!(set.status, 200, "{}", set.body);
    let local = |premise: &Value| (premise["gln"].clone(), premise["notes"].clone());
    assert_eq!(local(&set.body), (json!("6291041500213"), json!("gate B")));
    assert_eq!(set.body["premiseName"], "LIBWOB CHEMIST");
    assert_eq!(
        local(&patch(&served, "34014", &json!({"notes": null})).await.body),
        (json!("6291041500213"), Value::Null)
    );
    served.premise(34014, "RENAMED CHEMIST", "Uasin Gishu", "2099-12-31").await;
    let shown = served.get("/34014").await.body;
    assert_eq!((&shown["premiseName"], &shown["gln"]), (&json!("RENAMED CHEMIST"), &json!("6291041500213")));
    let kinds = served.get("/34014/history").await.body;
    assert_eq!(kinds["changes"].as_array().unwrap().len(), 2, "no part of the history");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_the_fields_and_sets_none() {
    let served = Served::start().await;
    served.premise(34014, "LIBWOB CHEMIST", "Uasin Gishu", "2099-12-31").await;
    let refused =
        patch(&served, "34014", &json!({"gln": "6291041500214", "notes": "kept out", "county": "Nairobi"}))
            .await;
    assert_eq!(refused.problem(), (422, "invalid_fields"));
    let named: Vec<&str> =
        refused.body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(named, ["county", "gln"]);
    assert!(refused.body["detail"].as_str().unwrap().contains("should be 3"), "{}", refused.body);
    assert_eq!(served.get("/34014").await.body["notes"], Value::Null);
    assert_eq!(patch(&served, "34014", &json!([])).await.problem(), (400, "malformed_body"));
    assert_eq!(patch(&served, "34015", &json!({"notes": "x"})).await.problem(), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_operator_may() {
    let served = Served::start_with(TOKENS, |_, _| {}).await;
    served.premise(34014, "LIBWOB CHEMIST", "Uasin Gishu", "2099-12-31").await;
    let with = async |token: &str| {
        let request = served.request(Method::PATCH, "/34014").json(&json!({"notes": "x"}));
        answer(request.bearer_auth(token)).await
    };
    assert_eq!(with("viewer-token-of-16").await.problem(), (403, "forbidden"));
    assert_eq!(with("operator-token-of-16").await.status, 200);
}
