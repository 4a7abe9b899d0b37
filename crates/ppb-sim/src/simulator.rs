//! The simulated PPB: the register, its clock, and what is switched on, behind one lock.
//!
//! Every operation holds the lock for one change or one look, never while something is sent. Each
//! change gets its own instant of PPB's clock, strictly ascending, so that two changes of one
//! premise are never a tie.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use premise_domain::webhook::Action;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    access::{Credentials, Tokens},
    change_log::ChangeLog,
    churn::{Churn, Step},
    counters::Counters,
    event::Telling,
    faults::Faults,
    features::Features,
    generator::Generator,
    premise::{Patch, Premise},
    register::{Register, Shared, Snapshot},
    timestamp::{self, SECOND},
    webhooks::Outbox,
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
}

/// The simulated PPB.
pub struct Simulator {
    start: Start,
    state: Mutex<State>,
    counters: Arc<Counters>,
    outbox: Option<Outbox>,
    latest: watch::Sender<u64>,
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
    recorded_at: i64,
}

/// What a change came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// `None`: nothing was different.
    pub action: Option<Action>,
    /// The premise after the change; before it when it was removed.
    #[serde(skip)]
    pub premise: Shared,
    /// Id of the webhook that tells of it, where one is sent.
    pub webhook_id: Option<Uuid>,
}

impl Simulator {
    /// A simulator at its start.
    pub fn new(start: Start, counters: Arc<Counters>, outbox: Option<Outbox>) -> Self {
        let state = State::new(&start, start.premises, start.seed);
        Self { start, state: Mutex::new(state), counters, outbox, latest: watch::Sender::new(0) }
    }

    /// What is counted.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Who may ask.
    pub fn credentials(&self) -> &Credentials {
        &self.start.credentials
    }

    /// Webhooks that wait or are in flight.
    pub fn webhooks_queued(&self) -> usize {
        self.outbox.as_ref().map_or(0, Outbox::queued)
    }

    /// Sequence of the latest change, to wait for the next.
    pub fn latest_change(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a premise, or adds it.
    pub fn put(&self, id: u64, patch: Patch) -> Changed {
        let mut state = self.state();
        let before = state.register.get(id);
        let content = state.register.latest_content(id);
        let base = content.unwrap_or_else(|| Arc::new(state.register.generator().newcomer(id).into_owned()));
        let stated = patch.states_instant();
        let row = patch.apply(&base);
        match before {
            Some(before) if *before == row => Changed { action: None, premise: before, webhook_id: None },
            Some(_) => self.record(&mut state, row, Action::Updated, stated),
            None => self.record(&mut state, row, Action::Created, stated),
        }
    }

    /// Removes a premise; `None` when it is not there.
    pub fn remove(&self, id: u64) -> Option<Changed> {
        let mut state = self.state();
        let row = state.register.get(id)?;
        Some(self.record(&mut state, row.as_ref().clone(), Action::Deleted, true))
    }

    /// Makes change `n` of a churn.
    pub fn churn_step(&self, churn: &Churn, n: u64) -> Changed {
        let mut state = self.state();
        match churn.step(&state.register, n) {
            Step::Put(premise) => {
                let known = state.register.get(premise.id).is_some();
                let action = if known { Action::Updated } else { Action::Created };
                self.record(&mut state, *premise, action, false)
            }
            Step::Remove(id) => {
                let row = state.register.latest_content(id).unwrap_or_else(|| unreachable!("churn found it"));
                self.record(&mut state, row.as_ref().clone(), Action::Deleted, true)
            }
        }
    }

    /// Changes the features.
    pub fn set_features(&self, patch: &[u8]) -> Result<Value, String> {
        let mut state = self.state();
        let features = state.features.changed_by(patch)?;
        if features.webhooks.enabled && self.outbox.is_none() {
            return Err(
                "webhooks can't be enabled: start ppb-sim with --webhook-url and --webhook-secret-file"
                    .into(),
            );
        }
        state.features = features;
        Ok(json!(state.features))
    }

    /// Changes the faults.
    pub fn set_faults(&self, patch: &[u8]) -> Result<Value, String> {
        let mut state = self.state();
        let faults = state.faults.changed_by(patch)?;
        state.replace_faults(faults);
        Ok(json!(state.faults))
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.state().replace_faults(Faults::default());
    }

    /// Back to the start, with another size or seed if given. Waiting webhooks are dropped.
    pub fn reset(&self, premises: Option<u64>, seed: Option<u64>) {
        let mut state = self.state();
        *state =
            State::new(&self.start, premises.unwrap_or(self.start.premises), seed.unwrap_or(self.start.seed));
        if let Some(outbox) = &self.outbox {
            outbox.discard_queued();
        }
        self.counters.reset();
        self.latest.send_replace(0);
    }

    /// The catalogue now.
    pub fn truth(&self) -> Snapshot {
        self.state().register.snapshot(i64::MAX)
    }

    /// Everything worth seeing.
    pub fn summary(&self) -> Value {
        let state = self.state();
        let generator = state.register.generator();
        json!({
            "premises": state.register.live(),
            "touched": state.register.touched(),
            "generated": generator.premises(),
            "seed": generator.seed(),
            "year": generator.year(),
            "lastChange": state.log.last(),
            "clock": timestamp::text(state.clock()),
            "features": state.features,
            "faults": state.faults,
            "counters": *self.counters,
            "webhooksQueued": self.webhooks_queued(),
        })
    }

    fn record(&self, state: &mut State, mut row: Premise<'static>, action: Action, stated: bool) -> Changed {
        let at = state.next_instant();
        if !stated {
            row.modified_at = at;
        }
        let (id, row) = (row.id, Arc::new(row));
        let kept = (action != Action::Deleted).then(|| Arc::clone(&row));
        state.register.set(id, kept, state.recorded_at);
        let telling = Telling {
            sequence: state.log.last() + 1,
            action,
            at,
            premise: &row,
            instants: state.faults.instants(),
            last_modified: state.features.last_modified,
            seed: state.register.generator().seed(),
        };
        let event = telling.event(Uuid::now_v7());
        let changes = &self.counters.changes;
        match action {
            Action::Created => changes.created.up(),
            Action::Updated => changes.updated.up(),
            Action::Deleted => changes.deleted.up(),
        }
        let webhooks = &state.features.webhooks;
        let sent =
            webhooks.enabled && self.outbox.as_ref().is_some_and(|outbox| outbox.offer(&event, webhooks));
        let webhook_id = sent.then_some(event.webhook_id);
        state.log.push(event);
        self.latest.send_replace(state.log.last());
        Changed { action: Some(action), premise: row, webhook_id }
    }
}

impl State {
    fn new(start: &Start, premises: u64, seed: u64) -> Self {
        Self {
            register: Register::new(Generator::new(seed, premises, start.year)),
            features: start.features.clone(),
            faults: Faults::default(),
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

    fn next_instant(&mut self) -> i64 {
        self.recorded_at = timestamp::now().max(self.recorded_at);
        self.told_at = self.clock().max(self.told_at + 1);
        self.told_at
    }

    fn replace_faults(&mut self, faults: Faults) {
        // A clock that is set back tells earlier instants: that is the fault.
        if faults.clock_skew_seconds() != self.faults.clock_skew_seconds() {
            self.told_at = 0;
        }
        self.faults = faults;
    }
}
