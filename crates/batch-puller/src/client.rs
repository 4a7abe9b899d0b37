//! PPB's catalogue over HTTP: both ways to log in, patience in three places, and what an answer proves.
//!
//! Waits are bounded for the connection, for the head of the answer and for silence within it; a healthy
//! answer may take as long as it needs. Redirects are not followed: the credentials must not travel to
//! another host. This client asks once (and once more with fresh credentials after a 401); asking again later
//! is the run's decision, because rows may be staged by then.

mod answer;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use premise_runtime::Secret;
use reqwest::{RequestBuilder, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};
use url::Url;

use answer::Patience;
pub use answer::{Answer, Head, Timing};

use crate::{
    config::{AuthFlow, PpbConfig},
    error::RequestError,
    metrics::{Metrics, RequestOutcome},
};

const LOGIN: &str = "catalogue-0.0.1/login";
const CATALOGUE: &str = "catalogue-0.0.1/view/premisecatalogue";

/// Longest login answer that is read. A token has a few kilobytes at most.
const MAX_LOGIN_BYTES: usize = 64 * 1024;

/// A client of PPB's catalogue.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    config: PpbConfig,
    login: Url,
    catalogue: Url,
    token: Mutex<Option<Secret>>,
    metrics: Metrics,
}

impl Client {
    /// Prepares a client; connects to nothing.
    pub fn new(config: &PpbConfig, metrics: Metrics) -> anyhow::Result<Self> {
        premise_runtime::install_ring();
        let mut base = config.base()?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("premise-sync/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .gzip(true)
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            // Pulls are hours apart: a connection kept open would only be found closed.
            .pool_max_idle_per_host(0);
        if !config.ca_file.as_os_str().is_empty() {
            let pem = std::fs::read(&config.ca_file)
                .with_context(|| format!("ppb.ca_file {} cannot be read", config.ca_file.display()))?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).context("ppb.ca_file is no PEM")?;
            http = http.tls_certs_merge(certificates);
        }
        Ok(Self {
            http: http.build().context("prepare the client for PPB")?,
            login: base.join(LOGIN)?,
            catalogue: base.join(CATALOGUE)?,
            config: config.clone(),
            token: Mutex::new(None),
            metrics,
        })
    }

    /// Asks for the catalogue, or for what changed since a time, and waits for the head of the answer.
    pub async fn ask(&self, since: Option<DateTime<Utc>>) -> Result<Answer, RequestError> {
        match self.ask_once(since).await {
            Err(RequestError::Unauthorized(401)) => {
                // The token's lifetime is unknown, so 401 says first of all that it is over.
                self.keep_token(None);
                self.ask_once(since).await
            }
            other => other,
        }
    }

    async fn ask_once(&self, since: Option<DateTime<Utc>>) -> Result<Answer, RequestError> {
        let mut url = self.catalogue.clone();
        url.query_pairs_mut().append_pair("limit", &self.config.limit.to_string());
        if let Some(since) = since {
            // Whole seconds, floored: nothing of the boundary's second is left out.
            let text = since.to_rfc3339_opts(SecondsFormat::Secs, true);
            url.query_pairs_mut().append_pair("updatedSince", &text);
        }
        let request = match self.config.auth {
            AuthFlow::Body => self.http.post(url).json(&self.credentials()),
            AuthFlow::Login => self.http.get(url).bearer_auth(self.token().await?.expose()),
        };
        let (response, timing) = self.send(request).await?;
        Ok(self.answer(response, timing))
    }

    fn answer(&self, response: Response, timing: Timing) -> Answer {
        let patience = Patience {
            first_byte: Duration::from_millis(self.config.first_byte_timeout_ms),
            silence: Duration::from_millis(self.config.silence_timeout_ms),
        };
        Answer::new(response, timing, patience, self.metrics.clone())
    }

    fn credentials(&self) -> serde_json::Value {
        json!({"useremail": self.config.email, "userpassword": self.config.password.expose()})
    }

    async fn token(&self) -> Result<Secret, RequestError> {
        let kept = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = kept {
            return Ok(token);
        }
        let token = self.log_in().await?;
        self.keep_token(Some(token.clone()));
        Ok(token)
    }

    fn keep_token(&self, token: Option<Secret>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    async fn log_in(&self) -> Result<Secret, RequestError> {
        #[derive(Deserialize)]
        struct Login {
            access_token: Secret,
        }
        let request = self.http.post(self.login.clone()).json(&self.credentials());
        let (response, timing) = self.send(request).await.map_err(|error| match error {
            // Not 401: that would be answered by logging in again with the same credentials.
            RequestError::Unauthorized(_) => RequestError::LoginRefused,
            other => other,
        })?;
        let mut answer = self.answer(response, timing);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_LOGIN_BYTES {
                return Err(RequestError::NoToken);
            }
        }
        // serde's error could quote the token.
        let login: Login = serde_json::from_slice(&body).map_err(|_| RequestError::NoToken)?;
        let usable = header::HeaderValue::from_str(login.access_token.expose()).is_ok();
        if usable && !login.access_token.is_empty() {
            Ok(login.access_token)
        } else {
            Err(RequestError::NoToken)
        }
    }

    /// One request up to the head of its answer; anything but 200 is an error.
    async fn send(&self, request: RequestBuilder) -> Result<(Response, Timing), RequestError> {
        let limit = Duration::from_millis(self.config.first_byte_timeout_ms);
        let (sent_at, began) = (Utc::now(), Instant::now());
        let response = match timeout(limit, request.send()).await {
            Err(_) => Err(RequestError::NoFirstByte(limit)),
            Ok(Err(error)) => Err(RequestError::Unreachable(error.without_url())),
            Ok(Ok(response)) => refuse_status(&response, Utc::now()).map_or(Ok(response), Err),
        };
        if let Err(error) = &response {
            self.metrics.request_ended(error.outcome());
        }
        Ok((response?, Timing { sent_at, head_after: began.elapsed() }))
    }
}

/// The error a status means, or `None` for 200.
fn refuse_status(response: &Response, now: DateTime<Utc>) -> Option<RequestError> {
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| wish(value, now));
    Some(match status {
        StatusCode::OK => return None,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RequestError::Unauthorized(status.as_u16()),
        StatusCode::TOO_MANY_REQUESTS => RequestError::RateLimited(retry_after),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            RequestError::Faulty { status: status.as_u16(), retry_after }
        }
        // "Not implemented" is an answer, not a fault that passes.
        StatusCode::NOT_IMPLEMENTED => RequestError::Refused(status.as_u16()),
        _ if status.is_server_error() => RequestError::Faulty { status: status.as_u16(), retry_after },
        _ => RequestError::Refused(status.as_u16()),
    })
}

/// `Retry-After` in seconds or as a date.
fn wish(value: &header::HeaderValue, now: DateTime<Utc>) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text).ok()?;
    Some((until.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

impl RequestError {
    /// The metric's word for it.
    pub fn outcome(&self) -> RequestOutcome {
        match self {
            Self::Unreachable(_) => RequestOutcome::Unreachable,
            Self::NoFirstByte(_) | Self::Silent { .. } => RequestOutcome::TimedOut,
            Self::Cut { .. } => RequestOutcome::Cut,
            Self::Unauthorized(_) | Self::LoginRefused => RequestOutcome::Unauthorized,
            Self::RateLimited(_) => RequestOutcome::RateLimited,
            Self::Faulty { .. } => RequestOutcome::Faulty,
            Self::Refused(_) | Self::NoToken => RequestOutcome::Refused,
        }
    }
}

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;
