//! The command line of `ppb-sim`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, anyhow, ensure};
use chrono::Datelike;
use clap::Parser;
use premise_domain::{signature::SigningKey, source_time::kenyan_day};
use url::Url;

use crate::{
    access::Credentials,
    faults::Faults,
    features::{Features, Webhooks},
    geography::REAL_PREMISES,
    state::Start,
    webhooks::Target,
};

/// Password of the simulated account when no file gives another. It guards made-up data only.
const SIMULATED_PASSWORD: &str = "simulated";

/// PPB's side of the sync, simulated: catalogue, webhooks, faults on request.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Options {
    /// Address of PPB's side; port 0 takes a free one
    #[arg(long, env = "PPB_SIM_LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Address of the control API, which has no authentication; port 0 takes a free one
    #[arg(long, env = "PPB_SIM_CONTROL", default_value = "127.0.0.1:0")]
    pub control: SocketAddr,
    /// Rows of the catalogue
    #[arg(long, env = "PPB_SIM_PREMISES", default_value_t = REAL_PREMISES)]
    pub premises: u64,
    /// Seed of everything random
    #[arg(long, env = "PPB_SIM_SEED", default_value_t = 1)]
    pub seed: u64,
    /// Year whose 31 December ends the current licences [default: this year in Kenya]
    #[arg(long, env = "PPB_SIM_YEAR")]
    pub year: Option<i32>,
    /// Account that may ask for the catalogue
    #[arg(long, env = "PPB_SIM_EMAIL", default_value = "sync@premises.example")]
    pub email: String,
    /// File with the account's password [default: the password "simulated"]
    #[arg(long, env = "PPB_SIM_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// Seconds for which a token is valid
    #[arg(long, env = "PPB_SIM_TOKEN_LIFETIME", default_value_t = 3_600)]
    pub token_lifetime: u64,
    /// Where changes are announced
    #[arg(long, env = "PPB_SIM_WEBHOOK_URL", requires = "webhook_secret_file")]
    pub webhook_url: Option<Url>,
    /// File with the secret that webhooks are signed with
    #[arg(long, env = "PPB_SIM_WEBHOOK_SECRET_FILE", requires = "webhook_url")]
    pub webhook_secret_file: Option<PathBuf>,
    /// Webhooks in flight at once
    #[arg(long, env = "PPB_SIM_WEBHOOK_CONCURRENCY", default_value_t = 64)]
    pub webhook_concurrency: usize,
    /// Tries before a webhook is given up
    #[arg(long, env = "PPB_SIM_WEBHOOK_ATTEMPTS", default_value_t = 12)]
    pub webhook_attempts: u32,
    /// Webhooks waiting at once; more are dropped and counted
    #[arg(long, env = "PPB_SIM_WEBHOOK_QUEUE", default_value_t = 100_000)]
    pub webhook_queue: usize,
    /// Features at the start, as for PUT /features
    #[arg(long, env = "PPB_SIM_FEATURES", value_name = "JSON")]
    pub features: Option<String>,
    /// Faults at the start, as for PUT /faults
    #[arg(long, env = "PPB_SIM_FAULTS", value_name = "JSON")]
    pub faults: Option<String>,
    /// File that gets the bound addresses as JSON, in place of a line on standard output
    #[arg(long, env = "PPB_SIM_ANNOUNCE")]
    pub announce: Option<PathBuf>,
}

impl Options {
    /// What the simulator starts with. Reads the password file.
    pub fn start(&self) -> anyhow::Result<Start> {
        ensure!(self.token_lifetime > 0, "--token-lifetime is at least 1 second");
        let this_year = kenyan_day(chrono::Utc::now()).year();
        let year = self.year.unwrap_or(this_year);
        ensure!((1_990..=2_200).contains(&year), "--year is a year from 1990 to 2200");
        let password = match &self.password_file {
            Some(file) => read_secret(file)?,
            None => SIMULATED_PASSWORD.to_owned(),
        };
        let webhooks = Webhooks { enabled: self.webhook_url.is_some(), ..Webhooks::default() };
        let features = Features { webhooks, ..Features::default() };
        let features =
            features.changed_by(given(self.features.as_ref())).map_err(|e| anyhow!("--features: {e}"))?;
        let may_announce = self.webhook_url.is_some() || !features.webhooks.enabled;
        ensure!(may_announce, "--features: webhooks can't be enabled without --webhook-url");
        let faults = Faults::default().changed_by(given(self.faults.as_ref()));
        Ok(Start {
            premises: self.premises,
            seed: self.seed,
            year,
            credentials: Credentials { email: self.email.clone(), password },
            token_lifetime: Duration::from_secs(self.token_lifetime),
            features,
            faults: faults.map_err(|e| anyhow!("--faults: {e}"))?,
        })
    }

    /// Where webhooks go, if anywhere. Reads the secret file.
    pub fn target(&self) -> anyhow::Result<Option<Target>> {
        let (Some(url), Some(file)) = (&self.webhook_url, &self.webhook_secret_file) else { return Ok(None) };
        let key = SigningKey::new("webhook", read_secret(file)?.as_bytes())?;
        Ok(Some(Target {
            url: url.clone(),
            key,
            concurrency: self.webhook_concurrency,
            attempts: self.webhook_attempts,
            queue: self.webhook_queue,
        }))
    }
}

fn given(json: Option<&String>) -> &[u8] {
    json.map_or(b"{}", String::as_bytes)
}

fn read_secret(file: &PathBuf) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    ensure!(!secret.is_empty(), "{} is empty", file.display());
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(args: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(["ppb-sim"].iter().chain(args))
    }

    #[test]
    fn the_default_is_today_s_ppb_on_loopback() {
        let options = options(&[]).unwrap();
        assert!(options.listen.ip().is_loopback() && options.control.ip().is_loopback());
        let start = options.start().unwrap();
        assert_eq!(start.premises, 11_543);
        assert!(!start.features.webhooks.enabled);
        assert!(options.target().unwrap().is_none());
    }

    #[test]
    fn features_and_faults_can_be_given_at_the_start() {
        let start =
            options(&["--features", r#"{"lastModified":true}"#, "--faults", r#"{"stale":{"seconds":9}}"#])
                .unwrap()
                .start()
                .unwrap();
        assert!(start.features.last_modified && start.faults.stale.is_some());
        let error = |args: &[&str]| options(args).unwrap().start().unwrap_err().to_string();
        assert!(error(&["--faults", r#"{"stall":{}}"#]).contains("--faults: unknown field `stall`"));
        assert!(error(&["--features", r#"{"webhooks":{"enabled":true}}"#]).contains("--webhook-url"));
    }

    #[test]
    fn webhooks_need_url_and_secret() {
        assert!(options(&["--webhook-url", "http://127.0.0.1:1/"]).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let given =
            options(&["--webhook-url", "http://127.0.0.1:1/", "--webhook-secret-file", path]).unwrap();
        assert!(given.target().unwrap_err().to_string().contains("is empty"));
        std::fs::write(path, "a-secret\n").unwrap();
        let target = given.target().unwrap().unwrap();
        assert_eq!(target.key.sign(b"x"), SigningKey::new("k", b"a-secret").unwrap().sign(b"x"));
        assert!(given.start().unwrap().features.webhooks.enabled);
    }
}
