//! What is wrong, and what to do: the checks an operator would make by hand, in the order of dependence.

use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::Verdict;
use crate::api::{Api, ApiError};
use crate::print::{Printer, cell, table};

const COLUMNS: &[(&str, &str)] = &[("", "result"), ("CHECK", "check"), ("FOUND", "found"), ("DO", "advice")];

struct Finding {
    check: &'static str,
    result: &'static str,
    found: String,
    advice: String,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, result: "ok", found: found.into(), advice: String::new() }
    }

    fn bad(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, result: "FAIL", found: found.into(), advice: advice.into() }
    }

    fn warn(self) -> Self {
        Self { result: "warn", ..self }
    }
}

pub(crate) async fn run(api: &Api, out: &Printer, admin: &Url) -> anyhow::Result<Verdict> {
    let stats = api.get("stats", &[]).await;
    let mut findings = vec![reachable(&stats)];
    findings.extend(token(&stats));
    findings.push(readiness(api, admin).await);
    if let Ok(stats) = &stats {
        findings.push(register(stats));
        findings.push(lag(api).await);
        findings.push(webhooks(api).await);
    }
    let healthy = findings.iter().all(|finding| finding.result != "FAIL");
    let rows: Vec<Value> = findings
        .iter()
        .map(|f| json!({ "check": f.check, "result": f.result, "found": f.found, "advice": f.advice }))
        .collect();
    out.document(&json!({ "healthy": healthy, "checks": rows }), |report| table(&report["checks"], COLUMNS))?;
    Ok(if healthy { Verdict::Good } else { Verdict::Bad })
}

fn reachable(stats: &Result<Value, ApiError>) -> Finding {
    match stats {
        Ok(_) | Err(ApiError::Refused { .. }) => Finding::good("API", "answers"),
        Err(error) => {
            Finding::bad("API", error.to_string(), "start premise-sync, or give its address in --api-url")
        }
    }
}

fn token(stats: &Result<Value, ApiError>) -> Option<Finding> {
    match stats {
        Ok(_) => Some(Finding::good("token", "accepted")),
        Err(ApiError::Refused { status: StatusCode::UNAUTHORIZED, .. }) => Some(Finding::bad(
            "token",
            "not accepted",
            "put a token of the section [auth] into PREMISE_TOKEN",
        )),
        Err(ApiError::Refused { status: StatusCode::FORBIDDEN, .. }) => {
            Some(Finding::bad("token", "its role may not read", "use a viewer's token or better"))
        }
        Err(ApiError::Refused { problem, .. }) => Some(Finding::bad(
            "register",
            cell(&problem["detail"]),
            "see whether Postgres runs and is migrated (`premise-sync migrate`), and the API's log",
        )),
        Err(_) => None,
    }
}

async fn readiness(api: &Api, admin: &Url) -> Finding {
    let mut url = admin.clone();
    url.set_path("/readyz");
    match api.probe(url).await {
        Ok((StatusCode::OK, _)) => Finding::good("readiness", "every service is ready"),
        Ok((_, body)) => {
            let waiting: Vec<String> = body["services"]
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(_, word)| *word != "ready")
                .map(|(name, word)| format!("{name}: {}", cell(word)))
                .collect();
            let found = format!("{} {}", cell(&body["status"]), waiting.join("; "));
            Finding::bad("readiness", found, "bring back what the service waits for; it recovers by itself")
        }
        Err(error) => {
            Finding::bad("readiness", error.to_string(), "give the admin listener's address in --admin-url")
                .warn()
        }
    }
}

fn register(stats: &Value) -> Finding {
    match stats["total"].as_u64() {
        Some(0) => Finding::bad("register", "is empty", "run `premisectl sync full --wait`").warn(),
        _ => Finding::good("register", format!("{} premises", cell(&stats["total"]))),
    }
}

async fn lag(api: &Api) -> Finding {
    let lag = match api.get("sync-lag", &[]).await {
        Ok(lag) => lag,
        Err(error) => return Finding::bad("freshness", error.to_string(), "see the API's log"),
    };
    let found = format!("{}, {} minutes", cell(&lag["status"]), cell(&lag["lagMinutes"]));
    let advice = "see `premisectl runs list` for why pulls end, then `premisectl sync full --wait`";
    match lag["status"].as_str() {
        Some("healthy") => Finding::good("freshness", found),
        Some("warning") => Finding::bad("freshness", found, advice).warn(),
        _ => Finding::bad("freshness", found, advice),
    }
}

/// The seed's alert: more than 5 % of webhooks without success.
async fn webhooks(api: &Api) -> Finding {
    let stats = match api.get("webhook-stats", &[]).await {
        Ok(stats) => stats,
        Err(error) => return Finding::bad("webhooks", error.to_string(), "see the API's log"),
    };
    let found = format!(
        "{} in {}, {} % good",
        cell(&stats["total"]),
        cell(&stats["window"]),
        cell(&stats["successRate"])
    );
    match stats["successRate"].as_f64() {
        Some(rate) if rate < 95.0 && stats["total"] != 0 => {
            Finding::bad("webhooks", found, "compare secrets and allowlist with PPB's; see the dead letters")
                .warn()
        }
        _ => Finding::good("webhooks", found),
    }
}
