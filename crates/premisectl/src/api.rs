//! The API as a client sees it. Every error says what to do next where that is known.

use std::fmt::Write;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use url::Url;

const BASE: &str = "api/master-data/premises";
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Longest silence of the server, also between two events of a stream (it sends a sign of life more often).
const SILENT_FOR: Duration = Duration::from_mins(1);

/// What a call can end in beside its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error(
        "cannot reach {url}; is premise-sync running there? (--api-url or PREMISE_API_URL chooses another place)"
    )]
    Unreachable { url: Url, source: reqwest::Error },
    #[error("{}", told(*status, problem))]
    Refused { status: StatusCode, problem: Value },
    #[error("{url} answered {status}, but not as premise-sync does; is the address right?")]
    Foreign { url: Url, status: StatusCode },
    #[error("the answer of {url} broke off")]
    Cut { url: Url, source: reqwest::Error },
}

fn told(status: StatusCode, problem: &Value) -> String {
    let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    let mut told = format!("{} ({}, {})", text("detail"), status.as_u16(), text("code"));
    for error in problem["errors"].as_array().into_iter().flatten() {
        // Writing to a String cannot fail.
        let _ = write!(told, "\n  {error}");
    }
    if let Some(run) = problem["runId"].as_str() {
        let _ = write!(told, "\n  follow it: premisectl runs show {run}");
    }
    match status {
        StatusCode::UNAUTHORIZED => told.push_str("\n  give a valid token in PREMISE_TOKEN"),
        StatusCode::FORBIDDEN => {
            told.push_str("\n  the token's role does not allow this; use an operator's token");
        }
        _ => {}
    }
    told
}

/// A client of one API.
pub(crate) struct Api {
    http: reqwest::Client,
    root: Url,
    token: Option<String>,
}

impl Api {
    pub(crate) fn new(root: &Url, token: Option<String>) -> anyhow::Result<Self> {
        anyhow::ensure!(matches!(root.scheme(), "http" | "https"), "{root} is no http or https address");
        let http =
            reqwest::Client::builder().connect_timeout(CONNECT_WITHIN).read_timeout(SILENT_FOR).build()?;
        let mut root = root.clone();
        root.set_path(&format!("{}/", root.path().trim_end_matches('/')));
        Ok(Self { http, root, token: token.filter(|token| !token.is_empty()) })
    }

    /// Address of a path below the base path; `""` is the register itself.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.root.clone();
        let slash = if path.is_empty() { "" } else { "/" };
        url.set_path(&format!("{}{BASE}{slash}{path}", self.root.path()));
        url
    }

    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, ApiError> {
        let url = with_query(self.url(path), query);
        self.json(self.request(Method::GET, url.clone()), url).await
    }

    pub(crate) async fn post(&self, path: &str, query: &[(&str, String)]) -> Result<Value, ApiError> {
        let url = with_query(self.url(path), query);
        self.json(self.request(Method::POST, url.clone()), url).await
    }

    pub(crate) async fn patch_json(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        let url = self.url(path);
        self.json(self.request(Method::PATCH, url.clone()).json(body), url).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        let url = self.url(path);
        self.json(self.request(Method::POST, url.clone()).json(body), url).await
    }

    /// Sends exact bytes with extra headers; the token is not sent, the route does not want it.
    pub(crate) async fn post_signed(
        &self,
        url: Url,
        body: Vec<u8>,
        signature: String,
    ) -> Result<Value, ApiError> {
        let request = self
            .http
            .post(url.clone())
            .header("content-type", "application/json")
            .header(premise_domain::signature::SIGNATURE_HEADER, signature)
            .body(body);
        self.json(request, url).await
    }

    /// A stream of server-sent events.
    pub(crate) async fn stream(&self, path: &str) -> Result<Response, ApiError> {
        let url = self.url(path);
        let request = self.request(Method::GET, url.clone()).header("accept", "text/event-stream");
        let response = send(request, &url).await?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response, url).await) }
    }

    /// Status and body of any address, for probes that answer 503 with a body worth reading.
    pub(crate) async fn probe(&self, url: Url) -> Result<(StatusCode, Value), ApiError> {
        let response = send(self.http.get(url.clone()), &url).await?;
        let status = response.status();
        let body = response.json().await.map_err(|_| ApiError::Foreign { url, status })?;
        Ok((status, body))
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn json(&self, request: RequestBuilder, url: Url) -> Result<Value, ApiError> {
        let response = send(request, &url).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(refusal(response, url).await);
        }
        response.json().await.map_err(|_| ApiError::Foreign { url, status })
    }
}

fn with_query(mut url: Url, query: &[(&str, String)]) -> Url {
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

async fn send(request: RequestBuilder, url: &Url) -> Result<Response, ApiError> {
    request.send().await.map_err(|source| {
        if source.is_connect() {
            ApiError::Unreachable { url: url.clone(), source: source.without_url() }
        } else {
            ApiError::Cut { url: url.clone(), source: source.without_url() }
        }
    })
}

async fn refusal(response: Response, url: Url) -> ApiError {
    let status = response.status();
    match response.json::<Value>().await {
        Ok(problem) if problem["code"].is_string() => ApiError::Refused { status, problem },
        _ => ApiError::Foreign { url, status },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_stand_below_the_given_address() {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let api = |root: &str| Api::new(&root.parse().unwrap(), None).unwrap();
        assert_eq!(api("http://h:1").url("").as_str(), "http://h:1/api/master-data/premises");
        assert_eq!(api("http://h/p/").url("stats").as_str(), "http://h/p/api/master-data/premises/stats");
        assert_eq!(api("http://h").url("a?b").path(), "/api/master-data/premises/a%3Fb");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let busy = json!({"code": "run_in_progress", "detail": "A run is in progress", "runId": "r1"});
        let text = told(StatusCode::CONFLICT, &busy);
        assert!(text.starts_with("A run is in progress (409, run_in_progress)"), "{text}");
        assert!(text.contains("premisectl runs show r1"), "{text}");
        let open = told(StatusCode::UNAUTHORIZED, &json!({"code": "unauthorized", "detail": "No token"}));
        assert!(open.contains("PREMISE_TOKEN"), "{open}");
    }
}
