//! Decides what a request for the catalogue is answered with: a refusal, a broken page, or the
//! document with the faults that apply to it. Pure but for the state it takes faults from.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    body::Wire,
    document::{Document, Progress},
    faults::{Faults, take},
    features::{Auth, UpdatedSince},
    row::RowShape,
    state::State,
    timestamp::{self, SECOND},
};

/// How a request authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Credentials in the body.
    Body,
    /// Login and bearer token.
    Login,
}

/// The request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// Seconds, sent as `Retry-After`.
    pub retry_after: Option<u32>,
    /// What the body says.
    pub message: &'static str,
}

/// A request that is let through is answered with one of these.
#[derive(Debug)]
pub enum Answer {
    /// A page of HTML.
    HtmlPage,
    /// A document without its list.
    WithoutList,
    /// The catalogue.
    Catalogue(Box<Document>, WireFaults),
}

/// Faults that touch the bytes, with places as shares of a length not known yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WireFaults {
    cut: Option<f64>,
    stall: Option<(f64, Duration)>,
    length_offset: Option<i64>,
    pace: Option<u64>,
    start_after: Option<Duration>,
}

/// The parameters of a request for the catalogue.
#[derive(Debug, Default, Deserialize)]
pub struct Query {
    limit: Option<u64>,
    #[serde(rename = "updatedSince")]
    updated_since: Option<String>,
}

impl Refusal {
    /// A refusal without `Retry-After`.
    pub fn new(status: u16, message: &'static str) -> Self {
        Self { status, retry_after: None, message }
    }
}

/// What a proxy in front would refuse, before anyone looks at the credentials.
pub fn refuse_at_the_door(faults: &mut Faults) -> Option<Refusal> {
    if let Some(fault) = take(&mut faults.too_many_requests) {
        return Some(Refusal { status: 429, retry_after: fault.retry_after, message: "Too Many Requests" });
    }
    let fault = take(&mut faults.server_errors)?;
    Some(Refusal { status: fault.status, retry_after: fault.retry_after, message: "Server Error" })
}

/// Refuses a flow that is switched off.
pub fn refuse_flow(auth: Auth, flow: Flow) -> Option<Refusal> {
    match (auth, flow) {
        (Auth::Body, Flow::Login) => Some(Refusal::new(405, "Send the credentials in the body of a POST")),
        (Auth::Login, Flow::Body) => Some(Refusal::new(405, "Log in and send the token with a GET")),
        _ => None,
    }
}

/// The answer to a request that was let through.
pub(crate) fn answer(state: &mut State, query: &Query) -> Result<Answer, Refusal> {
    if take(&mut state.faults.html_error_page).is_some() {
        return Ok(Answer::HtmlPage);
    }
    if take(&mut state.faults.missing_embedded).is_some() {
        return Ok(Answer::WithoutList);
    }
    let since = since(state.features.updated_since, query)?;
    let faults = &mut state.faults;
    let allowed = take(&mut faults.truncate).map_or(u64::MAX, |fault| fault.limit);
    let age = take(&mut faults.stale).map_or(0, |fault| i64::from(fault.seconds));
    let instants = faults.instants();
    take(&mut faults.naive_timestamps);
    take(&mut faults.future_timestamps);
    let shape = RowShape {
        last_modified: state.features.last_modified.then_some(instants),
        faults: faults.take_field_faults(),
        seed: state.register.generator().seed(),
    };
    let as_of = if age == 0 { i64::MAX } else { timestamp::now() - age * SECOND };
    let document = Document {
        snapshot: state.register.snapshot(as_of),
        since,
        limit: query.limit.unwrap_or(u64::MAX).min(allowed),
        answer: state.features.answer,
        shape,
        duplicates: take(&mut faults.duplicate_keys),
        progress: Progress::default(),
    };
    Ok(Answer::Catalogue(Box::new(document), WireFaults::taken_from(&mut state.faults)))
}

fn since(feature: UpdatedSince, query: &Query) -> Result<Option<i64>, Refusal> {
    let Some(text) = &query.updated_since else { return Ok(None) };
    match feature {
        UpdatedSince::Ignored => Ok(None),
        UpdatedSince::Rejected => Err(Refusal::new(400, "Unknown parameter updatedSince")),
        UpdatedSince::Honoured => match timestamp::read(text) {
            Ok(since) => Ok(Some(since)),
            Err(_) => Err(Refusal::new(400, "updatedSince is written as 2025-12-10T00:00:00Z")),
        },
    }
}

