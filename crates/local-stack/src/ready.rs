//! When a started process is ready to be used, asked in its own protocol and without a client
//! library: this crate links none.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The question that a ready process answers. All on 127.0.0.1.
#[derive(Clone, Debug)]
pub enum Ready {
    /// Ready as soon as it runs.
    AtOnce,
    /// Something accepts connections on the port.
    Listening(u16),
    /// Postgres asks for a password (so it is not recovering or starting up).
    Postgres(u16),
    /// `RabbitMQ` begins the AMQP handshake (it opens the port last).
    Amqp(u16),
    /// `GET path` on the port answers 200.
    Http(u16, String),
}

impl Ready {
    /// Asks once; a refused connection, a wrong answer and half a second of silence all mean no.
    pub async fn holds(&self) -> bool {
        matches!(timeout(Duration::from_millis(500), self.ask()).await, Ok(Ok(true)))
    }

    async fn ask(&self) -> io::Result<bool> {
        match self {
            Self::AtOnce => Ok(true),
            Self::Listening(port) => TcpStream::connect(("127.0.0.1", *port)).await.map(|_| true),
            Self::Postgres(port) => Ok(exchange(*port, &postgres_startup(), 1).await? == b"R"),
            Self::Amqp(port) => {
                // A method frame (type 1) on channel 0: connection.start.
                Ok(exchange(*port, b"AMQP\x00\x00\x09\x01", 3).await? == [1, 0, 0])
            }
            Self::Http(port, path) => {
                let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
                Ok(exchange(*port, request.as_bytes(), 12).await? == b"HTTP/1.1 200")
            }
        }
    }
}

/// Sends `question` and reads the first `length` bytes of the answer.
async fn exchange(port: u16, question: &[u8], length: usize) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(question).await?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Start-up packet of protocol 3.0; the server answers `R` (authentication) or `E` (error).
fn postgres_startup() -> Vec<u8> {
    let body = b"\x00\x03\x00\x00user\0premise\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap_or_default();
    [&length.to_be_bytes()[..], body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn server_that_says(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(answer).await.unwrap();
            }
        });
        port
    }

    #[tokio::test]
    async fn only_200_is_ready() {
        let up = server_that_says(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let draining = server_that_says(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
        assert!(Ready::Http(up, "/readyz".to_owned()).holds().await);
        assert!(!Ready::Http(draining, "/readyz".to_owned()).holds().await);
    }

    #[tokio::test]
    async fn a_postgres_that_still_recovers_is_not_ready() {
        let recovering = server_that_says(b"E\x00\x00\x00\x04").await;
        assert!(Ready::Listening(recovering).holds().await);
        assert!(!Ready::Postgres(recovering).holds().await);
    }
}
