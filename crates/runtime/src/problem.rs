//! RFC 9457 problems: the one form of every error body, with a `code` that clients may rely on.
//!
//! A service builds its own [`Problem`]s; what actix answers by itself (no route, wrong method, a body, query or
//! path that does not parse) is turned into problems here, so no client ever meets another error form.
//! `detail` is for people and may change; `code` is stable.

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError, web};
use serde_json::{Map, Value, json};

/// Media type of every error body.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One error answer. Return it as a handler's error.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable, snake case, part of the public contract.
    pub code: &'static str,
    /// Short, the same for every occurrence of the code.
    pub title: &'static str,
    /// What happened this time, for people. No secrets, no personal data.
    pub detail: String,
    /// Further members, such as `errors` or `runId`.
    pub extra: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem whose detail is its title.
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, detail: title.to_owned(), extra: Map::new(), headers: Vec::new() }
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The body. The fixed members win over extra ones of the same name.
    pub fn body(&self) -> Value {
        let mut body = self.extra.clone();
        body.insert("type".to_owned(), json!(format!("urn:premise-sync:problem:{}", self.code)));
        body.insert("title".to_owned(), json!(self.title));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("code".to_owned(), json!(self.code));
        body.insert("detail".to_owned(), json!(self.detail));
        Value::Object(body)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponseBuilder::new(self.status);
        response.content_type(MEDIA_TYPE).insert_header((header::CACHE_CONTROL, "no-store"));
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.body().to_string())
    }
}

fn not_found(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found").detail(detail)
}

/// Makes the extractors `web::Json`, `web::Query` and `web::Path` answer with problems.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.app_data(web::JsonConfig::default().error_handler(|error, _| json_problem(&error).into()))
        .app_data(web::QueryConfig::default().error_handler(|error, _| query_problem(&error).into()))
        .app_data(web::PathConfig::default().error_handler(|error, _| path_problem(&error).into()));
}

/// The answer of a path without a route.
pub(crate) async fn no_route(request: actix_web::HttpRequest) -> HttpResponse {
    not_found(format!("there is nothing at {}", request.path())).error_response()
}

/// Gives the bodiless errors of the router (a method the route does not have) a problem for a body.
pub(crate) async fn fill_empty<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<EitherBody<B, BoxBody>>> {
    let response = next.call(request).await?;
    let empty = matches!(response.response().body().size(), BodySize::None | BodySize::Sized(0));
    let problem = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED if empty => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed").detail(
                format!("{} does not take {}", response.request().path(), response.request().method()),
            )
        }
        StatusCode::NOT_FOUND if empty => {
            not_found(format!("there is nothing at {}", response.request().path()))
        }
        _ => return Ok(response.map_into_left_body()),
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let problem = allow.into_iter().fold(problem, |problem, value| problem.header(header::ALLOW, value));
    Ok(response.into_response(problem.error_response()).map_into_right_body())
}

fn json_problem(error: &JsonPayloadError) -> Problem {
    let (status, code, title) = match error {
        JsonPayloadError::ContentType => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body must be application/json",
        ),
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large")
        }
        _ => (StatusCode::BAD_REQUEST, "malformed_body", "The body is not what this route takes"),
    };
    Problem::new(status, code, title).detail(error.to_string())
}

fn query_problem(error: &QueryPayloadError) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", "The query is not what this route takes")
        .detail(error.to_string())
}

fn path_problem(error: &PathError) -> Problem {
    not_found(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    #[derive(serde::Deserialize)]
    struct Input {
        page: u32,
    }

    async fn answer(request: test::TestRequest) -> (StatusCode, String, Value) {
        let app = App::new()
            .configure(configure)
            .wrap(from_fn(fill_empty))
            .service(
                web::resource("/json").route(web::post().to(async |b: web::Json<Input>| b.page.to_string())),
            )
            .service(
                web::resource("/query").route(web::get().to(async |q: web::Query<Input>| q.page.to_string())),
            )
            .default_service(web::to(no_route));
        let response = test::call_service(&test::init_service(app).await, request.to_request()).await;
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap().to_owned());
        let body = to_bytes(response.into_body()).await.unwrap();
        (status, kind.unwrap_or_default(), serde_json::from_slice(&body).unwrap_or_default())
    }

    #[actix_web::test]
    async fn what_actix_answers_by_itself_is_a_problem_too() {
        let json = |body: &'static str| {
            test::TestRequest::post()
                .uri("/json")
                .insert_header(("content-type", "application/json"))
                .set_payload(body)
        };
        let cases = [
            (test::TestRequest::get().uri("/none"), 404, "not_found"),
            (test::TestRequest::put().uri("/query?page=1"), 405, "method_not_allowed"),
            (test::TestRequest::get().uri("/query?page=x"), 400, "invalid_query"),
            (json("{"), 400, "malformed_body"),
            (test::TestRequest::post().uri("/json").set_payload("{}"), 415, "unsupported_media_type"),
        ];
        for (request, status, code) in cases {
            let (got, kind, body) = answer(request).await;
            assert_eq!((got.as_u16(), kind.as_str()), (status, MEDIA_TYPE), "{body}");
            assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)));
        }
        assert_eq!(answer(json("{\"page\": 3}")).await.0, StatusCode::OK);
    }

    #[actix_web::test]
    async fn members_and_headers_reach_the_client() {
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "broker_unavailable", "Broker unavailable")
                .with("runId", "r1")
                .with("status", "hidden")
                .retry_after(5);
        let response = problem.error_response();
        assert_eq!(response.headers().get("retry-after").unwrap(), "5");
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap();
        assert_eq!((&body["runId"], &body["status"]), (&json!("r1"), &json!(503)));
        assert_eq!(body["type"], "urn:premise-sync:problem:broker_unavailable");
    }
}
