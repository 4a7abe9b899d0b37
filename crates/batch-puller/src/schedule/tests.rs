//! Simulated weeks: the clock is an argument.

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedules(profile: Profile) -> Schedules {
    Schedules::new(&PullConfig::default(), profile).unwrap()
}

fn with(full: &str, incremental: &str, zone: &str) -> Result<Schedules, ConfigError> {
    let pull = PullConfig {
        full_schedule: full.into(),
        incremental_schedule: incremental.into(),
        time_zone: zone.into(),
        ..PullConfig::default()
    };
    Schedules::new(&pull, Profile::Production)
}

/// Nothing was ever asked for.
fn never() -> Slots {
    Slots { now: DateTime::UNIX_EPOCH, full: None, incremental: None, pulled: None }
}

/// Looks like `replicas` processes, whose jitter differs, from `from` to `to`, every `step`; every run that is due
/// is asked for, as the store would take it.
fn live(
    schedules: &Schedules,
    taken: &mut Slots,
    (from, to, step): (&str, &str, TimeDelta),
    replicas: i32,
) -> Vec<(Mode, DateTime<Utc>)> {
    let (mut now, mut asked) = (at(from), Vec::new());
    while now < at(to) {
        for replica in 0..replicas {
            let jitter = TimeDelta::seconds(i64::from(replica) * 47);
            if let Decision::Due { mode, slot_at } = schedules.decide(taken, now - jitter) {
                let last = if mode == Mode::Full { &mut taken.full } else { &mut taken.incremental };
                assert!(Some(slot_at) > *last, "{mode} {slot_at} doubled or out of order");
                *last = Some(slot_at);
                asked.push((mode, slot_at));
            }
        }
        now += step;
    }
    asked
}

fn of(mode: Mode, asked: &[(Mode, DateTime<Utc>)]) -> Vec<String> {
    let slots = asked.iter().filter(|(found, _)| *found == mode);
    slots.map(|(_, slot)| slot.format("%m-%dT%H:%M").to_string()).collect()
}

#[test]
fn a_month_in_production_has_every_run_once_across_its_end() {
    let mut taken = Slots { pulled: Some(at("2028-01-31T12:00:00Z")), ..never() };
    let month = ("2028-01-31T12:00:00Z", "2028-03-02T12:00:00Z", TimeDelta::seconds(421));
    let asked = live(&schedules(Profile::Production), &mut taken, month, 2);
    let full = of(Mode::Full, &asked);
    assert_eq!(full.len(), 31, "1 to 29 February, 1 and 2 March, in a leap year");
    // 02:00 in Nairobi is 23:00 UTC of the day before, all year.
    assert_eq!((full[0].as_str(), full[30].as_str()), ("01-31T23:00", "03-01T23:00"));
    assert!(full.contains(&"02-29T23:00".to_owned()) && full.contains(&"02-28T23:00".to_owned()));
    let incremental = of(Mode::Incremental, &asked);
    assert_eq!(incremental.len(), 31 * 4, "00, 06, 12 and 18 o'clock in Nairobi");
    assert_eq!(incremental[..5], ["01-31T15:00", "01-31T21:00", "02-01T03:00", "02-01T09:00", "02-01T15:00"]);
}

#[test]
fn the_profile_chooses_unless_the_section_does() {
    let day = ("2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z", TimeDelta::minutes(1));
    for (profile, expected) in
        [(Profile::Development, (1, 0)), (Profile::Staging, (1, 4)), (Profile::Production, (1, 4))]
    {
        let mut taken = Slots { pulled: Some(at("2026-01-09T23:59:00Z")), ..never() };
        let asked = live(&schedules(profile), &mut taken, day, 1);
        assert_eq!(
            (of(Mode::Full, &asked).len(), of(Mode::Incremental, &asked).len()),
            expected,
            "{profile:?}"
        );
    }
    let nothing = with("", "", "UTC").unwrap();
    assert_eq!(nothing.decide(&never(), at("2026-01-10T00:00:00Z")), Decision::NothingBefore(None));
}

