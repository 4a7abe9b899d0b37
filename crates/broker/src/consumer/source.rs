//! Deliveries of one subscription, in batches of what has arrived.

use std::collections::VecDeque;

use futures_util::{FutureExt as _, StreamExt as _};

use crate::delivery::Delivery;
use crate::error::LinkError;

pub(super) struct Source {
    stream: lapin::Consumer,
    ahead: VecDeque<Delivery>,
}

impl Source {
    pub(super) fn new(stream: lapin::Consumer) -> Self {
        Self { stream, ahead: VecDeque::new() }
    }

    /// Waits for a delivery, and takes with it what else is there, up to `most`. Cancel safe.
    pub(super) async fn batch(&mut self, most: usize) -> Result<Vec<Delivery>, LinkError> {
        if self.ahead.is_empty() {
            let first = self.receive().await?;
            self.ahead.push_back(first);
        }
        while self.ahead.len() < most {
            match self.receive().now_or_never() {
                Some(delivery) => self.ahead.push_back(delivery?),
                None => break,
            }
        }
        let count = self.ahead.len().min(most);
        Ok(self.ahead.drain(..count).collect())
    }

    /// Waits until the subscription is lost, keeping what arrives meanwhile (at most the prefetch).
    /// Cancel safe.
    pub(super) async fn lost(&mut self) -> LinkError {
        loop {
            match self.receive().await {
                Ok(delivery) => self.ahead.push_back(delivery),
                Err(error) => return error,
            }
        }
    }

    async fn receive(&mut self) -> Result<Delivery, LinkError> {
        match self.stream.next().await {
            Some(Ok(delivery)) => Ok(Delivery::new(delivery)),
            Some(Err(error)) => Err(error.into()),
            None => Err(LinkError::Cancelled),
        }
    }
}
