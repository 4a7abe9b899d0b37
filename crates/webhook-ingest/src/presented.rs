//! The signatures that a request presents, by the headers that its scheme reads.
//!
//! A header that is repeated or malformed refuses the request, whatever the others say: which of them a proxy in
//! between would have checked cannot be known.

use actix_web::http::header::HeaderMap;
use premise_domain::signature::{self, PresentedSignatures};
use premise_domain::standard_webhooks::{self, SignedHeaders};

use crate::config::Scheme;
use crate::error::Refusal;

/// What there is to verify; at least one of the two.
#[derive(Debug)]
pub(crate) struct Presented {
    pub(crate) ppb: Option<PresentedSignatures>,
    pub(crate) standard: Option<SignedHeaders>,
}

impl Presented {
    pub(crate) fn read(scheme: Scheme, headers: &HeaderMap) -> Result<Self, Refusal> {
        let (reads_ppb, reads_standard) = match scheme {
            Scheme::Ppb => (true, false),
            Scheme::Standard => (false, true),
            Scheme::Both => (true, true),
        };
        let ppb = if reads_ppb { ppb(headers)? } else { None };
        let standard = if reads_standard { standard(headers)? } else { None };
        if ppb.is_none() && standard.is_none() {
            return Err(Refusal::SignatureMissing);
        }
        Ok(Self { ppb, standard })
    }
}

fn ppb(headers: &HeaderMap) -> Result<Option<PresentedSignatures>, Refusal> {
    let value = only(headers, signature::SIGNATURE_HEADER)?;
    value.map(|text| PresentedSignatures::parse(text).ok_or(Refusal::SignatureInvalid)).transpose()
}

fn standard(headers: &HeaderMap) -> Result<Option<SignedHeaders>, Refusal> {
    let Some(signatures) = only(headers, standard_webhooks::SIGNATURE_HEADER)? else { return Ok(None) };
    let id = only(headers, standard_webhooks::ID_HEADER)?.ok_or(Refusal::SignatureMissing)?;
    let timestamp = only(headers, standard_webhooks::TIMESTAMP_HEADER)?.ok_or(Refusal::SignatureMissing)?;
    SignedHeaders::parse(id, timestamp, signatures).map(Some).ok_or(Refusal::SignatureInvalid)
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::SignatureInvalid);
    }
    value.to_str().map(Some).map_err(|_| Refusal::SignatureInvalid)
}
