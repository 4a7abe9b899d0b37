//! Who may do what, and where a process without tokens may listen.

use std::time::Duration;

use premise_runtime::{Listeners, Process, Settings, install_ring, registry};
use premise_testkit::{ServiceCommand, TestDatabase};
use reqwest::{Method, StatusCode};

use crate::support::{Served, answer};

const TOKENS: &str = "[auth]\nmode = 'token'\ntokens = [\
    { name = 'eyes', role = 'viewer', token = 'viewer-token-of-16' },\
    { name = 'ops', role = 'operator', token = 'operator-token-of-16' }]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_decide_and_the_requester_is_kept() {
    let served = Served::start_with(TOKENS, |_, _| {}).await;
    let with = async |method: Method, path: &str, token: &str| {
        answer(served.request(method, path).bearer_auth(token)).await
    };
    let nobody = served.get("/stats").await;
    assert_eq!(nobody.problem(), (401, "unauthorized"));
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    assert_eq!(with(Method::GET, "/stats", "viewer-token-of-17").await.problem(), (401, "unauthorized"));
    assert_eq!(with(Method::GET, "/stats", "viewer-token-of-16").await.status, StatusCode::OK);
    assert_eq!(with(Method::POST, "/sync", "viewer-token-of-16").await.problem(), (403, "forbidden"));
    let started = premise_testkit::wait_for(Duration::from_secs(10), "the broker", async || {
        let started = with(Method::POST, "/sync", "operator-token-of-16").await;
        (started.status == StatusCode::ACCEPTED).then_some(started)
    });
    assert_eq!(started.await.body["requestedBy"], "operator:ops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_figures_only_to_who_may_read() {
    let open = Served::start().await;
    let page = async |served: &Served| {
        reqwest::get(format!("http://{}/", served.running.public_addr().unwrap()))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    let shown = page(&open).await;
    assert!(shown.contains("<th>Premises<td>0") && shown.contains("/sync-lag"), "{shown}");
    let closed = Served::start_with(TOKENS, |_, _| {}).await;
    let shown = page(&closed).await;
    assert!(!shown.contains("<th>Premises") && shown.contains("bearer token"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tokens_only_loopback_addresses_are_served() {
    install_ring();
    let registry = registry("test").unwrap();
    let service = ops_api::build(&mut Settings::from_toml("").unwrap(), &registry).await.unwrap();
    let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let listeners = Listeners { public: Some(open), ..Listeners::loopback().unwrap() };
    let refused = Process::new(vec![service], registry).start(listeners).err().unwrap();
    assert!(format!("{refused:#}").contains("auth.mode"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_elsewhere_cannot_use_this_machines_rights() {
    let served = Served::start().await;
    let forged = served.request(Method::POST, "/sync").header("sec-fetch-site", "cross-site");
    assert_eq!(answer(forged).await.problem(), (403, "foreign_origin"));
    let rebound = served.request(Method::GET, "/stats").header("host", "register.example");
    assert_eq!(answer(rebound).await.problem(), (403, "foreign_origin"));
    assert_eq!(served.get("/sync-runs").await.body["total"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_migrate_command_makes_the_schema_and_can_be_repeated() {
    let database = TestDatabase::create().await;
    let migrate = ServiceCommand::new("ops-api").arg("migrate").env("PREMISE__DATABASE__URL", database.url());
    let mut process = migrate.spawn().await;
    let status = process.exited(Duration::from_secs(30)).await;
    assert!(status.success(), "{}", process.output());
    process.restart().await;
    assert!(process.exited(Duration::from_secs(30)).await.success(), "{}", process.output());
    let row = database.connect().await.query_one("SELECT count(*) FROM premises", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}
