//! Reads a body of bounded size in bounded time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use crate::error::Refusal;

/// Room made for a body whose length is not announced; a webhook has about 500 bytes.
const USUAL_BYTES: usize = 1024;

/// The exact bytes received. The cap is counted while they stream in, so a chunked body cannot pass it, and
/// before anything is hashed.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
    within: Duration,
) -> Result<Vec<u8>, Refusal> {
    let announced = announced_length(request);
    if announced.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    let room = announced.unwrap_or(USUAL_BYTES).min(limit);
    match timeout(within, collect(payload, room, limit)).await {
        Ok(read) => read,
        Err(_) => Err(Refusal::BodySlow),
    }
}

async fn collect(payload: &mut Payload, room: usize, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::with_capacity(room);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Refusal::BodyIncomplete)?;
        if body.len() + chunk.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn announced_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
