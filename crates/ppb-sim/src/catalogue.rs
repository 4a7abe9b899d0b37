//! PPB's side over HTTP: login and catalogue, in both authentication flows.

use std::time::Instant;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER},
    },
    middleware::{Compress, Next, from_fn},
    web::{self, Bytes, Data, Query as UrlQuery, ServiceConfig},
};
use serde_json::json;

use crate::{
    access::Credentials,
    answer::{self, Answer, Flow, Query, Refusal, refuse_at_the_door, refuse_flow},
    body::CatalogueBody,
    counters::Count,
    faults::take,
    features, feed,
    simulator::Simulator,
    timestamp,
};

/// Where PPB's application lives.
pub const BASE: &str = "/catalogue-0.0.1";
const PAGE: &str = include_str!("../data/error-page.html");

/// The routes of PPB's side.
pub fn routes(config: &mut ServiceConfig) {
    config.service(
        web::scope(BASE)
            .wrap(Compress::default())
            .wrap(from_fn(compress_only_when_switched_on))
            .route("/login", web::post().to(login))
            .route("/view/premisecatalogue", web::get().to(by_token))
            .route("/view/premisecatalogue", web::post().to(by_body))
            .configure(feed::routes),
    );
}

async fn compress_only_when_switched_on(
    simulator: Data<Simulator>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let compress = {
        let state = simulator.state();
        // A claimed length is about the bytes as they are.
        state.features.gzip && state.faults.wrong_content_length.is_none()
    };
    if !compress {
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    next.call(request).await
}

async fn login(simulator: Data<Simulator>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if simulator.state().features.auth == features::Auth::Body {
        return refused(&simulator, &request, &Refusal::new(404, "Not Found"));
    }
    if let Err(refusal) = check_credentials(&simulator, &body) {
        return refused(&simulator, &request, &refusal);
    }
    let mut state = simulator.state();
    let token = state.tokens.give(Instant::now());
    simulator.counters().requests.logins.up();
    HttpResponse::Ok().insert_header((DATE, timestamp::http_date(state.clock()))).json(json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": state.tokens.lifetime().as_secs(),
    }))
}

async fn by_body(
    simulator: Data<Simulator>,
    request: HttpRequest,
    query: Result<UrlQuery<Query>, actix_web::Error>,
    body: Bytes,
) -> HttpResponse {
    let checked = admit(&simulator, Flow::Body).and_then(|()| check_credentials(&simulator, &body));
    match checked {
        Ok(()) => catalogue(&simulator, &request, query).await,
        Err(refusal) => refused(&simulator, &request, &refusal),
    }
}

async fn by_token(
    simulator: Data<Simulator>,
    request: HttpRequest,
    query: Result<UrlQuery<Query>, actix_web::Error>,
) -> HttpResponse {
    let checked = admit(&simulator, Flow::Login).and_then(|()| check_token(&simulator, &request));
    match checked {
        Ok(()) => catalogue(&simulator, &request, query).await,
        Err(refusal) => refused(&simulator, &request, &refusal),
    }
}

fn admit(simulator: &Simulator, flow: Flow) -> Result<(), Refusal> {
    let requests = &simulator.counters().requests;
    requests.catalogue.up();
    let mut state = simulator.state();
    if let Some(refusal) = refuse_at_the_door(&mut state.faults) {
        requests.faulted.up();
        return Err(refusal);
    }
    refuse_flow(state.features.auth, flow).map_or(Ok(()), Err)
}

/// Whether the body carries the credentials.
pub(crate) fn check_credentials(simulator: &Simulator, body: &[u8]) -> Result<(), Refusal> {
    let given: Credentials = serde_json::from_slice(body)
        .map_err(|_| Refusal::new(400, "Send {\"useremail\":…,\"userpassword\":…} as JSON"))?;
    if given == *simulator.credentials() {
        return Ok(());
    }
    simulator.counters().requests.unauthorized.up();
    Err(Refusal::new(401, "Unauthorized"))
}

/// Whether the request carries a valid token.
pub(crate) fn check_token(simulator: &Simulator, request: &HttpRequest) -> Result<(), Refusal> {
    if bearer(request).is_some_and(|token| simulator.state().token_valid(token)) {
        return Ok(());
    }
    simulator.counters().requests.unauthorized.up();
    Err(Refusal::new(401, "Unauthorized"))
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

async fn catalogue(
    simulator: &Data<Simulator>,
    request: &HttpRequest,
    query: Result<UrlQuery<Query>, actix_web::Error>,
) -> HttpResponse {
    let Ok(query) = query else {
        return refused(simulator, request, &Refusal::new(400, "limit is a number of rows"));
    };
    let (decided, date) = {
        let mut state = simulator.state();
        if take(&mut state.faults.unauthorized_mid_run).is_some() {
            if let Some(token) = bearer(request) {
                state.tokens.revoke(token);
            }
            drop(state);
            simulator.counters().requests.faulted.up();
            return refused(simulator, request, &Refusal::new(401, "Unauthorized"));
        }
        (answer::answer(&mut state, &query), timestamp::http_date(state.clock()))
    };
    let count = |counter: &Count| counter.up();
    let requests = &simulator.counters().requests;
    let mut response = HttpResponse::Ok();
    response.insert_header((DATE, date));
    match decided {
        Err(refusal) => refused(simulator, request, &refusal),
        Ok(Answer::HtmlPage) => {
            count(&requests.faulted);
            response.insert_header((CONTENT_TYPE, "text/html;charset=UTF-8")).body(PAGE)
        }
        Ok(Answer::WithoutList) => {
            count(&requests.faulted);
            response.json(json!({}))
        }
        Ok(Answer::Catalogue(document, faults)) => {
            count(&requests.answered);
            let wire = faults.measured(&document).await;
            let body = CatalogueBody::new(*document, wire, simulator.counters().clone());
            response.insert_header((CONTENT_TYPE, "application/json")).body(body)
        }
    }
}

/// A refusal as PPB's framework writes it.
pub(crate) fn refused(simulator: &Simulator, request: &HttpRequest, refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let clock = simulator.state().clock();
    let mut response = HttpResponseBuilder::new(status);
    response.insert_header((DATE, timestamp::http_date(clock)));
    if let Some(seconds) = refusal.retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    response.json(json!({
        "timestamp": timestamp::text(clock),
        "status": refusal.status,
        "error": refusal.message,
        "path": request.path(),
    }))
}
