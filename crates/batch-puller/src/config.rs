//! The sections `ppb` (where the catalogue is and how patiently it is asked) and `pull` (how a run works).
//!
//! There is no default host: a process that was not told where PPB is must not find it by itself.

use std::{path::PathBuf, time::Duration};

use chrono::TimeDelta;
use premise_domain::acceptance::Limits;
use premise_runtime::{ConfigError, Secret};
use premise_store::Policy;
use serde::{Deserialize, Serialize};
use url::Url;

/// How credentials travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthFlow {
    /// In the body of every request.
    #[default]
    Body,
    /// To the login, which answers with a token.
    Login,
}

/// Section `ppb`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PpbConfig {
    /// Base address, for instance `https://ppb.example`; the catalogue's path is added to it.
    pub url: String,
    /// How credentials travel.
    pub auth: AuthFlow,
    /// First half of the credentials.
    pub email: String,
    /// Second half.
    pub password: Secret,
    /// Rows asked for. An answer with as many rows counts as cut off by the limit.
    pub limit: u32,
    /// PEM file with a certificate authority to trust besides the system's; empty for none.
    pub ca_file: PathBuf,
    /// Longest wait for a connection.
    pub connect_timeout_ms: u64,
    /// Longest wait from sending a request to the first byte of its answer's body.
    pub first_byte_timeout_ms: u64,
    /// Longest silence within an answer. A healthy answer may take as long as it needs.
    pub silence_timeout_ms: u64,
    /// Times an answer is asked for before the run is given up.
    pub attempts: u32,
    /// About how long to wait before the second attempt; each further wait doubles, with jitter.
    pub first_wait_ms: u64,
    /// Longest wait between attempts that is chosen here.
    pub longest_wait_ms: u64,
    /// Longest wait between attempts that PPB may ask for by `Retry-After`.
    pub longest_retry_after_ms: u64,
    /// S: how stale an answer may be plus how late an event may be stamped.
    pub source_lag_minutes: u32,
    /// Added to the minutes, for a source (or a test) whose lag is well below a minute.
    pub source_lag_seconds: u32,
}

impl Default for PpbConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            auth: AuthFlow::default(),
            email: String::new(),
            password: Secret::default(),
            limit: 100_000,
            ca_file: PathBuf::new(),
            connect_timeout_ms: 5_000,
            first_byte_timeout_ms: 120_000,
            silence_timeout_ms: 30_000,
            attempts: 8,
            first_wait_ms: 500,
            longest_wait_ms: 60_000,
            longest_retry_after_ms: 600_000,
            source_lag_minutes: 15,
            source_lag_seconds: 0,
        }
    }
}

