//! Server-sent events, as much of them as the API sends: `data:` lines of one JSON document an event.

use reqwest::Response;
use serde_json::Value;

/// Reads documents off a stream.
pub(crate) struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, buffer: Vec::new() }
    }

    /// The next document; `None` when the server closed the stream.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            if let Some(document) = take_event(&mut self.buffer)? {
                return Ok(Some(document));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Takes the first whole event that has data; comments (signs of life) are dropped.
fn take_event(buffer: &mut Vec<u8>) -> serde_json::Result<Option<Value>> {
    while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
        let event: Vec<u8> = buffer.drain(..end + 2).collect();
        let data: Vec<&[u8]> =
            event.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:")).collect();
        if !data.is_empty() {
            return serde_json::from_slice(&data.concat()).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_whole_and_comments_dropped() {
        let mut buffer = b": alive\n\nevent: run\ndata: {\"a\":1}\n\ndata: {\"a\":".to_vec();
        assert_eq!(take_event(&mut buffer).unwrap().unwrap()["a"], 1);
        assert!(take_event(&mut buffer).unwrap().is_none());
        buffer.extend_from_slice(b"2}\n\n");
        assert_eq!(take_event(&mut buffer).unwrap().unwrap()["a"], 2);
        assert!(buffer.is_empty());
    }
}
