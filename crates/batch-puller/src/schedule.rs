//! When runs are due: cron expressions in a time zone, against the slots that were taken.
//!
//! Pure: the time and what was asked for are arguments. Of several slots that were missed only the last is due,
//! so a downtime is caught up once. A full run gives what an incremental one would, so it takes the slots of both.

use chrono::{DateTime, DurationRound as _, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use premise_domain::sync_run::Mode;
use premise_runtime::{ConfigError, settings::Profile};
use premise_store::schedule::Slots;

use crate::config::{BY_PROFILE, PullConfig};

/// Both schedules of a process.
#[derive(Debug, Clone)]
pub struct Schedules {
    full: Option<Cron>,
    incremental: Option<Cron>,
    zone: Tz,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Ask for this run.
    Due {
        /// Of this kind.
        mode: Mode,
        /// For this slot.
        slot_at: DateTime<Utc>,
    },
    /// Nothing before this time; for ever when nothing is scheduled.
    NothingBefore(Option<DateTime<Utc>>),
}

impl Schedules {
    /// From the section `pull`, and where it says nothing, from the profile.
    pub fn new(pull: &PullConfig, profile: Profile) -> Result<Self, ConfigError> {
        let zone = pull.time_zone.parse().map_err(|_| {
            ConfigError::invalid("pull.time_zone", "must be a name of the IANA database, as Africa/Nairobi")
        })?;
        let schedule = |key, given: &str, by_profile| {
            let text = if given == BY_PROFILE { by_profile } else { given };
            parse(text).map_err(|reason| ConfigError::invalid(key, reason))
        };
        let (full, incremental) = by_profile(profile);
        Ok(Self {
            full: schedule("pull.full_schedule", &pull.full_schedule, full)?,
            incremental: schedule("pull.incremental_schedule", &pull.incremental_schedule, incremental)?,
            zone,
        })
    }

    /// What is due at `now` (which need not be [`Slots::now`]: jitter moves it back).
    pub fn decide(&self, taken: &Slots, now: DateTime<Utc>) -> Decision {
        let of_either = taken.full.max(taken.incremental);
        for (mode, cron, last) in
            [(Mode::Full, &self.full, taken.full), (Mode::Incremental, &self.incremental, of_either)]
        {
            let latest = cron.as_ref().and_then(|cron| self.latest(cron, now));
            // Before the schedule asked for anything, what others asked for counts.
            if let Some(slot_at) = latest.filter(|slot| Some(*slot) > last.or(taken.pulled)) {
                return Decision::Due { mode, slot_at };
            }
        }
        let next = [&self.full, &self.incremental].into_iter().flatten();
        Decision::NothingBefore(next.filter_map(|cron| self.next(cron, now)).min())
    }

    fn latest(&self, cron: &Cron, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        cron.find_previous_occurrence(&self.local(now), true).ok().map(|slot| slot.to_utc())
    }

    fn next(&self, cron: &Cron, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        cron.find_next_occurrence(&self.local(now), false).ok().map(|slot| slot.to_utc())
    }

    /// In whole seconds, because slots are compared between replicas.
    fn local(&self, now: DateTime<Utc>) -> DateTime<Tz> {
        now.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now).with_timezone(&self.zone)
    }
}

/// Full and incremental. Staging and production differ in their webhooks only.
fn by_profile(profile: Profile) -> (&'static str, &'static str) {
    const DAILY: &str = "0 2 * * *";
    match profile {
        Profile::Development => (DAILY, ""),
        Profile::Staging | Profile::Production => (DAILY, "0 */6 * * *"),
    }
}

/// `None` for an empty expression. One that never comes true is refused.
fn parse(text: &str) -> Result<Option<Cron>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser
        .parse(text)
        .map_err(|error| format!("must be empty or minute, hour, day, month, weekday: {error}"))?;
    // The search ends with the year 5000; near to it, a vain one is short.
    let late = NaiveDate::from_ymd_opt(4940, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
    cron.find_next_occurrence(&late, true).map_err(|_| "never comes true".to_owned())?;
    Ok(Some(cron))
}

#[cfg(test)]
mod tests;
