//! Sections that more than one process reads.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Secret;

/// Which of the seed's environments a process runs in: it chooses the default schedules, nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A full pull daily.
    #[default]
    Development,
    /// Incremental every 6 hours and a full pull every 24.
    Staging,
    /// Webhooks, incremental every 6 hours and a full pull daily at 02:00 Africa/Nairobi.
    Production,
}

impl Profile {
    pub(super) const NAMES: [&str; 3] = ["development", "staging", "production"];

    /// As written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => Self::NAMES[0],
            Self::Staging => Self::NAMES[1],
            Self::Production => Self::NAMES[2],
        }
    }
}

/// Section `http`: the public listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address and port.
    pub bind: SocketAddr,
    /// Threads that serve requests; 0 means one per core.
    pub workers: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)), workers: 0 }
    }
}

/// Section `admin`: the listener of `/livez`, `/readyz` and `/metrics`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSettings {
    /// Address and port.
    pub bind: SocketAddr,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 4001)) }
    }
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For eyes.
    Human,
    /// One object a line.
    Json,
}

/// Section `log`. Levels come from `RUST_LOG`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// Form of the lines.
    pub format: LogFormat,
}

/// Section `shutdown`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownSettings {
    /// Seconds from the first signal until work in hand is given up. Below Kubernetes' 30 s, so that the
    /// process ends itself and is not killed.
    pub drain_seconds: u64,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { drain_seconds: 25 }
    }
}

impl ShutdownSettings {
    /// The deadline as a span.
    pub fn drain(self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// Section `database`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `postgres://` address with credentials.
    pub url: Secret,
    /// Most connections a process's pool holds.
    pub max_connections: u32,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self { url: Secret::new("postgres://127.0.0.1:5432/premise"), max_connections: 10 }
    }
}
