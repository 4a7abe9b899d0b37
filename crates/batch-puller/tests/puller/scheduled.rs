//! Runs that nobody asked for: the first one, missed ones, and replicas that look at the same clock.

use premise_domain::sync_run::RunStatus;
use premise_testkit::{ServiceCommand, wait_until};
use serde_json::json;
use uuid::Uuid;

use crate::support::{SOON, Site};

const SCHEDULED: &str = "SELECT count(*) FROM sync_runs WHERE requested_by = 'schedule'";

impl Site {
    fn scheduled_puller(&self) -> ServiceCommand {
        self.puller().env("PREMISE__PULL__FULL_SCHEDULE", "0 2 * * *")
    }

    /// The newest run, once there are so many.
    async fn newest(&self, count: i64) -> Uuid {
        wait_until(SOON, "a scheduled run", async || self.number(SCHEDULED).await == count).await;
        let sql = self.database.connect().await;
        sql.query_one("SELECT id FROM sync_runs ORDER BY requested_at DESC LIMIT 1", &[])
            .await
            .unwrap()
            .get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_fill_an_empty_register_once_and_catch_up_once() {
    let site = Site::new().await;
    let _pullers = (site.scheduled_puller().spawn().await, site.scheduled_puller().spawn().await);
    // A doubled run of one round shows in the next.
    for round in 1..=4 {
        let run = site.over(site.newest(round).await).await;
        assert_eq!((run.status, run.requested_by.as_str()), (RunStatus::Succeeded, "schedule"), "{run:?}");
        // As if both had been down for the last four days.
        if round < 4 {
            let sql = site.database.connect().await;
            let earlier = "UPDATE sync_runs SET scheduled_for = scheduled_for - interval '4 days'";
            sql.execute(earlier, &[]).await.unwrap();
        }
    }
    assert_eq!(site.number(SCHEDULED).await, 4);
    assert_eq!(site.register().await, (300, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_replica_repeats_a_scheduled_run_whose_process_was_killed() {
    let site = Site::new().await;
    site.put("faults", json!({"slow-body": {"bytesPerSecond": 2_000}})).await;
    let mut killed = site.scheduled_puller().spawn().await;
    let first = site.newest(1).await;
    site.until_phase(first, "staging", 1).await;
    killed.kill().await;
    site.clear_faults().await;
    let _other = site.scheduled_puller().spawn().await;
    let second = site.over(site.newest(2).await).await;
    assert_eq!(second.status, RunStatus::Succeeded, "{second:?}");
    assert_eq!(site.run(first).await.status, RunStatus::Abandoned);
    let slots = "SELECT count(DISTINCT scheduled_for) FROM sync_runs";
    assert_eq!(site.number(slots).await, 1, "the same slot");
}
