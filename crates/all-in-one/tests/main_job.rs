//! The main job, end to end, with real processes: the simulator, the all-in-one and the operators' command line.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use premise_testkit::{bin, wait_until};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{BASE, SECRET, Setup, Whole};

mod support;

const PREMISES: u64 = 500;
const SETUP: Setup<'_> = Setup { premises: PREMISES, seed: 1, settings: &[] };

impl Whole {
    async fn premisectl(&self, args: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(bin("premisectl"));
        command
            .args(args)
            .env_clear()
            .env("PREMISE_API_URL", &self.public)
            .env("PREMISE_ADMIN_URL", &self.admin);
        command.env("PREMISE_WEBHOOK_SECRET", SECRET).stdin(Stdio::null());
        command.output().await.unwrap()
    }

    async fn json(&self, args: &[&str]) -> Value {
        let output = self.premisectl(&[args, &["--json"]].concat()).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {told}\n{}", self.sync.output());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Sends a body with premisectl's signature.
    async fn webhook(&self, body: &Value) -> Value {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("body.json");
        std::fs::write(&file, body.to_string()).unwrap();
        self.json(&["webhook", "send", file.to_str().unwrap()]).await
    }
}

#[tokio::test]
async fn the_register_arrives_and_a_webhook_changes_it_within_a_second() {
    let mut whole = Whole::start(SETUP).await;
    let run = whole.json(&["sync", "full", "--wait"]).await;
    assert_eq!(
        (&run["success"], &run["inserted"], &run["errors"]),
        (&json!(true), &json!(PREMISES), &json!(0)),
        "{run}"
    );
    let again = whole.json(&["sync", "full", "--wait"]).await;
    assert_eq!((&again["inserted"], &again["unchanged"]), (&json!(0), &json!(PREMISES)), "{again}");
    assert_eq!(whole.get("/stats").await["total"], PREMISES);
    assert_eq!(whole.get("/sync-lag").await["status"], "healthy");

    let id = whole.get("?limit=1").await["premises"][0]["id"].as_i64().unwrap();
    let body =
        json!({ "action": "updated", "data": { "premiseid": id, "premisename": "UPDATED CHEMIST NAME" } });
    let accepted = whole.webhook(&body).await;
    assert_eq!(
        (&accepted["success"], &accepted["premiseId"]),
        (&json!(true), &json!(format!("PREMISE-{id}")))
    );
    wait_until(Duration::from_secs(1), "the change", async || {
        whole.get(&format!("/{id}")).await["premiseName"] == "UPDATED CHEMIST NAME"
    })
    .await;
    assert_eq!(whole.webhook(&body).await["message"], "Already processed");
    assert_eq!(whole.number("SELECT count(*) FROM inbox").await, 1, "a repeat is no second event");
    let history = whole.json(&["premises", "history", &id.to_string()]).await;
    assert_eq!(
        (&history["changes"][0]["kind"], &history["changes"][0]["channel"]),
        (&json!("updated"), &json!("webhook"))
    );
    wait_until(Duration::from_secs(5), "the webhook's figures", async || {
        whole.get("/webhook-stats").await["successful"] == 1
    })
    .await;
    let doctor = whole.premisectl(&["doctor"]).await;
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));

    let status = whole.sync.terminate(Duration::from_secs(20)).await;
    assert!(status.success(), "{}", whole.sync.output());
    let state = whole.control(Method::GET, "state", &Value::Null).await;
    assert_eq!(state["counters"]["requests"]["catalogue"], 2, "one request for each pull");
    assert!(whole.simulator.is_running());
}

#[tokio::test]
async fn metrics_of_all_services_share_one_registry_and_bad_signatures_stay_outside() {
    let whole = Whole::start(SETUP).await;
    let forged = whole
        .http
        .post(format!("{}{BASE}/webhook", whole.public))
        .header("content-type", "application/json")
        .header("x-ppb-signature", "00".repeat(32))
        .body(r#"{"action":"deleted","data":{"premiseid":1}}"#);
    let refused = forged.send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let metrics = whole.metrics().await;
    for name in [
        "premise_webhook_requests_total",
        "premise_premises{",
        "process_resident_memory_bytes",
        "premise_build_info",
    ] {
        assert!(metrics.contains(name), "{name} is missing in {metrics}");
    }
    assert!(!whole.sync.output().contains(SECRET), "the log shows the secret");
}

fn premise_sync(args: &[&str], env: &[(&str, &str)]) -> Output {
    let secrets = [
        ("PREMISE__WEBHOOK__SECRET", SECRET),
        ("PREMISE__PPB__URL", "http://127.0.0.1:1"),
        ("PREMISE__PPB__EMAIL", "a@b.example"),
        ("PREMISE__PPB__PASSWORD", "a password of this test"),
    ];
    let path: &Path = &bin("premise-sync");
    Command::new(path).args(args).env_clear().envs(secrets).envs(env.iter().copied()).output().unwrap()
}

#[test]
fn the_configuration_is_checked_and_printed_without_secrets() {
    let checked = premise_sync(&["--check-config"], &[("PREMISE__DATABASE__URL", "postgres://u:hidden@h/d")]);
    let printed = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for section in ["http", "admin", "webhook", "worker", "pull", "ppb", "database", "broker", "api", "auth"]
    {
        assert!(printed.contains(&format!("[{section}]")), "{section} is missing in {printed}");
    }
    assert!(
        !printed.contains(SECRET) && !printed.contains("hidden") && !printed.contains("a password"),
        "{printed}"
    );
}

#[test]
fn an_open_address_without_tokens_or_an_empty_secret_stops_the_start() {
    let open = premise_sync(&["--check-config"], &[("PREMISE__HTTP__BIND", "0.0.0.0:4000")]);
    let told = String::from_utf8(open.stderr).unwrap();
    assert_eq!(open.status.code(), Some(2), "{told}");
    assert!(told.contains("auth.mode"), "{told}");
    let empty =
        premise_sync(&[], &[("PREMISE__WEBHOOK__SECRET", ""), ("PREMISE__ADMIN__BIND", "127.0.0.1:0")]);
    assert_ne!(empty.status.code(), Some(0));
    let told = String::from_utf8(empty.stderr).unwrap();
    assert!(told.contains("secret"), "{told}");
}
