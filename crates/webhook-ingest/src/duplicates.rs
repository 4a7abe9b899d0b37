//! Memory of accepted bodies, to answer repeats without publishing them again.
//!
//! A body counts as accepted only when the broker confirmed it: remembering it earlier would turn the sender's
//! retry after a fault into a loss. While a body is on its way, an identical one waits for its outcome.
//! The memory is bounded by age and number and lost with the process; the inbox in Postgres is the authority.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use uuid::Uuid;

/// SHA-256 of a body.
pub(crate) type Digest = [u8; 32];

/// Parts with a lock each, so that workers seldom wait for one another.
const SHARDS: usize = 16;

/// Remembered bodies.
#[derive(Debug)]
pub(crate) struct Duplicates {
    shards: [Mutex<Shard>; SHARDS],
    most_per_shard: usize,
    keep: Duration,
}

#[derive(Debug, Default)]
struct Shard {
    bodies: HashMap<Digest, Body>,
    /// Accepted bodies, oldest first.
    accepted: VecDeque<(Instant, Digest)>,
}

#[derive(Debug)]
enum Body {
    /// On its way. The sender exists once someone waits for the outcome; dropping it tells them.
    Claimed(Option<watch::Sender<()>>),
    Accepted(Uuid),
}

/// What a body is.
#[derive(Debug)]
pub(crate) enum Known<'a> {
    /// Not known; the claim is now yours.
    New(Claim<'a>),
    /// Accepted before, under this delivery id.
    Accepted(Uuid),
}

/// The right to publish a body. Dropped without [`Claim::accepted`], the body is unknown again.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    memory: &'a Duplicates,
    digest: Digest,
    open: bool,
}

impl Duplicates {
    /// Remembers at most about `most` bodies for `keep`.
    pub(crate) fn new(most: usize, keep: Duration) -> Self {
        Self { shards: Default::default(), most_per_shard: (most / SHARDS).max(1), keep }
    }

    /// Looks a body up and claims it when it is new. Waits while an identical one is on its way, which takes
    /// at most its confirm deadline.
    pub(crate) async fn claim(&self, digest: Digest, now: Instant) -> Known<'_> {
        loop {
            let mut outcome = {
                let mut shard = self.shard(&digest);
                shard.forget(now, self.keep);
                match shard.bodies.entry(digest) {
                    Entry::Vacant(entry) => {
                        entry.insert(Body::Claimed(None));
                        return Known::New(Claim { memory: self, digest, open: true });
                    }
                    Entry::Occupied(entry) => match entry.into_mut() {
                        Body::Accepted(delivery_id) => return Known::Accepted(*delivery_id),
                        Body::Claimed(waiters) => {
                            waiters.get_or_insert_with(|| watch::Sender::new(())).subscribe()
                        }
                    },
                }
            };
            // Nothing is ever sent: this ends when the claim does.
            while outcome.changed().await.is_ok() {}
        }
    }

    fn shard(&self, digest: &Digest) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[usize::from(digest[0]) % SHARDS];
        // No code panics under the lock, and every state of a shard is valid.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn forget(&mut self, now: Instant, keep: Duration) {
        while let Some((at, digest)) = self.accepted.front()
            && now.saturating_duration_since(*at) > keep
        {
            self.bodies.remove(digest);
            self.accepted.pop_front();
        }
    }
}

impl Claim<'_> {
    /// The body is safe at the broker under this delivery id: repeats are answered from now on.
    pub(crate) fn accepted(mut self, delivery_id: Uuid, now: Instant) {
        let mut shard = self.memory.shard(&self.digest);
        if shard.accepted.len() >= self.memory.most_per_shard
            && let Some((_, oldest)) = shard.accepted.pop_front()
        {
            shard.bodies.remove(&oldest);
        }
        shard.accepted.push_back((now, self.digest));
        shard.bodies.insert(self.digest, Body::Accepted(delivery_id));
        drop(shard);
        self.open = false;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.open {
            self.memory.shard(&self.digest).bodies.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const KEEP: Duration = Duration::from_mins(1);

    fn digest(n: u8) -> Digest {
        [n; 32]
    }

    fn claim(memory: &Duplicates, n: u8, now: Instant) -> Option<Known<'_>> {
        memory.claim(digest(n), now).now_or_never()
    }

    fn accept(memory: &Duplicates, n: u8, now: Instant) {
        let Some(Known::New(claim)) = claim(memory, n, now) else { panic!("{n} is known") };
        claim.accepted(Uuid::from_u128(n.into()), now);
    }

    #[test]
    fn a_failed_publish_is_not_remembered() {
        let (memory, now) = (Duplicates::new(100, KEEP), Instant::now());
        drop(claim(&memory, 1, now));
        assert!(matches!(claim(&memory, 1, now), Some(Known::New(_))));
    }

    #[test]
    fn an_accepted_body_is_known_until_it_expires() {
        let (memory, now) = (Duplicates::new(100, KEEP), Instant::now());
        accept(&memory, 1, now);
        let Some(Known::Accepted(id)) = claim(&memory, 1, now + KEEP) else { panic!("known") };
        assert_eq!(id, Uuid::from_u128(1));
        let later = now + KEEP + Duration::from_millis(1);
        assert!(matches!(claim(&memory, 1, later), Some(Known::New(_))));
        assert!(memory.shard(&digest(1)).accepted.is_empty());
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let (memory, now) = (Duplicates::new(2 * SHARDS, KEEP), Instant::now());
        let same_shard = |n: u8| n * 16;
        for n in 1..=3 {
            accept(&memory, same_shard(n), now);
        }
        assert!(matches!(claim(&memory, same_shard(1), now), Some(Known::New(_))));
        assert!(matches!(claim(&memory, same_shard(2), now), Some(Known::Accepted(_))));
        assert_eq!(memory.shard(&digest(16)).bodies.len(), 2);
    }

    #[tokio::test]
    async fn an_identical_body_waits_for_the_outcome_of_the_first() {
        let (memory, now) = (Duplicates::new(100, KEEP), Instant::now());
        for accepted in [false, true] {
            let Known::New(first) = memory.claim(digest(1), now).await else { panic!("new") };
            let mut second = Box::pin(memory.claim(digest(1), now));
            assert!((&mut second).now_or_never().is_none(), "waits");
            if accepted {
                first.accepted(Uuid::from_u128(7), now);
                assert!(matches!(second.await, Known::Accepted(id) if id == Uuid::from_u128(7)));
            } else {
                drop(first);
                assert!(matches!(second.await, Known::New(_)));
            }
        }
    }
}
