//! What PPB's side can do. The defaults are today's PPB (no filter, no `lastModified`, no feed),
//! but for webhooks, which are on when the simulator was told where to send them.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::merge::merge;

/// Every switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Features {
    /// Rows carry `lastModified`.
    pub last_modified: bool,
    /// What the parameter `updatedSince` does.
    pub updated_since: UpdatedSince,
    /// The change feed on offer.
    pub feed: Feed,
    /// Ways to authenticate.
    pub auth: Auth,
    /// Form of the catalogue's answer.
    pub answer: Answer,
    /// Answers are compressed for clients that accept it.
    pub gzip: bool,
    /// Webhooks.
    pub webhooks: Webhooks,
}

/// What the parameter `updatedSince` does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdatedSince {
    /// Only rows modified after it.
    Honoured,
    /// All rows, as today.
    #[default]
    Ignored,
    /// 400.
    Rejected,
}

/// The change feed on offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feed {
    /// None, as today.
    #[default]
    None,
    /// Server-sent events.
    Sse,
    /// Long polling.
    LongPoll,
}

/// Ways to authenticate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Either.
    #[default]
    Both,
    /// Credentials in the body only.
    Body,
    /// Login and bearer token only.
    Login,
}

/// Form of the catalogue's answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// `{"_embedded":{"vwApiCurrentPremiseList":[…]}}`.
    #[default]
    Hal,
    /// `[…]`.
    Array,
}

/// How webhooks are sent. The shares are 0 to 1; `true` is 1 and `false` is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Webhooks {
    /// Changes are announced at all.
    pub enabled: bool,
    /// Share never sent.
    #[serde(deserialize_with = "share")]
    pub loss: f64,
    /// Share sent twice.
    #[serde(deserialize_with = "share")]
    pub duplicate: f64,
    /// Share held back so that later ones overtake.
    #[serde(deserialize_with = "share")]
    pub reorder: f64,
    /// Wait before sending, in milliseconds.
    pub delay_ms: u64,
    /// Share with a wrong signature.
    #[serde(deserialize_with = "share")]
    pub bad_signature: f64,
    /// Local address to send from, such as 127.0.0.2; the usual one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address: Option<IpAddr>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            enabled: true,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            delay_ms: 0,
            bad_signature: 0.0,
            source_address: None,
        }
    }
}

impl Features {
    /// These with the named ones set (or, by null, back at their default).
    pub fn changed_by(&self, patch: &[u8]) -> Result<Self, String> {
        merge(self, patch, 2)
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a share from 0 to 1, or true or false")]
    enum Share {
        Switch(bool),
        Fraction(f64),
    }
    match Share::deserialize(deserializer)? {
        Share::Switch(on) => Ok(if on { 1.0 } else { 0.0 }),
        Share::Fraction(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        Share::Fraction(_) => Err(de::Error::custom("a share is a number from 0 to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(patch: &str) -> Result<Features, String> {
        Features::default().changed_by(patch.as_bytes())
    }

    #[test]
    fn the_default_is_today_s_ppb() {
        let features = Features::default();
        assert!(!features.last_modified);
        assert_eq!((features.updated_since, features.feed), (UpdatedSince::Ignored, Feed::None));
        assert_eq!((features.auth, features.answer), (Auth::Both, Answer::Hal));
    }

    #[test]
    fn the_documented_object_is_taken() {
        let features = changed(
            r#"{"lastModified":true,"updatedSince":"honoured","feed":"longpoll","auth":"login",
                "webhooks":{"enabled":false,"loss":0.3,"duplicate":true,"reorder":false,"delayMs":20,
                "badSignature":1}}"#,
        )
        .unwrap();
        assert!(features.last_modified && !features.webhooks.enabled);
        assert_eq!((features.webhooks.loss, features.webhooks.duplicate), (0.3, 1.0));
        assert_eq!((features.webhooks.reorder, features.webhooks.bad_signature), (0.0, 1.0));
        assert_eq!((features.webhooks.delay_ms, features.feed), (20, Feed::LongPoll));
        let after = features.changed_by(br#"{"webhooks":{"loss":null}}"#).unwrap();
        assert_eq!((after.webhooks.loss, after.webhooks.delay_ms), (0.0, 20));
    }

    #[test]
    fn unknown_names_and_bad_values_are_told() {
        assert!(changed(r#"{"lastmodified":true}"#).unwrap_err().contains("`lastModified`"));
        assert!(
            changed(r#"{"updatedSince":"maybe"}"#).unwrap_err().contains("`honoured`, `ignored`, `rejected`")
        );
        assert!(changed(r#"{"webhooks":{"lost":1}}"#).unwrap_err().contains("`loss`"));
        assert!(changed(r#"{"webhooks":{"loss":30}}"#).unwrap_err().contains("from 0 to 1"));
        assert!(changed(r#"{"webhooks":{"sourceAddress":"home"}}"#).unwrap_err().contains("invalid"));
    }
}
