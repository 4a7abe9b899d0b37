//! Limits on requests: one on the failures of an address, one on what a sender may have stored.
//!
//! Neither can be spent on somebody else's behalf:
//! * Only a request that fails before its signature is verified is charged to its address. While the address's
//!   budget is spent, requests are still verified: the correctly signed pass, the others are told 429. A flood
//!   of bad signatures from PPB's own address, or through its proxy, so cannot lock PPB out. A missing or
//!   malformed signature is refused before the body is read, so what a flood still costs is reading and hashing
//!   bodies up to their cap.
//! * Only a request that is verified, recent and not a repeat is charged to its sender, named by its secret's
//!   id. Captured requests that are sent again spend nothing.
//!
//! Addresses off the allowlist are refused before any of this and leave no trace here.
//!
//! Limits: budgets are this process's own. Addresses share [`SLOTS`] budgets by a hash that nobody outside can
//! predict, which bounds the memory; two that meet in one only get 429 in place of 401 sooner.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

/// Budgets that all addresses share: at most about half a megabyte.
const SLOTS: u16 = 16_384;

/// Leading bits that stand for one subscriber of IPv6, who has all addresses behind them.
const V6_PREFIX: u32 = 64;

/// Finest rate the limiter's nanoseconds can hold with some precision.
const MOST_PER_SECOND: u32 = 1_000_000;

type Keyed<K, C> = RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// So many at once, and then so many a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) per_second: NonZeroU32,
    pub(crate) burst: NonZeroU32,
}

impl Rate {
    fn quota(self) -> Quota {
        let most = NonZeroU32::MIN.saturating_add(MOST_PER_SECOND - 1);
        Quota::per_second(self.per_second.min(most)).allow_burst(self.burst)
    }
}

/// A spent budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Whole seconds until there is some again, at least one.
    pub(crate) retry_after: u32,
}

/// The budgets of all addresses and senders.
#[derive(Debug)]
pub(crate) struct Limits<C: Clock = DefaultClock> {
    failures: Keyed<u16, C>,
    senders: Keyed<String, C>,
    hasher: RandomState,
    clock: C,
}

impl Limits {
    pub(crate) fn new(failures: Rate, sender: Rate) -> Self {
        Self::with_clock(failures, sender, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limits<C> {
    fn with_clock(failures: Rate, sender: Rate, clock: C) -> Self {
        Self {
            failures: RateLimiter::hashmap_with_clock(failures.quota(), clock.clone()),
            senders: RateLimiter::hashmap_with_clock(sender.quota(), clock.clone()),
            hasher: RandomState::new(),
            clock,
        }
    }

    /// Charges a request that failed before its signature was verified.
    pub(crate) fn failed(&self, address: IpAddr) -> Result<(), Spent> {
        let slot = self.slot(address);
        self.failures.check_key(&slot).map_err(|refused| self.spent(&refused))
    }

    /// Charges a verified webhook that is about to be stored to the secret that signed it.
    pub(crate) fn stores(&self, key_id: &str) -> Result<(), Spent> {
        self.senders.check_key(&key_id.to_owned()).map_err(|refused| self.spent(&refused))
    }

    fn slot(&self, address: IpAddr) -> u16 {
        let hash = self.hasher.hash_one(subscriber(address)) % u64::from(SLOTS);
        // Below SLOTS after the division.
        u16::try_from(hash).unwrap_or_default()
    }

    fn spent(&self, refused: &NotUntil<C::Instant>) -> Spent {
        let wait = refused.wait_time_from(self.clock.now());
        let seconds = wait.saturating_add(Duration::from_nanos(999_999_999)).as_secs().max(1);
        Spent { retry_after: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }
}

/// An IPv4 address, or the network of an IPv6 one.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let bits = v6.to_bits() >> (u128::BITS - V6_PREFIX) << (u128::BITS - V6_PREFIX);
            IpAddr::V6(bits.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rate(per_second: u32, burst: u32) -> Rate {
        let some = |n| NonZeroU32::new(n).unwrap();
        Rate { per_second: some(per_second), burst: some(burst) }
    }

    fn limits(failures: Rate, sender: Rate) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limits::with_clock(failures, sender, clock.clone()), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_budget_is_spent_and_comes_back() {
        let (limits, clock) = limits(rate(1, 3), rate(2, 2));
        let failed = || limits.failed(ip("192.0.2.1"));
        assert_eq!([failed(), failed(), failed()], [Ok(()); 3]);
        assert_eq!(failed(), Err(Spent { retry_after: 1 }));
        clock.advance(Duration::from_secs(1));
        assert_eq!((failed(), failed()), (Ok(()), Err(Spent { retry_after: 1 })));
        let stores = |id| limits.stores(id);
        assert_eq!((stores("a"), stores("a")), (Ok(()), Ok(())));
        assert_eq!((stores("a"), stores("b")), (Err(Spent { retry_after: 1 }), Ok(())));
        clock.advance(Duration::from_millis(500));
        assert_eq!(stores("a"), Ok(()));
    }

    #[test]
    fn a_whole_v6_network_is_one_subscriber() {
        assert_eq!(subscriber(ip("2001:db8:1:2:3:4:5:6")), subscriber(ip("2001:db8:1:2:ffff::1")));
        assert_ne!(subscriber(ip("2001:db8:1:2::1")), subscriber(ip("2001:db8:1:3::1")));
        assert_ne!(subscriber(ip("192.0.2.1")), subscriber(ip("192.0.2.2")));
        assert_eq!(subscriber(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn a_million_addresses_take_bounded_memory() {
        let (limits, _clock) = limits(rate(1, 1), rate(1, 1));
        for network in 0..1_000_000_u128 {
            // Spent or not is no matter: what counts is how many budgets there are.
            let _spent = limits.failed(IpAddr::V6((network << V6_PREFIX).into()));
        }
        let budgets = limits.failures.len();
        assert!(budgets > usize::from(SLOTS) / 2 && budgets <= usize::from(SLOTS), "{budgets}");
    }

    #[test]
    fn any_setting_is_a_rate() {
        let (limits, _clock) = limits(rate(u32::MAX, u32::MAX), rate(u32::MAX, 1));
        assert_eq!((limits.failed(ip("::1")), limits.stores("a")), (Ok(()), Ok(())));
    }
}
