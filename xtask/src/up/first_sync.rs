//! The first full sync, asked for through the API as anyone would, with its progress.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::stack_file::StackFile;
use crate::say;

const PREMISES: &str = "/api/master-data/premises";
/// Time between looks at the run.
const STEP: Duration = Duration::from_millis(150);
/// A first sync takes seconds; this is far beyond any machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs it to its end; an outcome other than success is an error.
pub(super) async fn run(stack: &StackFile) -> anyhow::Result<()> {
    // The client is built with TLS, though all it asks is on loopback. Err: installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let api = Api { client: reqwest::Client::new(), stack };
    let total = api.register_size().await.unwrap_or(0);
    let id = api.request_sync().await?;
    let bar = bar(total);
    let run = tokio::time::timeout(PATIENCE, async {
        loop {
            let run = api.get(&format!("/sync-runs/{id}")).await?;
            bar.set_position(run["rows"].as_u64().or_else(|| run["progress"]["rows"].as_u64()).unwrap_or(0));
            bar.set_message(run["phase"].as_str().unwrap_or_default().to_owned());
            if !matches!(run["status"].as_str(), Some("queued" | "running")) {
                return anyhow::Ok(run);
            }
            tokio::time::sleep(STEP).await;
        }
    });
    let run = run.await.context("the first sync takes too long")??;
    bar.finish_and_clear();
    anyhow::ensure!(run["status"] == "succeeded", "the first sync ended otherwise: {run}");
    let stats = api.get("/stats").await?;
    say::step(&format!("first sync done: {} premises in the register", stats["total"]));
    Ok(())
}

fn bar(total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        say::step(&format!("first full sync of {total} premises"));
    }
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("first sync {wide_bar} {human_pos}/{human_len} {per_sec} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

struct Api<'a> {
    client: reqwest::Client,
    stack: &'a StackFile,
}

impl Api<'_> {
    /// How many premises PPB has, from the simulator's control.
    async fn register_size(&self) -> anyhow::Result<u64> {
        let url = format!("{}/state", self.stack.ppb_control_url);
        let state: Value = self.client.get(url).send().await?.error_for_status()?.json().await?;
        state["premises"].as_u64().context("number of premises")
    }

    async fn request_sync(&self) -> anyhow::Result<String> {
        let url = format!("{}{PREMISES}/sync", self.stack.api_url);
        let request = self.client.post(url).bearer_auth(&self.stack.operator_token);
        let answer = request.send().await.context("asking for the first sync")?;
        let status = answer.status();
        let answer: Value = answer.json().await.context("the answer to the request for a sync")?;
        // 409: a run that was scheduled is on its way, which serves as well.
        let id = answer["runId"].as_str().filter(|_| status.is_success() || status.as_u16() == 409);
        Ok(id.with_context(|| format!("the first sync was refused: {status} {answer}"))?.to_owned())
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{PREMISES}{path}", self.stack.api_url);
        let request = self.client.get(&url).bearer_auth(&self.stack.operator_token);
        let answer = request.send().await?.error_for_status()?;
        answer.json().await.with_context(|| url.clone())
    }
}
