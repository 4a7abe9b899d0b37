//! The state of the register on one screen.

use serde_json::{Value, json};

use crate::Verdict;
use crate::api::Api;
use crate::print::{Printer, fields};

pub(crate) async fn run(api: &Api, out: &Printer) -> anyhow::Result<Verdict> {
    let document = json!({
        "stats": api.get("stats", &[]).await?,
        "syncLag": api.get("sync-lag", &[]).await?,
        "webhookStats": api.get("webhook-stats", &[]).await?,
    });
    out.document(&document, screen)?;
    Ok(if document["syncLag"]["status"] == "critical" { Verdict::Bad } else { Verdict::Good })
}

fn screen(document: &Value) -> String {
    let register = fields(
        &document["stats"],
        &[("premises", "total"), ("active", "active"), ("last synced", "lastSynced")],
    );
    let freshness = fields(
        &document["syncLag"],
        &[("status", "status"), ("lag (minutes)", "lagMinutes"), ("last sync", "lastSyncDate")],
    );
    let webhooks = fields(
        &document["webhookStats"],
        &[
            ("total", "total"),
            ("successful", "successful"),
            ("failed", "failed"),
            ("success rate (%)", "successRate"),
            ("average", "avgProcessingTime"),
            ("window", "window"),
        ],
    );
    format!("Register\n{register}\nFreshness\n{freshness}\nWebhooks\n{webhooks}")
}
