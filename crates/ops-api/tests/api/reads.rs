//! Lists, one premise, history, key figures.

use serde_json::json;

use crate::support::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_paged_filtered_and_refuses_what_it_does_not_know() {
    let served = Served::start().await;
    for (id, name, county) in
        [(3, "CEDAR CHEMIST", "Nairobi"), (1, "ACACIA CHEMIST", "Nairobi"), (2, "BAOBAB CHEMIST", "Kisumu")]
    {
        served.premise(id, name, county, "2099-12-31").await;
    }
    let all = served.get("").await.body;
    assert_eq!((&all["total"], &all["page"], &all["limit"]), (&json!(3), &json!(1), &json!(50)));
    assert_eq!(all["premises"][0]["premiseId"], "PREMISE-1");
    let second = served.get("/?page=2&limit=2").await.body;
    assert_eq!((second["premises"].as_array().unwrap().len(), &second["total"]), (1, &json!(3)));
    let filtered =
        served.get("?county=Nairobi&sort=-premiseId&licenseStatus=valid&cadre=pharmtech").await.body;
    assert_eq!((&filtered["total"], &filtered["premises"][0]["id"]), (&json!(2), &json!(3)));
    assert_eq!(served.get("?search=baobab").await.body["premises"][0]["premiseName"], "BAOBAB CHEMIST");
    for (query, parameter) in [
        ("?limit=201", "limit"),
        ("?limit=0", "limit"),
        ("?page=0", "page"),
        ("?sort=raw", "sort"),
        ("?status=gone", "status"),
    ] {
        let refused = served.get(query).await;
        assert_eq!(refused.problem(), (400, "invalid_query"), "{query}");
        assert_eq!(refused.body["parameter"], parameter);
    }
    for query in ["?country=Kenya", "?limit=x", "?licenseStatus=good"] {
        assert_eq!(served.get(query).await.problem(), (400, "invalid_query"), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_premise_is_found_by_both_forms_of_its_id() {
    let served = Served::start().await;
    served.premise(34014, "LIBWOB CHEMIST", "Uasin Gishu", "2020-12-31").await;
    for id in ["34014", "PREMISE-34014", "premise-34014"] {
        let shown = served.get(&format!("/{id}")).await.body;
        assert_eq!(
            (&shown["premiseId"], &shown["premiseName"]),
            (&json!("PREMISE-34014"), &json!("LIBWOB CHEMIST"))
        );
        assert_eq!(
            (&shown["licenseStatus"], &shown["licenseValidity"]),
            (&json!("expired"), &json!("2020-12-31"))
        );
        assert_eq!(
            (&shown["status"], &shown["provenance"]["channel"]),
            (&json!("active"), &json!("webhook"))
        );
    }
    for path in ["/34015", "/99999999999999999999", "/0", "/34014x", "/webhook", "/nothing/here"] {
        assert_eq!(served.get(path).await.problem(), (404, "not_found"), "{path}");
    }
    assert_eq!(served.post("/34014").await.problem(), (405, "method_not_allowed"));
    assert_eq!(served.get("/sync").await.problem(), (405, "method_not_allowed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_tells_changes_and_past_states() {
    let served = Served::start().await;
    served.premise(34014, "OLD NAME", "Nairobi", "2099-12-31").await;
    let before = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    served.premise(34014, "NEW NAME", "Nairobi", "2099-12-31").await;
    served
        .webhook(&json!({"action": "deleted", "data": {"premiseid": 34014, "premisename": "NEW NAME"}}))
        .await;
    let history = served.get("/34014/history").await.body;
    let kinds: Vec<_> = history["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["deleted", "updated", "created"]);
    assert_eq!(history["changes"][1]["from"], json!({"premiseName": "OLD NAME"}));
    assert_eq!(history["changes"][1]["to"], json!({"premiseName": "NEW NAME"}));
    let past = served.get(&format!("/PREMISE-34014/history?asOf={before}")).await.body;
    assert_eq!((&past["premiseName"], &past["status"]), (&json!("OLD NAME"), &json!("active")));
    assert_eq!(served.get("/34014/history?limit=1").await.body["changes"].as_array().unwrap().len(), 1);
    assert_eq!(served.get("/34014").await.body["status"], "inactive");
    assert_eq!(served.get("/34014/history?asOf=2020-01-01T00:00:00Z").await.problem(), (404, "not_found"));
    assert_eq!(served.get("/34014/history?asOf=then").await.problem(), (400, "invalid_query"));
    assert_eq!(served.get("/5/history").await.problem(), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_figures_have_the_shapes_of_the_contract() {
    let served = Served::start().await;
    served.premise(1, "A", "Nairobi", "2099-12-31").await;
    served.premise(2, "B", "Nairobi", "2020-12-31").await;
    served.webhook(&json!({"action": "deleted", "data": {"premiseid": 2, "premisename": "B"}})).await;
    let stats = served.get("/stats").await.body;
    assert_eq!((&stats["total"], &stats["active"], &stats["inactive"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(stats["byCounty"], json!([{"county": "Nairobi", "count": 1}]));
    assert_eq!(stats["byBusinessType"], json!([{"businessType": "RETAIL", "count": 1}]));
    assert_eq!(stats["byLicenseStatus"], json!([{"licenseStatus": "valid", "count": 1}]));
    assert!(stats["lastSynced"].is_string());
    let webhooks = served.get("/webhook-stats?window=24h").await.body;
    assert_eq!(
        (&webhooks["total"], &webhooks["successful"], &webhooks["failed"]),
        (&json!(3), &json!(3), &json!(0))
    );
    assert_eq!((&webhooks["successRate"], &webhooks["byOutcome"]["created"]), (&json!(100.0), &json!(2)));
    assert!(webhooks["avgProcessingTime"].as_str().unwrap().ends_with("ms"), "{webhooks}");
    for window in ["x", "0s", "91d"] {
        assert_eq!(
            served.get(&format!("/webhook-stats?window={window}")).await.problem(),
            (400, "invalid_query")
        );
    }
    let lag = served.get("/sync-lag").await.body;
    assert_eq!(
        (&lag["status"], &lag["lastSyncDate"], &lag["channels"]["webhook"]["lagMinutes"]),
        (&json!("critical"), &json!(null), &json!(0))
    );
    assert_eq!(served.get("/filter-options").await.body["counties"], json!(["Nairobi"]));
}