#[test]
fn an_empty_register_is_filled_at_once_and_only_once() {
    let production = schedules(Profile::Production);
    let now = at("2026-01-10T10:00:00.7Z");
    let slot_at = at("2026-01-09T23:00:00Z");
    assert_eq!(production.decide(&never(), now), Decision::Due { mode: Mode::Full, slot_at });
    let taken = Slots { full: Some(slot_at), ..never() };
    // The full run did not take the slot of 12 o'clock in Nairobi, which is later than its own.
    let slot_at = at("2026-01-10T09:00:00Z");
    assert_eq!(production.decide(&taken, now), Decision::Due { mode: Mode::Incremental, slot_at });
    let taken = Slots { incremental: Some(slot_at), ..taken };
    assert_eq!(production.decide(&taken, now), Decision::NothingBefore(Some(at("2026-01-10T15:00:00Z"))));
}

#[test]
fn a_register_that_others_filled_waits_for_the_next_slot() {
    let taken = Slots { pulled: Some(at("2026-01-10T09:30:00Z")), ..never() };
    let decision = schedules(Profile::Production).decide(&taken, at("2026-01-10T10:00:00Z"));
    assert_eq!(decision, Decision::NothingBefore(Some(at("2026-01-10T15:00:00Z"))));
}

#[test]
fn a_downtime_is_caught_up_once() {
    let production = schedules(Profile::Production);
    let before = at("2026-01-10T21:00:00Z");
    let mut taken = Slots { full: Some(at("2026-01-09T23:00:00Z")), incremental: Some(before), ..never() };
    // Five days later.
    let hour = ("2026-01-15T22:00:00Z", "2026-01-15T22:59:00Z", TimeDelta::minutes(1));
    let asked = live(&production, &mut taken, hour, 2);
    let expected =
        [(Mode::Full, at("2026-01-14T23:00:00Z")), (Mode::Incremental, at("2026-01-15T21:00:00Z"))];
    assert_eq!(asked, expected);
}

#[test]
fn at_the_same_time_the_full_run_serves_for_both() {
    let both = with("0 0 * * *", "0 */6 * * *", "UTC").unwrap();
    let mut taken = Slots { pulled: Some(at("2026-01-10T01:00:00Z")), ..never() };
    let day = ("2026-01-10T01:00:00Z", "2026-01-11T01:00:00Z", TimeDelta::minutes(1));
    let asked = live(&both, &mut taken, day, 1);
    assert_eq!(of(Mode::Full, &asked), ["01-11T00:00"]);
    assert_eq!(of(Mode::Incremental, &asked), ["01-10T06:00", "01-10T12:00", "01-10T18:00"]);
}

#[test]
fn a_zone_that_changes_its_clock_neither_skips_nor_doubles_a_daily_run() {
    // Berlin has no 02:30 on 29 March 2026 and two of them on 25 October.
    let berlin = with("30 2 * * *", "", "Europe/Berlin").unwrap();
    for (from, to, days) in [
        ("2026-03-26T12:00:00Z", "2026-04-01T12:00:00Z", 6),
        ("2026-10-22T12:00:00Z", "2026-10-28T12:00:00Z", 6),
    ] {
        let mut taken = Slots { pulled: Some(at(from)), ..never() };
        let asked = live(&berlin, &mut taken, (from, to, TimeDelta::minutes(5)), 2);
        assert_eq!(asked.len(), days, "{asked:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (full, incremental, zone) in [
        ("daily", "", "UTC"),
        ("0 0 0 * * *", "", "UTC"),
        ("", "0 25 * * *", "UTC"),
        ("0 0 30 2 *", "", "UTC"),
        ("0 2 * * *", "", "Nairobi"),
        ("0 2 * * *", "", ""),
    ] {
        assert!(with(full, incremental, zone).is_err(), "{full} {incremental} {zone}");
    }
    assert!(with("@daily", " ", "Africa/Nairobi").is_ok());
}
