//! Login and catalogue, in both flows and with every feature.

use std::{collections::HashMap, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::process::{Simulator, credentials, list};

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[actix_web::test]
async fn the_default_catalogue_is_the_real_one_s_size_and_shape() {
    let simulator = Simulator::start(&[]);
    let rows = simulator.rows("?limit=15000").await;
    assert_eq!(rows.len(), 11_543);
    let mut counties: HashMap<&str, u64> = HashMap::new();
    for row in &rows {
        *counties.entry(row["county"].as_str().unwrap()).or_default() += 1;
    }
    assert_eq!((counties.len(), counties["Nairobi"], counties["Kiambu"]), (47, 2_969, 1_085));
    let libwob = rows.iter().find(|row| row["premiseid"] == 34_014).unwrap();
    assert_eq!(
        *libwob,
        json!({
            "premiseid": 34014, "premisename": "LIBWOB PHARMACY", "county": "Uasin Gishu",
            "constituency": "TURBO", "ward": "KAMAGUT", "businesstype": "RETAIL",
            "ownership": "SOLE PROPRIETOR", "superintendentregistrationno": 11363,
            "superintendentname": "KIPLAGAT K AMON", "superintendentcadre": "PHARMTECH",
            "licensevalidity": "2025-12-31", "validityyear": 2025
        })
    );
}

#[actix_web::test]
async fn both_flows_give_the_same_catalogue_and_the_seed_decides_it() {
    let simulator = Simulator::small();
    let token = simulator.login().await;
    let response = simulator.http.get(simulator.catalogue_url("?limit=15000")).bearer_auth(token);
    let response = response.send().await.unwrap();
    assert!(response.headers().contains_key("date"));
    assert_eq!(response.headers()["content-type"], "application/json");
    let by_token = list(response.json().await.unwrap());
    assert_eq!(by_token, simulator.rows("").await);
    let other = Simulator::start(&["--premises", "300", "--year", "2026", "--seed", "2"]);
    assert_ne!(by_token, other.rows("").await);
}

#[actix_web::test]
async fn wrong_credentials_and_tokens_are_401() {
    let simulator = Simulator::start(&["--premises", "10", "--token-lifetime", "1"]);
    let login = format!("{}/catalogue-0.0.1/login", simulator.ppb_url);
    let wrong = json!({"useremail": "sync@premises.example", "userpassword": "guess"});
    let post = |url: &str, body: &Value| simulator.http.post(url).json(body);
    assert_eq!(status(post(&login, &wrong)).await, 401);
    assert_eq!(status(post(&simulator.catalogue_url(""), &wrong)).await, 401);
    assert_eq!(status(post(&login, &json!({"email": "x"}))).await, 400);
    let get = |token: &str| simulator.http.get(simulator.catalogue_url("")).bearer_auth(token);
    assert_eq!(status(get("made-up")).await, 401);
    assert_eq!(status(simulator.http.get(simulator.catalogue_url(""))).await, 401);
    let token = simulator.login().await;
    assert_eq!(status(get(&token)).await, 200);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(status(get(&token)).await, 401, "expired");
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "from a file\n").unwrap();
    let path = password.path().to_str().unwrap();
    let other = Simulator::start(&["--premises", "10", "--email", "a@b.example", "--password-file", path]);
    let given = json!({"useremail": "a@b.example", "userpassword": "from a file"});
    assert_eq!(status(other.http.post(other.catalogue_url("")).json(&given)).await, 200);
    assert_eq!(status(other.http.post(other.catalogue_url("")).json(&credentials())).await, 401);
}

#[actix_web::test]
async fn limit_cuts_and_must_be_a_number() {
    let simulator = Simulator::small();
    assert_eq!(simulator.rows("?limit=7").await.len(), 7);
    assert_eq!(simulator.rows("?limit=15000").await.len(), 300);
    assert_eq!(status(simulator.by_body("?limit=many")).await, 400);
}

