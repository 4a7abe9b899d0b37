//! A request whose sender may send and whose body carries a valid signature. The webhook handler takes one as
//! its parameter, and nothing else makes one.
//!
//! Checked in the order of cost: address, headers, size, and then the signature over the exact bytes. What
//! fails after the address is charged to the address ([`crate::limits`]).

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, Utc};
use premise_domain::source_time::floor_to_micros;

use crate::allowlist::NotAllowed;
use crate::body;
use crate::error::Refusal;
use crate::ingest::Ingest;
use crate::keyring::Key;
use crate::presented::Presented;
use crate::traceparent;
use crate::unread::Rejected;

/// Proof of sender and signature.
pub(crate) struct VerifiedRequest {
    body: Vec<u8>,
    key: Arc<Key>,
    sender: IpAddr,
    received_at: DateTime<Utc>,
    attempted_at: Option<DateTime<Utc>>,
    traceparent: Option<String>,
}

impl VerifiedRequest {
    /// The exact bytes that were signed.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Id of the secret that signed it.
    pub(crate) fn key_id(&self) -> &str {
        self.key.id()
    }

    pub(crate) fn sender(&self) -> IpAddr {
        self.sender
    }

    /// When its headers were read, by this machine's clock.
    pub(crate) fn received_at(&self) -> DateTime<Utc> {
        self.received_at
    }

    /// When its sender says this attempt was sent, where the scheme signs that.
    pub(crate) fn attempted_at(&self) -> Option<DateTime<Utc>> {
        self.attempted_at
    }

    pub(crate) fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }
}

impl FromRequest for VerifiedRequest {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let Some(ingest) = request.app_data::<web::Data<Ingest>>() else {
                return Err(actix_web::error::ErrorInternalServerError("the route has no ingest"));
            };
            match verify(ingest, &request, &mut payload).await {
                Ok(verified) => Ok(verified),
                Err(refusal) => {
                    ingest.refused(&refusal);
                    Err(Rejected::new(refusal, payload).into())
                }
            }
        })
    }
}

async fn verify(
    ingest: &Ingest,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<VerifiedRequest, Refusal> {
    let sender = sender(ingest, request)?;
    let authentic = authenticate(ingest, request, payload, sender).await;
    authentic.map_err(|refusal| ingest.limits.failed(sender).err().map_or(refusal, Refusal::AddressLimited))
}

async fn authenticate(
    ingest: &Ingest,
    request: &HttpRequest,
    payload: &mut Payload,
    sender: IpAddr,
) -> Result<VerifiedRequest, Refusal> {
    let received_at = floor_to_micros(Utc::now());
    let headers = request.headers();
    check_type(headers)?;
    let ring = ingest.keyring.get();
    let presented = Presented::read(ring.scheme(), headers)?;
    let body = body::read(request, payload, ingest.body_limit, ingest.body_timeout).await?;
    let key = ring.verify(&body, &presented, received_at).ok_or(Refusal::SignatureInvalid)?;
    ingest.metrics.verified_by(key.id());
    let attempted_at = presented.standard.filter(|_| key.is_standard()).map(|signed| signed.sent_at());
    let trace = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let traceparent = trace.and_then(traceparent::checked).map(ToOwned::to_owned);
    Ok(VerifiedRequest { body, key, sender, received_at, attempted_at, traceparent })
}

fn sender(ingest: &Ingest, request: &HttpRequest) -> Result<IpAddr, Refusal> {
    let peer = request.peer_addr().ok_or(Refusal::Address(NotAllowed::Unreadable))?.ip();
    let forwarded: Vec<Option<&str>> =
        request.headers().get_all("x-forwarded-for").map(|value| value.to_str().ok()).collect();
    ingest.senders.judge(peer, forwarded.into_iter()).map_err(Refusal::Address)
}

fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::ContentType);
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Refusal::ContentEncoding),
        _ => Ok(()),
    }
}
