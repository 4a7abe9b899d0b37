//! What each fault can be told.

use serde::{Deserialize, Serialize};

use crate::premise::Field;

/// The parameters of one fault.
pub trait Params {
    /// Name of the parameter that says to how many answers the fault applies.
    const LIMIT: &'static str = "answers";
    /// Answers it applies to when that is not said; `None`: until it is cleared.
    const DEFAULT_LIMIT: Option<u32> = None;

    /// Whether the values make sense; an error says what to send instead.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name { $($(#[$attr])* pub $field: $type,)* }
    )*};
}

params! {
    /// 401, and the bearer token is revoked.
    UnauthorizedMidRun {}
    /// 429.
    TooManyRequests {
        /// Seconds, sent as `Retry-After`.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    }
    /// A 5xx.
    ServerErrors {
        /// The status.
        #[serde(default = "unavailable")]
        status: u16,
        /// Seconds, sent as `Retry-After`.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    }
    /// 200 with a page in place of the document.
    HtmlErrorPage {}
    /// 200 with a document without `_embedded`.
    MissingEmbedded {}
    /// The first byte comes late.
    SlowStart {
        /// How late.
        milliseconds: u64,
    }
    /// The body comes at a bounded rate.
    SlowBody {
        /// The rate.
        bytes_per_second: u64,
    }
    /// The body pauses once.
    StalledBody {
        /// Where, as a share of the body.
        #[serde(default = "half")]
        at: f64,
        /// How long.
        seconds: u64,
    }
    /// The connection is closed within the body.
    CutBody {
        /// Where, as a share of the body.
        #[serde(default = "half")]
        at: f64,
    }
    /// `Content-Length` is not the body's length.
    WrongContentLength {
        /// Bytes added to the true length: negative hides the end, positive promises too much.
        #[serde(default = "too_much")]
        offset: i64,
    }
    /// Not more rows than this, whatever was asked for.
    Truncate {
        /// The rows.
        limit: u64,
    }
    /// The catalogue as it was.
    Stale {
        /// How long ago.
        seconds: u32,
    }
    /// The first rows come again at the end.
    DuplicateKeys {
        /// How many of them.
        #[serde(default = "one")]
        count: usize,
        /// The repeats differ in their name.
        #[serde(default)]
        differing: bool,
    }
    /// A field goes by another name.
    RenamedField {
        /// The field.
        #[serde(default = "premise_name")]
        field: Field,
        /// Its other name.
        #[serde(default = "other_name")]
        to: String,
        /// In which share of the rows.
        #[serde(default = "all")]
        fraction: f64,
    }
    /// A number comes as a string, a string as an object.
    RetypedField {
        /// The field.
        #[serde(default = "premise_id")]
        field: Field,
        /// In which share of the rows.
        #[serde(default = "all")]
        fraction: f64,
    }
    /// A field is null.
    Nulls {
        /// The field.
        field: Field,
        /// In which share of the rows.
        #[serde(default = "all")]
        fraction: f64,
    }
    /// Instants come without a zone, in Nairobi's wall time.
    NaiveTimestamps {}
    /// Instants lie in the future.
    FutureTimestamps {
        /// How far.
        #[serde(default = "an_hour")]
        seconds: u32,
        /// Which share of them.
        #[serde(default = "all")]
        fraction: f64,
    }
    /// PPB's clock is wrong: `Date`, webhooks and modifications alike.
    ClockSkew {
        /// How much it is ahead; negative: behind.
        seconds: i32,
    }
}

impl Params for UnauthorizedMidRun {
    const LIMIT: &'static str = "count";
    const DEFAULT_LIMIT: Option<u32> = Some(1);
}
impl Params for TooManyRequests {
    const LIMIT: &'static str = "count";
}
impl Params for ServerErrors {
    const LIMIT: &'static str = "count";

    fn check(&self) -> Result<(), &'static str> {
        if (500..=599).contains(&self.status) { Ok(()) } else { Err("status is a number from 500 to 599") }
    }
}
impl Params for HtmlErrorPage {
    const LIMIT: &'static str = "count";
}
impl Params for MissingEmbedded {
    const LIMIT: &'static str = "count";
}
impl Params for SlowStart {}
impl Params for SlowBody {
    fn check(&self) -> Result<(), &'static str> {
        if self.bytes_per_second > 0 { Ok(()) } else { Err("bytesPerSecond is at least 1") }
    }
}
impl Params for WrongContentLength {
    fn check(&self) -> Result<(), &'static str> {
        if self.offset == 0 { Err("offset is a number of bytes other than 0") } else { Ok(()) }
    }
}
impl Params for Truncate {}
impl Params for Stale {}
impl Params for DuplicateKeys {
    fn check(&self) -> Result<(), &'static str> {
        if (1..=100_000).contains(&self.count) {
            Ok(())
        } else {
            Err("count is a number of rows from 1 to 100000")
        }
    }
}
impl Params for NaiveTimestamps {}
impl Params for ClockSkew {}

macro_rules! checked_share {
    ($($name:ident: $field:ident, $message:literal;)*) => {$(
        impl Params for $name {
            fn check(&self) -> Result<(), &'static str> {
                share(self.$field, $message)
            }
        }
    )*};
}

checked_share! {
    StalledBody: at, "at is a share of the body, from 0 to 1";
    CutBody: at, "at is a share of the body, from 0 to 1";
    RenamedField: fraction, "fraction is a share of the rows, from 0 to 1";
    RetypedField: fraction, "fraction is a share of the rows, from 0 to 1";
    Nulls: fraction, "fraction is a share of the rows, from 0 to 1";
    FutureTimestamps: fraction, "fraction is a share of the instants, from 0 to 1";
}

fn share(value: f64, message: &'static str) -> Result<(), &'static str> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(message) }
}

fn unavailable() -> u16 {
    503
}
fn half() -> f64 {
    0.5
}
fn all() -> f64 {
    1.0
}
fn one() -> usize {
    1
}
fn too_much() -> i64 {
    1_000
}
fn an_hour() -> u32 {
    3_600
}
fn premise_name() -> Field {
    Field::PremiseName
}
fn premise_id() -> Field {
    Field::PremiseId
}
fn other_name() -> String {
    "name".to_owned()
}
