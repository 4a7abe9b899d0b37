//! Keeps the publisher connected: one connection after another, each serving all lanes.

use std::time::Duration;

use futures_util::future::try_join_all;
use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lane::{Exchanges, Job, Lane};
use crate::backoff::Waits;
use crate::config::BrokerConfig;
use crate::declare::declare_on;
use crate::error::{LinkError, chain};
use crate::link::{Link, LinkEvent, answered};
use crate::state::State;
use crate::topology::topology;

/// A connection that lived this long was a good one: the next wait is the shortest again.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Supervisor {
    pub(super) config: BrokerConfig,
    pub(super) name: String,
    pub(super) receivers: Vec<mpsc::Receiver<Job>>,
    pub(super) state: watch::Sender<State>,
    pub(super) closing: CancellationToken,
    pub(super) patience: Duration,
}

impl Supervisor {
    pub(super) async fn run(mut self) {
        let mut waits = Waits::reconnecting();
        while !self.closing.is_cancelled() {
            let since = Instant::now();
            match self.connection().await {
                Ok(()) => break,
                Err(error) => {
                    warn!(connection = %self.name, error = %chain(&error), "no broker connection");
                }
            }
            self.state.send_replace(State::Connecting);
            if since.elapsed() > SETTLED_AFTER {
                waits.reset();
            }
            tokio::select! {
                () = self.closing.cancelled() => break,
                () = sleep(waits.next()) => {}
            }
        }
        // Dropping the receivers fails what is queued; the state says why nothing more is taken.
        self.receivers.clear();
        self.state.send_replace(State::Closed);
    }

    /// One connection from its opening to its end. `Ok` only when closing.
    async fn connection(&mut self) -> Result<(), LinkError> {
        let closing = self.closing.clone();
        let (mut link, channels) = tokio::select! {
            () = closing.cancelled() => return Ok(()),
            opened = self.open() => opened?,
        };
        info!(connection = %self.name, broker = %self.config.url, "connected to the broker");
        self.state.send_replace(State::Ready);
        let exchanges = Exchanges::new(&self.config.topology_options());
        let status = link.status().clone();
        let lanes = self.receivers.iter_mut().zip(&channels).map(|(receiver, channel)| {
            let patience = self.patience;
            let lane = Lane { channel, exchanges: &exchanges, status: &status, patience, closing: &closing };
            lane.serve(receiver)
        });
        let ended = tokio::select! {
            ended = try_join_all(lanes) => ended.map(|_| ()),
            error = watch_link(&mut link, &self.state) => Err(error),
        };
        if ended.is_ok() {
            link.close().await;
        }
        ended
    }

    async fn open(&self) -> Result<(Link, Vec<Channel>), LinkError> {
        let link = Link::open(&self.config, &self.name).await?;
        if self.config.declare {
            let channel = link.channel().await?;
            answered(declare_on(&channel, &topology(&self.config.topology_options()))).await?;
        }
        let mut channels = Vec::with_capacity(self.receivers.len());
        for _ in &self.receivers {
            let channel = link.channel().await?;
            answered(channel.confirm_select(ConfirmSelectOptions::default())).await?;
            channels.push(channel);
        }
        Ok((link, channels))
    }
}

/// Follows a connection until it is lost.
async fn watch_link(link: &mut Link, state: &watch::Sender<State>) -> LinkError {
    loop {
        match link.event().await {
            LinkEvent::Blocked(reason) => {
                warn!(%reason, "the broker blocks publishers");
                state.send_replace(State::Blocked(reason));
            }
            LinkEvent::Unblocked => {
                info!("the broker takes messages again");
                state.send_replace(State::Ready);
            }
            LinkEvent::Lost(error) => return error,
        }
    }
}
