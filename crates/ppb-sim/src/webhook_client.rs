//! One webhook request: signed, sent, and what the receiver said.

use std::{collections::HashMap, net::IpAddr, sync::Mutex, sync::PoisonError, time::Duration};

use bytes::Bytes;
use premise_domain::signature::{SIGNATURE_HEADER, SigningKey};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use url::Url;

/// As long as the receiver is given to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest `Retry-After` that is kept to.
const LONGEST_WAIT: u64 = 60;

/// Sends to one receiver.
#[derive(Debug)]
pub(crate) struct Client {
    url: Url,
    key: SigningKey,
    /// By local address; a connection pool each.
    clients: Mutex<HashMap<Option<IpAddr>, reqwest::Client>>,
}

/// What is sent.
pub(crate) struct Delivery<'a> {
    pub(crate) body: &'a Bytes,
    pub(crate) badly_signed: bool,
    pub(crate) source: Option<IpAddr>,
}

/// It was not accepted.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Refusal {
    reason: String,
    pub(crate) retry_after: Duration,
}

impl Client {
    /// A client with the usual local address ready.
    pub(crate) fn new(url: Url, key: SigningKey) -> Result<Self, reqwest::Error> {
        let clients = Mutex::new(HashMap::from([(None, build(None)?)]));
        Ok(Self { url, key, clients })
    }

    /// Sends it once; any 2xx is acceptance.
    pub(crate) async fn send(&self, delivery: &Delivery<'_>) -> Result<(), Refusal> {
        let client = self.client(delivery.source).map_err(|error| Refusal::from(&error))?;
        let mut signature = self.key.sign(delivery.body);
        if delivery.badly_signed {
            spoil(&mut signature);
        }
        let response = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, signature)
            .body(delivery.body.clone())
            .send()
            .await
            .map_err(|error| Refusal::from(&error))?;
        if response.status().is_success() {
            return Ok(());
        }
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = Duration::from_secs(wait.unwrap_or(0).min(LONGEST_WAIT));
        Err(Refusal { reason: format!("answered {}", response.status()), retry_after })
    }

    fn client(&self, source: Option<IpAddr>) -> Result<reqwest::Client, reqwest::Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&source) {
            return Ok(client.clone());
        }
        let client = build(source)?;
        clients.insert(source, client.clone());
        Ok(client)
    }
}

impl From<&reqwest::Error> for Refusal {
    fn from(error: &reqwest::Error) -> Self {
        let reason = if error.is_timeout() { "no answer in time" } else { "no connection" };
        Self { reason: reason.to_owned(), retry_after: Duration::ZERO }
    }
}

fn build(source: Option<IpAddr>) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().no_proxy().timeout(TIMEOUT).local_address(source).build()
}

/// Changes the first digit.
fn spoil(signature: &mut String) {
    let other = if signature.starts_with('0') { "1" } else { "0" };
    signature.replace_range(..1, other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spoiled_signature_differs_in_one_digit() {
        for signature in ["00ab", "f0ab"] {
            let mut spoiled = signature.to_owned();
            spoil(&mut spoiled);
            assert_ne!(spoiled, signature);
            assert_eq!(spoiled[1..], signature[1..]);
        }
    }
}
