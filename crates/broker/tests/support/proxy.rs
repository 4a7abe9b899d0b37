//! A TCP proxy between client and broker that misbehaves on demand.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the proxy treats bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Forwards.
    Pass,
    /// Keeps connections open and forwards nothing, on these connections for ever.
    Stall,
    /// Forwards what the client says and swallows what the broker says.
    Mute,
    /// Closes connections, the open ones and new ones.
    Cut,
}

/// Runs until dropped.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
}

impl Proxy {
    /// In front of the broker at `url`.
    pub async fn before(url: &str) -> Self {
        let authority = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
        let target = authority.split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, watched) = watch::channel(Mode::Pass);
        tokio::spawn(async move {
            let mut ended = watched.clone();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    // The proxy was dropped.
                    _ = ended.wait_for(|_| false) => return,
                };
                let (client, _) = accepted.unwrap();
                tokio::spawn(serve(client, target.clone(), watched.clone()));
            }
        });
        Self { address, mode }
    }

    /// The address of the proxy, with the credentials and virtual host of `url`.
    pub fn url(&self, url: &str) -> String {
        let (credentials, rest) = url.rsplit_once('@').unwrap();
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        format!("{credentials}@{}/{path}", self.address)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn serve(client: TcpStream, target: String, mode: watch::Receiver<Mode>) {
    if *mode.borrow() == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let mut cut = mode.clone();
    tokio::select! {
        () = pump(client_read, server_write, mode.clone(), false) => {}
        () = pump(server_read, client_write, mode, true) => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    from_server: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            biased;
            () = stalled(&mut mode) => std::future::pending().await,
            read = from.read(&mut buffer) => read,
        };
        let Ok(count @ 1..) = read else { return };
        if from_server && *mode.borrow() == Mode::Mute {
            continue;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn stalled(mode: &mut watch::Receiver<Mode>) {
    if mode.wait_for(|mode| *mode == Mode::Stall).await.is_err() {
        // The proxy was dropped: it stalls nothing any more.
        std::future::pending::<()>().await;
    }
}
