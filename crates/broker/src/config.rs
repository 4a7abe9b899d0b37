//! The `broker` section of a service's configuration.
//!
//! The address carries a password, so it is a type that prints without it.

use std::fmt;
use std::str::FromStr;

use lapin::uri::{AMQPScheme, AMQPUri};
use serde::{Deserialize, Serialize};

use crate::topology::TopologyOptions;

/// Seconds of silence after which either side takes the connection for dead (it takes twice that).
const HEARTBEAT_SECONDS: u16 = 10;

/// `lapin` allocates 64 frames of buffer per connection: 2 MiB at this size, 8 MiB at the broker's.
const FRAME_MAX_BYTES: u32 = 32 * 1024;

/// How to reach `RabbitMQ`, and what this installation's queues are called.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// `amqp://` or `amqps://` address with user, password and virtual host.
    pub url: BrokerUrl,
    /// Put before every exchange and queue name; lets installations and tests share a broker.
    pub queue_prefix: String,
    /// Declare exchanges, queues and bindings on every connect. Off where the broker's operator
    /// imports them as definitions and the service may not configure.
    pub declare: bool,
    /// Channels a publisher spreads its messages over. More let the broker confirm in parallel.
    pub publish_channels: usize,
    /// Milliseconds a publish waits for its confirm unless the caller says otherwise.
    pub confirm_deadline_ms: u64,
    /// Messages in `premise.webhooks.v1` above which publishes are refused, so that an outage of
    /// the workers fills the senders' retry queues before it fills the broker's disk.
    pub max_queue_length: u32,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            url: BrokerUrl::default(),
            queue_prefix: String::new(),
            declare: true,
            publish_channels: 2,
            confirm_deadline_ms: 3_000,
            max_queue_length: 5_000_000,
        }
    }
}

impl BrokerConfig {
    /// The part that shapes exchanges and queues.
    pub fn topology_options(&self) -> TopologyOptions {
        TopologyOptions { prefix: self.queue_prefix.clone(), max_queue_length: self.max_queue_length }
    }
}

/// An AMQP address; by default the guest account on this machine. `Debug`, `Display` and `Serialize`
/// leave user and password out.
#[derive(Clone, Default)]
pub struct BrokerUrl(AMQPUri);

/// The address cannot be read. The text is left out because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the broker address is no valid amqp:// or amqps:// URL")]
pub struct InvalidBrokerUrl;

impl BrokerUrl {
    /// The address with the connection parameters this crate relies on filled in.
    pub(crate) fn tuned(&self) -> AMQPUri {
        let mut uri = self.0.clone();
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        uri.query.frame_max.get_or_insert(FRAME_MAX_BYTES);
        uri
    }
}

impl FromStr for BrokerUrl {
    type Err = InvalidBrokerUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self).map_err(|_| InvalidBrokerUrl)
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.0.scheme {
            AMQPScheme::AMQP => "amqp",
            AMQPScheme::AMQPS => "amqps",
        };
        let authority = &self.0.authority;
        write!(f, "{scheme}://[redacted]@{}:{}", authority.host, authority.port)
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for BrokerUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BrokerUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints_the_password() {
        let config: BrokerConfig =
            serde_json::from_str(r#"{"url": "amqp://ingest:s3cret@mq:5673/%2f"}"#).unwrap();
        for text in [format!("{config:?}"), config.url.to_string(), serde_json::to_string(&config).unwrap()] {
            assert!(text.contains("mq:5673"), "{text}");
            assert!(!text.contains("s3cret") && !text.contains("ingest"), "{text}");
        }
        let refused = serde_json::from_str::<BrokerConfig>(r#"{"url": "http://a:s3cret@b"}"#).unwrap_err();
        assert!(!refused.to_string().contains("s3cret"), "{refused}");
    }

    #[test]
    fn keeps_parameters_given_in_the_address() {
        let url: BrokerUrl = "amqp://mq/%2f?heartbeat=3".parse().unwrap();
        assert_eq!(url.tuned().query.heartbeat, Some(3));
        assert_eq!(url.tuned().query.frame_max, Some(FRAME_MAX_BYTES));
    }

    #[test]
    fn refuses_an_unknown_key() {
        assert!(serde_json::from_str::<BrokerConfig>(r#"{"prefix": "x"}"#).is_err());
    }
}
