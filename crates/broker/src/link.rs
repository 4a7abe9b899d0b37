//! One connection to the broker, and what happens to it.
//!
//! `lapin` could recover connections by itself. We open a new one instead: its recovery may leave a
//! publish that was caught by the cut neither confirmed nor failed, gives up after some attempts, and
//! reports no state. Here a link lives once, and every fault ends it the same way.
//!
//! The socket is ours, so that dropping a link ends it even when the network swallows packets:
//! `lapin` alone would wait for the peer's goodbye, and keep a thread and a socket for every such
//! connection until heartbeats are missed.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, ConnectionStatus, Event};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::BrokerConfig;
use crate::error::LinkError;

/// For a handshake, a channel, or a declaration.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// For the goodbye, which is only politeness.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How often the connection's status is looked at. `lapin` sends no event when the broker closes a
/// connection without an error code.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// What a link reports about itself.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    Blocked(String),
    Unblocked,
    Lost(LinkError),
}

pub(crate) struct Link {
    connection: Connection,
    events: Pin<Box<dyn Stream<Item = Event> + Send + Sync>>,
    socket: Socket,
}

/// Closes the TCP connection when dropped, whatever `lapin` is waiting for.
#[derive(Default)]
struct Socket(Arc<OnceLock<ShutOnDrop>>);

/// Where the connecting thread leaves the socket. Not an owner: the socket closes with the link, or
/// with the attempt to open it.
struct Slot(Weak<OnceLock<ShutOnDrop>>);

struct ShutOnDrop {
    socket: TcpStream,
    /// The peer has said goodbye: what is left is for `lapin` to close.
    parted: AtomicBool,
}

impl Socket {
    fn slot(&self) -> Slot {
        Slot(Arc::downgrade(&self.0))
    }

    fn part(&self) {
        if let Some(kept) = self.0.get() {
            kept.parted.store(true, Ordering::Relaxed);
        }
    }
}

impl Slot {
    fn keep(&self, socket: TcpStream) -> io::Result<()> {
        let abandoned = || io::Error::from(io::ErrorKind::ConnectionAborted);
        let kept = ShutOnDrop { socket, parted: AtomicBool::new(false) };
        self.0.upgrade().ok_or_else(abandoned)?.set(kept).map_err(|_| abandoned())
    }
}

impl Drop for ShutOnDrop {
    fn drop(&mut self) {
        if !*self.parted.get_mut() {
            // An error means that it is closed already.
            let _closed = self.socket.shutdown(Shutdown::Both);
        }
    }
}

impl Link {
    /// Connects. `purpose` names the connection in `RabbitMQ`'s management pages.
    pub(crate) async fn open(config: &BrokerConfig, purpose: &str) -> Result<Self, LinkError> {
        let properties = ConnectionProperties::default().with_connection_name(purpose.into());
        let socket = Socket::default();
        let slot = socket.slot();
        let runtime = lapin::runtime::default_runtime()?;
        let connecting = Connection::connector(
            config.url.tuned(),
            runtime,
            async move |uri, runtime| {
                let stream = AsyncTcpStream::connect(&runtime, addresses(&uri).await?).await?;
                if let AsyncTcpStream::Plain(tcp) = &stream {
                    slot.keep(TcpStream::from(tcp.get_ref().as_fd().try_clone_to_owned()?))?;
                }
                if uri.scheme == AMQPScheme::AMQP {
                    return Ok(stream);
                }
                let tls = OwnedTLSConfig::default();
                Ok(stream.into_tls(&uri.authority.host, tls.as_ref()).await?)
            },
            properties,
        );
        let connection = answered(connecting).await?;
        let events = Box::pin(connection.events_listener());
        Ok(Self { connection, events, socket })
    }

    pub(crate) async fn channel(&self) -> Result<Channel, LinkError> {
        answered(self.connection.create_channel()).await
    }

    pub(crate) fn status(&self) -> &ConnectionStatus {
        self.connection.status()
    }

    /// The next thing that happens to the connection. Cancel safe.
    pub(crate) async fn event(&mut self) -> LinkEvent {
        let mut tick = interval(STATUS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => return LinkEvent::Blocked(reason),
                    Some(Event::ConnectionUnblocked) => return LinkEvent::Unblocked,
                    Some(Event::Error(error)) => return LinkEvent::Lost(error.into()),
                    Some(_) => {}
                    None => return LinkEvent::Lost(LinkError::Closed),
                },
                _ = tick.tick() => if !self.status().connected() {
                    return LinkEvent::Lost(LinkError::Closed);
                },
            }
        }
    }

    /// Says goodbye, then closes.
    pub(crate) async fn close(self) {
        // It may be gone already, which is as good.
        if let Ok(Ok(())) = timeout(CLOSE_WITHIN, self.connection.close(200, "OK".into())).await {
            self.socket.part();
        }
    }
}

async fn addresses(uri: &AMQPUri) -> io::Result<Vec<SocketAddr>> {
    let host = (uri.authority.host.as_str(), uri.authority.port);
    Ok(tokio::net::lookup_host(host).await?.collect())
}

/// Bounds a step of the protocol.
pub(crate) async fn answered<T, E: Into<LinkError>>(
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, LinkError> {
    match timeout(ANSWER_WITHIN, step).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(LinkError::Silent(ANSWER_WITHIN)),
    }
}
