//! The simulated PPB: the register, its clock, and what is switched on, behind one lock.
//!
//! Every operation holds the lock for one change or one look, never while something is sent. Each
//! change gets its own instant of PPB's clock, strictly ascending, so that two changes of one
//! premise are never a tie.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use premise_domain::webhook::Action;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    access::Credentials,
    churn::{Churn, Step},
    counters::Counters,
    event::Telling,
    faults::Faults,
    premise::{Patch, Premise},
    register::{Shared, Snapshot},
    state::{Start, State},
    timestamp,
    webhooks::Outbox,
};

/// The simulated PPB.
pub struct Simulator {
    start: Start,
    state: Mutex<State>,
    counters: Arc<Counters>,
    outbox: Option<Outbox>,
    latest: watch::Sender<u64>,
}

/// What a change came to.
#[derive(Debug)]
pub struct Changed {
    /// `None`: nothing was different.
    pub action: Option<Action>,
    /// The premise after the change; before it when it was removed.
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
        // The counts first: what is dropped below is counted.
        self.counters.reset();
        if let Some(outbox) = &self.outbox {
            outbox.discard_queued();
        }
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