#[actix_web::test]
async fn each_flow_can_be_the_only_one() {
    let simulator = Simulator::small();
    let token = simulator.login().await;
    let by_token = || simulator.http.get(simulator.catalogue_url("")).bearer_auth(&token);
    let login =
        || simulator.http.post(format!("{}/catalogue-0.0.1/login", simulator.ppb_url)).json(&credentials());
    simulator.features(json!({"auth": "body"})).await;
    assert_eq!(status(simulator.by_body("")).await, 200);
    assert_eq!((status(by_token()).await, status(login()).await), (405, 404));
    simulator.features(json!({"auth": "login"})).await;
    assert_eq!(status(simulator.by_body("")).await, 405);
    assert_eq!((status(by_token()).await, status(login()).await), (200, 200));
    simulator.features(json!({"auth": null})).await;
    assert_eq!((status(by_token()).await, status(simulator.by_body("")).await), (200, 200));
}

#[actix_web::test]
async fn the_answer_can_be_a_bare_array_and_an_empty_hal_answer_has_no_list() {
    let simulator = Simulator::small();
    simulator.features(json!({"answer": "array"})).await;
    assert_eq!(simulator.catalogue("").await.as_array().unwrap().len(), 300);
    assert_eq!(simulator.catalogue("?limit=0").await, json!([]));
    simulator.features(json!({"answer": "hal"})).await;
    assert_eq!(simulator.catalogue("?limit=0").await, json!({}));
}

#[actix_web::test]
async fn the_filter_is_honoured_ignored_or_rejected() {
    let simulator = Simulator::small();
    let query = "?updatedSince=2026-06-01T00:00:00Z";
    assert_eq!(simulator.rows(query).await.len(), 300, "ignored, as today");
    assert!(simulator.rows("").await[0].get("lastModified").is_none(), "not told, as today");
    simulator.features(json!({"lastModified": true, "updatedSince": "honoured"})).await;
    simulator
        .told(
            Method::PUT,
            "/premises/34014",
            json!({"premisename": "NEW", "lastModified": "2026-06-01T00:00:01Z"}),
        )
        .await;
    let rows = simulator.rows(query).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["lastModified"], "2026-06-01T00:00:01Z");
    assert_eq!(simulator.catalogue("?updatedSince=2026-06-01T00:00:01Z").await, json!({}), "strictly after");
    assert!(simulator.rows("?updatedSince=2026-06-01T03:00:00%2B03:00").await.len() == 1, "with a zone");
    assert_eq!(status(simulator.by_body("?updatedSince=yesterday")).await, 400);
    simulator.features(json!({"updatedSince": "rejected"})).await;
    assert_eq!(status(simulator.by_body(query)).await, 400);
    assert_eq!(status(simulator.by_body("")).await, 200);
}

#[actix_web::test]
async fn gzip_is_used_only_when_switched_on_and_asked_for() {
    let simulator = Simulator::small();
    let plain = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let encoding = || async {
        let request = plain.post(simulator.catalogue_url("")).json(&credentials());
        let response = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.headers().get("content-encoding").map(|v| v.to_str().unwrap().to_owned())
    };
    assert_eq!(encoding().await, None);
    simulator.features(json!({"gzip": true})).await;
    assert_eq!(encoding().await.as_deref(), Some("gzip"));
    let gunzipping = reqwest::Client::builder().no_proxy().gzip(true).build().unwrap();
    let rows: Value = gunzipping
        .post(simulator.catalogue_url(""))
        .json(&credentials())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(list(rows).len(), 300);
}

#[actix_web::test]
async fn a_million_rows_take_no_memory() {
    let simulator = Simulator::start(&["--premises", "1000000"]);
    let resident = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", simulator.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = resident();
    let started = std::time::Instant::now();
    let mut response = simulator.by_body("?limit=1000000").send().await.unwrap();
    let mut bytes = 0_usize;
    let mut newest = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        bytes += chunk.len();
        newest = chunk.to_vec();
    }
    let (after, taken) = (resident(), started.elapsed());
    println!(
        "1,000,000 rows, {bytes} bytes in {taken:?}; peak resident {before} KiB before, {after} KiB after"
    );
    assert!(newest.ends_with(b"}]}}"));
    assert_eq!(simulator.state().await["counters"]["requests"]["rows"], 1_000_000);
    assert!(after - before < 16 * 1024, "{before} KiB before, {after} KiB after");
}
