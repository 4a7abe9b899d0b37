//! Random histories through the real apply, at once over several connections and with
//! transactions broken off at random, against the register in memory.
//!
//! `PREMISE_TEST_SEED` plays the histories of an earlier run again; a failure prints its seed.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use premise_domain::{PremiseId, acceptance::Limits, observation::Channel};
use premise_store::{Answer, Policy, StoreError};
use premise_testkit::model::{LAG, Model, Statement, at, histories};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Register, answer, delivery, row_observation_at};

/// Histories, spread over registers that work at once.
const HISTORIES: u64 = 2_000;
const REGISTERS: u64 = 4;

/// Nothing is held or refused: here the rule itself is asked.
const BELIEVING: Policy = Policy {
    limits: Limits {
        max_deleted_fraction: 1.0,
        max_deleted: i64::MAX,
        max_null_jump: 100.0,
        max_went_back: 1.0,
    },
    delete_confirmations: 1,
    confirmation_gap: TimeDelta::zero(),
    dry_run: false,
};

/// Refuses any transaction that would lower a rank or a floor.
const NOTHING_MOVES_BACK: &str = "
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '% moved back from % to %', TG_TABLE_NAME, OLD, NEW; END $$;
    CREATE TRIGGER rank_moves_back BEFORE UPDATE ON premises FOR EACH ROW WHEN (
        (NEW.effective_at, NEW.rank_class, NEW.is_tombstone, NEW.as_of, NEW.rank_sequence, NEW.rank_hash)
      < (OLD.effective_at, OLD.rank_class, OLD.is_tombstone, OLD.as_of, OLD.rank_sequence, OLD.rank_hash))
        EXECUTE FUNCTION refuse();
    CREATE TRIGGER floor_moves_back BEFORE UPDATE ON floors FOR EACH ROW
        WHEN (NEW.floor_at < OLD.floor_at) EXECUTE FUNCTION refuse();
    CREATE TRIGGER exemption_moves_back BEFORE UPDATE ON floor_exemptions FOR EACH ROW
        WHEN (NEW.floor_at < OLD.floor_at) EXECUTE FUNCTION refuse()";

#[tokio::test(flavor = "multi_thread")]
async fn every_history_ends_as_in_the_model() {
    let seed = std::env::var("PREMISE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random());
    println!("PREMISE_TEST_SEED={seed}");
    let mut registers = JoinSet::new();
    for lane in 0..REGISTERS {
        registers.spawn(play_lane(seed, lane));
    }
    while let Some(lane) = registers.join_next().await {
        lane.unwrap_or_else(|failure| panic!("with PREMISE_TEST_SEED={seed}: {failure}"));
    }
}

async fn play_lane(seed: u64, lane: u64) {
    let register = Register::empty().await;
    register.sql.batch_execute(NOTHING_MOVES_BACK).await.unwrap();
    let mut dice = StdRng::seed_from_u64(seed ^ (lane << 32));
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &dice.random::<[u8; 32]>());
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for _ in 0..HISTORIES / REGISTERS {
        let history = histories().new_tree(&mut runner).unwrap().current();
        register.clear().await;
        play(&register, &history, &mut dice).await;
        let mut model = Model::default();
        for statement in &history {
            model.apply(statement);
        }
        assert_eq!(register.live().await, model.live(), "{history:#?}");
        assert_eq!(register.floor().await, model.floor(), "{history:#?}");
    }
}

/// All statements at once, in random order, some of them repeated, and tombstones removed between.
async fn play(register: &Register, history: &[Statement], dice: &mut StdRng) {
    let mut order = history.to_vec();
    order.extend(history.iter().filter(|_| dice.random_bool(0.3)).cloned());
    order.shuffle(dice);
    let tasks: Vec<_> = order.iter().map(|statement| persist(register, statement, dice.random())).collect();
    let removing = async {
        if dice.random_bool(0.5) {
            register.store.remove_tombstones(TimeDelta::zero()).await.unwrap();
        }
    };
    futures_util::future::join(futures_util::future::join_all(tasks), removing).await;
}

/// Applies a statement; sometimes it is broken off in the middle and begun again.
async fn persist(register: &Register, statement: &Statement, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    while dice.random_bool(0.3) {
        let patience = Duration::from_micros(dice.random_range(0..8_000));
        if tokio::time::timeout(patience, apply(register, statement)).await.is_ok_and(|result| result.is_ok())
        {
            return;
        }
    }
    apply(register, statement).await.unwrap();
}

async fn apply(register: &Register, statement: &Statement) -> Result<(), StoreError> {
    match statement {
        Statement::Event { .. } => {
            register.store.apply_webhooks(&[delivery(&body(statement))]).await.map(drop)
        }
        Statement::Answer { reflects, complete, rows, quarantined } => {
            let run_id = register.running_beside_others().await;
            let mut stage = register.store.stage(run_id).await?;
            for (key, (modified, name)) in rows {
                let mut row = json!({"premiseid": key, "premisename": name});
                if let Some(modified) = modified {
                    row["lastModified"] = json!(at(*modified));
                }
                stage.push(&row_observation_at(&row, at(*reflects), LAG, run_id)).await?;
            }
            for key in quarantined {
                stage.quarantine(PremiseId::try_from(*key).ok(), &[], "{}");
            }
            let channel = if *complete { Channel::Full } else { Channel::Incremental };
            let answer = Answer {
                channel,
                reflects_at: at(*reflects),
                source_lag: LAG,
                complete: *complete,
                ..answer("2026-01-01T00:00:00Z", rows.len() + quarantined.len())
            };
            stage.apply(&answer, &BELIEVING).await.map(drop)
        }
    }
}

fn body(statement: &Statement) -> Value {
    let Statement::Event { key, effective, said_after, name } = statement else { unreachable!() };
    match name {
        Some(name) => json!({"action": "updated", "timestamp": at(effective + said_after),
            "data": {"premiseid": key, "premisename": name, "lastModified": at(*effective)}}),
        None => json!({"action": "deleted", "timestamp": at(*effective), "data": {"premiseid": key}}),
    }
}

impl Register {
    async fn clear(&self) {
        let tables =
            "DELETE FROM premises; DELETE FROM premise_changes; DELETE FROM inbox; DELETE FROM floors;
            DELETE FROM floor_exemptions; DELETE FROM pending_absences; DELETE FROM sync_runs";
        self.sql.batch_execute(tables).await.unwrap();
    }

    /// A running run that does not keep others from running: here pulls meet.
    async fn running_beside_others(&self) -> Uuid {
        let id = Uuid::now_v7();
        let insert = "INSERT INTO sync_runs (id, source, mode, status, requested_by)
            VALUES ($1, $1::uuid::text, 'full', 'running', 'test')";
        self.sql.execute(insert, &[&id]).await.unwrap();
        id
    }

    async fn live(&self) -> BTreeMap<i64, char> {
        let statement = "SELECT premise_id, name FROM premises WHERE NOT is_tombstone";
        let rows = self.sql.query(statement, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get::<_, &str>(1).chars().next().unwrap())).collect()
    }

    async fn floor(&self) -> Option<DateTime<Utc>> {
        self.sql.query_opt("SELECT floor_at FROM floors", &[]).await.unwrap().map(|row| row.get(0))
    }
}
