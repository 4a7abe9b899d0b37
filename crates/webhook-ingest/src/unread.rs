//! Refusals before the body was read to its end.
//!
//! actix reads on when a chunked body was dropped unread, without a bound in size or time, to keep the connection
//! usable. A stranger could so hold a connection for ever. While the answer's body keeps the unread payload
//! alive, actix closes the connection after the answer instead.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, ResponseError};

use crate::error::Refusal;

/// A refusal together with what was not read.
pub(crate) struct Rejected {
    refusal: Refusal,
    payload: RefCell<Option<Payload>>,
}

impl Rejected {
    pub(crate) fn new(refusal: Refusal, payload: Payload) -> Self {
        Self { refusal, payload: RefCell::new(Some(payload)) }
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejected").field(&self.refusal).finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl ResponseError for Rejected {
    fn status_code(&self) -> StatusCode {
        self.refusal.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let payload = self.payload.borrow_mut().take();
        let answer = self.refusal.error_response();
        answer.map_body(|_, body| BoxBody::new(Holding { body, _payload: payload }))
    }
}

/// The answer's body, holding the request's.
struct Holding {
    body: BoxBody,
    _payload: Option<Payload>,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(context)
    }
}
