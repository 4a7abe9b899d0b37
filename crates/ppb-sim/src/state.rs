//! Everything about the simulated PPB that can change, and how it starts.

use std::time::{Duration, Instant};

use crate::{
    access::{Credentials, Tokens},
    change_log::ChangeLog,
    faults::Faults,
    features::Features,
    generator::Generator,
    register::Register,
    timestamp::{self, SECOND},
};

/// How the simulator starts, and what a reset goes back to.
#[derive(Debug, Clone)]
pub struct Start {
    /// Rows of the catalogue.
    pub premises: u64,
    /// Seed of everything.
    pub seed: u64,
    /// Year whose 31 December ends the current licences.
    pub year: i32,
    /// Who may ask.
    pub credentials: Credentials,
    /// How long a token is valid.
    pub token_lifetime: Duration,
    /// Features at the start.
    pub features: Features,
    /// Faults at the start.
    pub faults: Faults,
}

/// What the lock guards.
pub(crate) struct State {
    pub(crate) register: Register,
    pub(crate) features: Features,
    pub(crate) faults: Faults,
    pub(crate) tokens: Tokens,
    pub(crate) log: ChangeLog,
    /// The latest instant given by PPB's clock, and by ours.
    told_at: i64,
    pub(crate) recorded_at: i64,
}

impl State {
    /// The start, with a size and a seed.
    pub(crate) fn new(start: &Start, premises: u64, seed: u64) -> Self {
        Self {
            register: Register::new(Generator::new(seed, premises, start.year)),
            features: start.features.clone(),
            faults: start.faults.clone(),
            tokens: Tokens::new(start.token_lifetime),
            log: ChangeLog::default(),
            told_at: 0,
            recorded_at: 0,
        }
    }

    /// PPB's clock.
    pub(crate) fn clock(&self) -> i64 {
        timestamp::now() + self.faults.clock_skew_seconds() * SECOND
    }

    /// Whether a bearer token is valid.
    pub(crate) fn token_valid(&self, token: &str) -> bool {
        self.tokens.valid(token, Instant::now())
    }

    /// The instant of the next change.
    pub(crate) fn next_instant(&mut self) -> i64 {
        self.recorded_at = timestamp::now().max(self.recorded_at);
        self.told_at = self.clock().max(self.told_at + 1);
        self.told_at
    }

    /// Switches to these faults.
    pub(crate) fn replace_faults(&mut self, faults: Faults) {
        // A clock that is set back tells earlier instants: that is the fault.
        if faults.clock_skew_seconds() != self.faults.clock_skew_seconds() {
            self.told_at = 0;
        }
        self.faults = faults;
    }
}
