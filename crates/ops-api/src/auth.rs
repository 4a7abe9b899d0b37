//! Who calls, and what they may do.
//!
//! Tokens are kept as MACs under a key of this process, and a presented one is compared by MAC verification:
//! in constant time, and without the tokens lying in memory. Mode `none` is for one machine: the process refuses
//! it on any other than loopback addresses, and requests that a web page of elsewhere could cause (a foreign
//! `Host`, a cross-site fetch) are refused too.

use std::future::{Ready, ready};
use std::net::SocketAddr;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};
use premise_domain::signature::{PresentedSignatures, SigningKey};
use premise_runtime::ConfigError;
use premise_runtime::problem::Problem;
use uuid::Uuid;

use crate::Api;
use crate::config::{AuthSettings, Mode, Role};

const SHORTEST_TOKEN: usize = 16;

/// A caller whose role was checked.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Name of the token, or `local` where none is needed.
    pub(crate) name: String,
    role: Role,
}

impl Caller {
    /// As a run's requester, for instance `operator:ops`.
    pub(crate) fn label(&self) -> String {
        format!("{}:{}", self.role.as_str(), self.name)
    }
}

/// Proof that the caller may read.
pub(crate) struct Viewer(#[expect(dead_code, reason = "the proof is the type")] Caller);

/// Proof that the caller may start and change things.
pub(crate) struct Operator(pub(crate) Caller);

/// The configured tokens.
pub(crate) struct Authority {
    mode: Mode,
    key: SigningKey,
    known: Vec<(Caller, PresentedSignatures)>,
}

impl Authority {
    pub(crate) fn new(settings: &AuthSettings) -> Result<Self, ConfigError> {
        if settings.mode == Mode::Token && settings.tokens.is_empty() {
            return Err(ConfigError::invalid(
                "auth.tokens",
                "mode `token` without a token would admit nobody",
            ));
        }
        let noise = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        let key =
            SigningKey::new("tokens", &noise).map_err(|e| ConfigError::invalid("auth", e.to_string()))?;
        let mut known = Vec::new();
        for token in &settings.tokens {
            if token.token.expose().len() < SHORTEST_TOKEN {
                let reason = format!("the token `{}` has fewer than {SHORTEST_TOKEN} characters", token.name);
                return Err(ConfigError::invalid("auth.tokens", reason));
            }
            let mac = key.sign(token.token.expose().as_bytes());
            let mac = PresentedSignatures::parse(&mac)
                .ok_or_else(|| ConfigError::invalid("auth.tokens", "no MAC for a token"))?;
            known.push((Caller { name: token.name.clone(), role: token.role }, mac));
        }
        Ok(Self { mode: settings.mode, key, known })
    }

    /// Refuses mode `none` where others than this machine's users could call.
    pub(crate) fn admit(&self, listeners: &[SocketAddr]) -> anyhow::Result<()> {
        let open: Vec<String> =
            listeners.iter().filter(|address| !address.ip().is_loopback()).map(ToString::to_string).collect();
        if self.mode == Mode::None && !open.is_empty() {
            let reason =
                format!("`none` is refused because {} is no loopback address; use `token`", open.join(", "));
            return Err(ConfigError::invalid("auth.mode", reason).into());
        }
        Ok(())
    }

    /// The caller, if known and of at least the role.
    fn authorise(&self, request: &HttpRequest, needed: Role) -> Result<Caller, Problem> {
        let caller = match request.headers().get(header::AUTHORIZATION) {
            Some(value) => self.by_token(value).ok_or_else(|| unauthorized("the token is not known"))?,
            None if self.mode == Mode::None => local(request)?,
            None => return Err(unauthorized("this needs a bearer token")),
        };
        if caller.role < needed {
            let detail =
                format!("this needs the role {}, the token has {}", needed.as_str(), caller.role.as_str());
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "The role does not allow this")
                .detail(detail));
        }
        Ok(caller)
    }

    /// Looks at every token whatever the first ones gave, so that time tells nothing about which matched.
    fn by_token(&self, header: &HeaderValue) -> Option<Caller> {
        let text = header.to_str().ok()?;
        let (scheme, token) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = token.trim().as_bytes();
        self.known.iter().fold(None, |found, (caller, mac)| {
            let matches = self.key.verify(token, mac);
            if matches { Some(caller.clone()) } else { found }
        })
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not authorized")
        .detail(detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The user of this machine, unless a web page made the browser ask.
fn local(request: &HttpRequest) -> Result<Caller, Problem> {
    let refused = |detail: &str| {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "foreign_origin",
            "Only this machine may call without a token",
        )
        .detail(detail))
    };
    if request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return refused("a web page of another site asked for this");
    }
    if !names_loopback(request.connection_info().host()) {
        return refused("the Host header names another machine");
    }
    Ok(Caller { name: "local".to_owned(), role: Role::Admin })
}

fn names_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn extract(request: &HttpRequest, needed: Role) -> Result<Caller, Problem> {
    let api = request.app_data::<web::Data<Api>>();
    let api =
        api.ok_or_else(|| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"))?;
    api.authority.authorise(request, needed)
}

impl FromRequest for Viewer {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(extract(request, Role::Viewer).map(Self))
    }
}

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(extract(request, Role::Operator).map(Self))
    }
}

#[cfg(test)]
mod tests;
