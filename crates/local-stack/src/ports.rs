//! Free loopback ports for servers that must be told theirs.
//!
//! A port is only known to be free at the moment of the look, so whoever starts a server on it tries
//! again with another one when the start fails.

use std::net::TcpListener;

use rand::RngExt as _;

use crate::Error;

/// Below every system's ephemeral range, so that no outgoing connection takes the port while its
/// server is away for a restart.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port in [`RANGE`] that nothing listens on now.
pub fn free_port() -> Result<u16, Error> {
    let mut random = rand::rng();
    for _ in 0..200 {
        let port = random.random_range(RANGE);
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(Error::NoFreePort)
}

/// Whether nothing listens on this loopback port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Runs `start` with a free port, and with another one when the program ends at once: the port may
/// have been taken since. Returns the port that worked.
pub(crate) async fn first_that_starts(
    mut start: impl AsyncFnMut(u16) -> Result<(), Error>,
) -> Result<u16, Error> {
    for _ in 0..2 {
        let port = free_port()?;
        match start(port).await {
            Err(Error::Ended { .. }) => {}
            other => return other.map(|()| port),
        }
    }
    let port = free_port()?;
    start(port).await.map(|()| port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_not_free() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
        assert!(RANGE.contains(&free_port().unwrap()));
    }
}