impl PpbConfig {
    /// The base address, checked together with the rest of the section.
    pub fn base(&self) -> Result<Url, ConfigError> {
        if self.url.is_empty() {
            return Err(ConfigError::invalid("ppb.url", "must be given; there is no default host"));
        }
        let url = Url::parse(&self.url).map_err(|e| ConfigError::invalid("ppb.url", e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(ConfigError::invalid("ppb.url", "must be an http:// or https:// address"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(ConfigError::invalid("ppb.url", "must not hold credentials or a query"));
        }
        if self.email.is_empty() || self.password.is_empty() {
            return Err(ConfigError::invalid("ppb.email, ppb.password", "must both be given"));
        }
        if self.limit == 0 || self.attempts == 0 {
            return Err(ConfigError::invalid("ppb.limit, ppb.attempts", "must be at least 1"));
        }
        Ok(url)
    }

    /// S as a span.
    pub fn source_lag(&self) -> TimeDelta {
        TimeDelta::minutes(self.source_lag_minutes.into())
            + TimeDelta::seconds(self.source_lag_seconds.into())
    }
}

/// In place of a schedule: the one of the profile.
pub const BY_PROFILE: &str = "profile";

/// Section `pull`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullConfig {
    /// Rows that cross from the parser to the stage at once.
    pub batch_rows: usize,
    /// Longest row, in bytes; bounds memory against an answer that never ends a row.
    pub max_row_bytes: usize,
    /// Most rows a run may quarantine, besides the share of 5 %; they are kept in memory.
    pub max_quarantined: usize,
    /// Time between notes of a run's progress, which are also its heartbeat.
    pub progress_ms: u64,
    /// Silence after which a running run counts as dead.
    pub dead_after_ms: u64,
    /// Time between looks for queued runs whose message was lost, and for dead ones.
    pub look_ms: u64,
    /// How long it is remembered whether PPB honours `updatedSince`.
    pub probe_memory_minutes: u64,
    /// Accepted answers in a row that must miss a premise before it is deleted.
    pub delete_confirmations: i32,
    /// Least time by PPB's clock between two answers that count as two when a premise is missing.
    pub confirmation_gap_seconds: u32,
    /// Time after which a premise that an answer lacked is looked for once more, by a full pull of its own.
    pub confirm_after_minutes: u32,
    /// Days that the tombstone of a deleted premise is kept, at least.
    pub tombstone_days: u32,
    /// How far a complete answer may differ from the register.
    pub acceptance: Limits,
    /// When everything is pulled: a cron expression, `""` for never, or [`BY_PROFILE`].
    pub full_schedule: String,
    /// When changes are pulled, likewise.
    pub incremental_schedule: String,
    /// Time zone of both schedules, by its name in the IANA database.
    pub time_zone: String,
    /// How much later than scheduled a run may be asked for; each process chooses within it.
    pub schedule_jitter_seconds: u32,
}

impl Default for PullConfig {
    fn default() -> Self {
        Self {
            batch_rows: 512,
            max_row_bytes: 1024 * 1024,
            max_quarantined: 10_000,
            progress_ms: 500,
            dead_after_ms: 30_000,
            look_ms: 5_000,
            probe_memory_minutes: 24 * 60,
            delete_confirmations: 2,
            confirmation_gap_seconds: 300,
            confirm_after_minutes: 10,
            tombstone_days: 365,
            acceptance: Limits::default(),
            full_schedule: BY_PROFILE.to_owned(),
            incremental_schedule: BY_PROFILE.to_owned(),
            time_zone: "Africa/Nairobi".to_owned(),
            schedule_jitter_seconds: 60,
        }
    }
}

impl PullConfig {
    /// Refuses settings that contradict each other.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.batch_rows == 0 || self.progress_ms == 0 || self.look_ms == 0 {
            let keys = "pull.batch_rows, pull.progress_ms, pull.look_ms";
            return Err(ConfigError::invalid(keys, "must be at least 1"));
        }
        if self.delete_confirmations < 1 {
            return Err(ConfigError::invalid("pull.delete_confirmations", "must be at least 1"));
        }
        if self.dead_after_ms < 4 * self.progress_ms {
            return Err(ConfigError::invalid("pull.dead_after_ms", "must be at least 4 × pull.progress_ms"));
        }
        Ok(())
    }

    /// How far an answer is believed.
    pub fn policy(&self) -> Policy {
        Policy {
            limits: self.acceptance,
            delete_confirmations: self.delete_confirmations,
            confirmation_gap: TimeDelta::seconds(self.confirmation_gap_seconds.into()),
            ..Policy::default()
        }
    }

    /// [`PullConfig::progress_ms`] as a span.
    pub fn progress_interval(&self) -> Duration {
        Duration::from_millis(self.progress_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> PpbConfig {
        PpbConfig {
            url: "http://127.0.0.1:9/".into(),
            email: "a@b".into(),
            password: Secret::new("s3cret"),
            ..Default::default()
        }
    }

    #[test]
    fn an_address_and_credentials_must_be_given() {
        assert!(given().base().is_ok());
        assert!(PpbConfig::default().base().is_err());
        for url in ["", "ppb", "ftp://x", "http://user:pw@x", "http://x?limit=1"] {
            assert!(PpbConfig { url: url.into(), ..given() }.base().is_err(), "{url}");
        }
        assert!(PpbConfig { password: Secret::default(), ..given() }.base().is_err());
        assert!(PpbConfig { limit: 0, ..given() }.base().is_err());
    }

    #[test]
    fn a_heartbeat_must_fit_into_the_silence_that_means_death() {
        assert!(PullConfig::default().check().is_ok());
        assert!(PullConfig { dead_after_ms: 1_999, ..Default::default() }.check().is_err());
    }

    #[test]
    fn the_source_lag_is_its_minutes_and_seconds() {
        assert_eq!(PpbConfig::default().source_lag(), TimeDelta::minutes(15));
        let short = PpbConfig { source_lag_minutes: 1, source_lag_seconds: 5, ..Default::default() };
        assert_eq!(short.source_lag(), TimeDelta::seconds(65));
    }

    #[test]
    fn nothing_prints_the_password() {
        assert!(!format!("{:?}", given()).contains("s3cret"));
    }
}
