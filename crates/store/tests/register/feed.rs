//! The change feed under slow concurrent committers: nothing is missed, nothing repeated.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use premise_store::reads::feed::{self, Cursor};
use premise_testkit::{SqlClient, wait_until};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{sync::watch, task::JoinSet};

use crate::support::{Register, delivery, updated};

const WRITERS: u64 = 8;
const CHANGES_EACH: usize = 1_250;

/// Waits until the reader has looked so many times more.
async fn reads(looks: &mut watch::Receiver<u64>, more: u64) {
    let until = *looks.borrow_and_update() + more;
    looks.wait_for(|look| *look >= until).await.unwrap();
}

async fn write_changes(client: &SqlClient, count: usize) -> Vec<i64> {
    let count = i64::try_from(count).unwrap();
    let insert = "INSERT INTO premise_changes (premise_id, kind, effective_at, channel, source_ref)
        SELECT n, 'updated', now(), 'webhook', gen_random_uuid() FROM generate_series(1, $1::bigint) AS n
        RETURNING seq";
    client.query(insert, &[&count]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Transactions of a few changes each, between which the reader looks: they begin, take numbers and
/// end in different orders, and some end in nothing. Returns what was committed.
async fn write_slowly(client: SqlClient, seed: u64, mut looks: watch::Receiver<u64>) -> Vec<i64> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut committed = Vec::with_capacity(CHANGES_EACH);
    while committed.len() < CHANGES_EACH {
        client.batch_execute("BEGIN").await.unwrap();
        if random.random_ratio(1, 3) {
            // The transaction has its id long before its first change.
            client.batch_execute("SELECT pg_current_xact_id()").await.unwrap();
            reads(&mut looks, random.random_range(0..4)).await;
        }
        let mut written = Vec::new();
        for _ in 0..random.random_range(1..=3) {
            let room = CHANGES_EACH - committed.len() - written.len();
            written.extend(write_changes(&client, random.random_range(1..=5).min(room)).await);
            reads(&mut looks, random.random_range(0..3)).await;
        }
        if random.random_ratio(1, 10) {
            client.batch_execute("ROLLBACK").await.unwrap();
        } else {
            client.batch_execute("COMMIT").await.unwrap();
            committed.append(&mut written);
        }
    }
    committed
}

/// The reader: looks all the time, keeps everything it is given.
struct Reader<'a> {
    register: &'a Register,
    random: StdRng,
    at: Cursor,
    seen: Vec<i64>,
}

impl Reader<'_> {
    /// One look; whether there was anything.
    async fn look(&mut self) -> bool {
        let mut connection = self.register.store.connection().await.unwrap();
        let after = (self.at != Cursor::START).then_some(self.at);
        let limit = self.random.random_range(1..40);
        let page = feed::read(&mut connection, after, limit).await.unwrap();
        for entry in &page.changes {
            assert!(entry.cursor > self.at, "{} after {}", entry.cursor, self.at);
            self.at = entry.cursor;
            self.seen.push(entry.change.seq);
        }
        assert_eq!(page.next, self.at);
        !page.changes.is_empty()
    }
}

/// Nothing that could still write a change was begun before now.
async fn quiet(register: &Register) {
    let last = register.number("SELECT pg_current_xact_id()::text::bigint").await;
    let ended =
        format!("SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint > {last})::int::bigint");
    wait_until(Duration::from_mins(1), "older transactions", async || register.number(&ended).await == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_slow_concurrent_committers_nothing_is_missed_and_nothing_repeated() {
    let register = Register::empty().await;
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let (look, looks) = watch::channel(0);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let client = register.another_connection().await;
        writers.spawn(write_slowly(client, u64::wrapping_add(seed, writer), looks.clone()));
    }
    let random = StdRng::seed_from_u64(seed);
    let mut reader = Reader { register: &register, random, at: Cursor::START, seen: Vec::new() };
    let mut committed = BTreeSet::new();
    while !writers.is_empty() {
        reader.look().await;
        look.send_modify(|look| *look += 1);
        while let Some(ended) = writers.try_join_next() {
            committed.extend(ended.unwrap());
        }
    }
    quiet(&register).await;
    while reader.look().await {}
    let given: HashSet<i64> = reader.seen.iter().copied().collect();
    let missed: Vec<&i64> = committed.iter().filter(|seq| !given.contains(seq)).collect();
    assert_eq!((missed.len(), reader.seen.len() - given.len()), (0, 0), "missed {missed:?}");
    assert_eq!((committed.len(), given.len()), (10_000, 10_000));
    assert!(reader.seen.windows(2).filter(|pair| pair[0] > pair[1]).count() > 100, "the writers did overlap");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_register_applies_is_read_in_pages_and_the_end_is_known() {
    let register = Register::empty().await;
    let mut connection = register.store.connection().await.unwrap();
    assert_eq!(feed::latest(&mut connection).await.unwrap(), Cursor::START);
    let empty = feed::read(&mut connection, None, 10).await.unwrap();
    assert_eq!((empty.changes.len(), empty.next), (0, Cursor::START));
    for n in 1..=5 {
        register.store.apply_webhooks(&[delivery(&updated(n, "2026-01-01T00:00:00Z", "A"))]).await.unwrap();
    }
    quiet(&register).await;
    let first = feed::read(&mut connection, None, 3).await.unwrap();
    let rest = feed::read(&mut connection, Some(first.next), 3).await.unwrap();
    let premises = [first, rest.clone()].into_iter().flat_map(|page| page.changes);
    let premises: Vec<i64> = premises.map(|entry| entry.change.premise_id.get()).collect();
    assert_eq!(premises, [1, 2, 3, 4, 5]);
    assert_eq!(feed::latest(&mut connection).await.unwrap(), rest.next);
    let again = feed::read(&mut connection, Some(rest.changes[0].cursor), 3).await.unwrap();
    assert_eq!(again.changes, rest.changes[1..], "reading on from a change in the middle of a page");
}
