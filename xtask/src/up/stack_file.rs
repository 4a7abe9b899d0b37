//! `target/local/stack.json`: where everything of the running stack is. Its fields are public
//! (tools and checks read them), so a field is added but never renamed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use premise_local_stack::{Urls, write_private};
use serde::{Deserialize, Serialize};

use super::services::Plan;
use crate::workspace::Workspace;

/// The file's content. It holds secrets, so it is written for its owner alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StackFile {
    /// Origin of the API; paths as in the documents follow.
    pub(crate) api_url: String,
    /// Origin of probes and metrics of the process that serves the API.
    pub(crate) admin_url: String,
    /// The same for every process, by its name.
    pub(crate) admin_urls: BTreeMap<String, String>,
    pub(crate) console_url: String,
    /// Complete address for webhook requests.
    pub(crate) webhook_url: String,
    pub(crate) webhook_secret: String,
    pub(crate) operator_token: String,
    pub(crate) viewer_token: String,
    pub(crate) database_url: String,
    pub(crate) broker_url: String,
    /// `null`: the management plugin is not loaded.
    pub(crate) broker_management_url: Option<String>,
    pub(crate) ppb_url: String,
    pub(crate) ppb_control_url: String,
    /// The processes themselves, not their guards.
    pub(crate) pids: BTreeMap<String, u32>,
    pub(crate) supervisor_pid: u32,
    pub(crate) split: bool,
    /// Wall time of the parts of the start.
    pub(crate) timings_ms: BTreeMap<String, u64>,
}

impl StackFile {
    pub(super) fn new(plan: &Plan, urls: &Urls, split: bool) -> Self {
        let secrets = &plan.secrets;
        Self {
            api_url: plan.api_url(),
            admin_url: plan.admin_url(),
            admin_urls: plan.admin_urls(),
            console_url: format!("{}/", plan.api_url()),
            webhook_url: plan.webhook_url(),
            webhook_secret: secrets.webhook.clone(),
            operator_token: secrets.operator_token.clone(),
            viewer_token: secrets.viewer_token.clone(),
            database_url: urls.database.clone(),
            broker_url: urls.broker.clone(),
            broker_management_url: None,
            ppb_url: plan.ppb_url(),
            ppb_control_url: plan.ppb_control_url(),
            pids: BTreeMap::new(),
            supervisor_pid: std::process::id(),
            split,
            timings_ms: BTreeMap::new(),
        }
    }

    pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Self> {
        let path = path(workspace);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
    }

    pub(super) fn write(&self, workspace: &Workspace) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(write_private(&path(workspace), &text)?)
    }
}

/// The state folder of `up`.
pub(crate) fn state_folder(workspace: &Workspace) -> PathBuf {
    workspace.state("local")
}

/// A stack that is gone has no addresses.
pub(super) fn remove(workspace: &Workspace) -> anyhow::Result<()> {
    match std::fs::remove_file(path(workspace)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn path(workspace: &Workspace) -> PathBuf {
    state_folder(workspace).join("stack.json")
}