impl WireFaults {
    fn taken_from(faults: &mut Faults) -> Self {
        Self {
            cut: take(&mut faults.cut_body).map(|fault| fault.at),
            stall: take(&mut faults.stalled_body).map(|fault| (fault.at, Duration::from_secs(fault.seconds))),
            length_offset: take(&mut faults.wrong_content_length).map(|fault| fault.offset),
            pace: take(&mut faults.slow_body).map(|fault| fault.bytes_per_second),
            start_after: take(&mut faults.slow_start).map(|fault| Duration::from_millis(fault.milliseconds)),
        }
    }

    /// These faults in bytes. Writes the document once to nowhere when a share needs its length.
    pub async fn measured(self, document: &Document) -> Wire {
        let needed = self.cut.is_some() || self.stall.is_some() || self.length_offset.is_some();
        let length = if needed { measure(document.clone()).await } else { 0 };
        Wire {
            claimed_length: self.length_offset.map(|offset| length.saturating_add_signed(offset)),
            cut_at: self.cut.map(|at| share_of(length, at)),
            stall: self.stall.map(|(at, pause)| (share_of(length, at), pause)),
            pace: self.pace,
            start_after: self.start_after,
        }
    }
}

async fn measure(mut document: Document) -> u64 {
    let mut length = 0;
    while let Some(chunk) = document.chunk() {
        length += chunk.len() as u64;
        tokio::task::yield_now().await;
    }
    length
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a body length; a byte more or less is no matter, and it is clamped"
)]
fn share_of(length: u64, share: f64) -> u64 {
    ((length as f64 * share) as u64).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(patch: &str) -> Faults {
        Faults::default().changed_by(patch.as_bytes()).unwrap()
    }

    #[test]
    fn the_door_refuses_as_often_as_told() {
        let mut faults = faults(
            r#"{"too-many-requests":{"count":1,"retryAfter":7},"server-errors":{"count":2,"status":502}}"#,
        );
        let refusal = refuse_at_the_door(&mut faults).unwrap();
        assert_eq!((refusal.status, refusal.retry_after), (429, Some(7)));
        for _ in 0..2 {
            let refusal = refuse_at_the_door(&mut faults).unwrap();
            assert_eq!((refusal.status, refusal.retry_after), (502, None));
        }
        assert_eq!(refuse_at_the_door(&mut faults), None);
    }

    #[test]
    fn a_flow_is_refused_only_when_switched_off() {
        for (auth, flow, refused) in [
            (Auth::Both, Flow::Body, false),
            (Auth::Both, Flow::Login, false),
            (Auth::Body, Flow::Body, false),
            (Auth::Body, Flow::Login, true),
            (Auth::Login, Flow::Body, true),
            (Auth::Login, Flow::Login, false),
        ] {
            assert_eq!(refuse_flow(auth, flow).is_some(), refused, "{auth:?} {flow:?}");
        }
    }

    #[test]
    fn the_filter_does_what_the_feature_says() {
        let query = |text: &str| Query { limit: None, updated_since: Some(text.to_owned()) };
        let good = query("2025-12-11T10:30:00Z");
        assert_eq!(since(UpdatedSince::Honoured, &good), Ok(Some(1_765_449_000_000_000)));
        assert_eq!(since(UpdatedSince::Ignored, &good), Ok(None));
        assert_eq!(since(UpdatedSince::Rejected, &good).unwrap_err().status, 400);
        assert_eq!(since(UpdatedSince::Honoured, &query("yesterday")).unwrap_err().status, 400);
        assert_eq!(since(UpdatedSince::Rejected, &Query::default()), Ok(None));
    }

    #[test]
    fn shares_stay_within_the_body() {
        assert_eq!([0.0, 0.6, 1.0].map(|at| share_of(1_000, at)), [0, 600, 1_000]);
    }

    #[test]
    fn wire_faults_are_taken_once() {
        let mut faults = faults(r#"{"cut-body":{"at":0.6,"answers":1},"slow-body":{"bytesPerSecond":5}}"#);
        let taken = WireFaults::taken_from(&mut faults);
        assert_eq!((taken.cut, taken.pace), (Some(0.6), Some(5)));
        assert_eq!(WireFaults::taken_from(&mut faults).cut, None);
    }
}
