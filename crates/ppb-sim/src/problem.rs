//! Errors of the control API: RFC 9457, with a sentence that says what to do.

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError, http::StatusCode, http::header::CONTENT_TYPE,
};
use serde_json::json;

/// Why a control request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// 400, and what to send instead.
    BadInput(String),
    /// 404: no such premise.
    UnknownPremise(u64),
    /// 404: no such route.
    UnknownRoute,
}

/// The routes, for whoever asked for another.
pub(crate) const ROUTES: &str = "GET /, GET /state, GET /premises, GET|PUT|DELETE /premises/{id}, POST /churn, \
    PUT /features, PUT|DELETE /faults, POST /reset";

impl Problem {
    /// As a response.
    pub(crate) fn response(&self) -> HttpResponse {
        let (status, code, title, detail) = match self {
            Self::BadInput(detail) => {
                (StatusCode::BAD_REQUEST, "bad_input", "The request can't be carried out", detail.clone())
            }
            Self::UnknownPremise(id) => (
                StatusCode::NOT_FOUND,
                "unknown_premise",
                "There is no such premise",
                format!("no premise {id}; GET /premises lists them, PUT /premises/{id} adds it"),
            ),
            Self::UnknownRoute => (
                StatusCode::NOT_FOUND,
                "unknown_route",
                "There is no such route",
                format!("routes: {ROUTES}"),
            ),
        };
        HttpResponseBuilder::new(status).insert_header((CONTENT_TYPE, "application/problem+json")).body(
            json!({"type": "about:blank", "title": title, "status": status.as_u16(), "code": code, "detail": detail})
                .to_string(),
        )
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BadInput(detail) => f.write_str(detail),
            Self::UnknownPremise(id) => write!(f, "no premise {id}"),
            Self::UnknownRoute => f.write_str("no such route"),
        }
    }
}

impl ResponseError for Problem {
    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}
