use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn window(text: &str) -> Window {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn deploy(windows: &[&str]) -> Deploy {
    let freeze: Vec<Freeze> = windows.iter().map(|text| Freeze::from(*text)).collect();
    assert!(freeze.iter().all(|one| one.fault().is_none()), "{freeze:?}");
    Deploy { freeze, ..Deploy::default() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// From when to when an instant is frozen.
fn frozen(deploy: &Deploy, now: &str) -> Option<(String, String)> {
    let frozen = deploy.frozen(at(now))?;
    Some((frozen.from.to_string(), frozen.until.to_string()))
}

#[test]
fn a_window_is_read_as_people_write_it() {
    let weekend = "Fri 16:00 – Mon 08:00 Europe/Berlin";
    for text in [
        weekend,
        "fri 16:00-mon 8:00 Europe/Berlin",
        "Friday 16:00 to MONDAY 08:00  europe/berlin",
        " Fri 16:00—Mon 08:00 Europe/Berlin ",
    ] {
        assert_eq!(window(text).to_string(), weekend, "{text}");
    }
    for text in [
        "Sat – Sun UTC",
        "Mon 00:00 – Mon 12:00 America/Port-au-Prince",
        "daily 22:00 – 06:00 Asia/Kolkata",
        "2026-12-24 – 2027-01-02 Europe/Berlin",
        "2026-12-24 12:00 – 2026-12-24 24:00 Etc/GMT-1",
    ] {
        assert_eq!(window(text).to_string(), text);
    }
    assert_eq!(window("2026-12-24-2027-01-02 UTC").to_string(), "2026-12-24 – 2027-01-02 UTC");
    assert_eq!(window("Sat 00:00 – Sun 24:00 UTC").to_string(), "Sat – Sun UTC");
}

#[test]
fn what_is_no_window_says_why() {
    for (text, why) in [
        ("", "a day is missing"),
        ("Fry 16:00 – Mon 08:00 UTC", "\"Fry\" is no day of the week"),
        ("Fri 16 – Mon 08:00 UTC", "\"16\" is no time"),
        ("Fri 25:00 – Mon 08:00 UTC", "\"25:00\" is no time"),
        ("Fri 24:01 – Mon 08:00 UTC", "\"24:01\" is no time"),
        ("Fri 16:60 – Mon 08:00 UTC", "\"16:60\" is no time"),
        ("Fri 016:00 – Mon 08:00 UTC", "\"016:00\" is no time"),
        ("Fri 16:00 Mon 08:00 UTC", "'–' or \"to\" is missing"),
        ("Fri 16:00", "'–' or \"to\" is missing"),
        ("Fri 16:00 – ", "a day is missing"),
        ("Fri 16:00 – Mon 08:00", "its time zone is missing"),
        ("Fri 16:00 – Mon 08:00 Berlin", "\"Berlin\" is no time zone"),
        ("Fri 16:00 – 2026-12-24 UTC", "a day of the week at both ends"),
        ("2026-12-24 – 2026-12-23 UTC", "it ends before it begins"),
        ("2026-12-24 10:00 – 2026-12-24 10:00 UTC", "it ends before it begins"),
        ("2026-13-24 – 2026-12-23 UTC", "\"2026-13-24\" is no date"),
        ("2026-2-4 – 2026-12-23 UTC", "is no date"),
        ("2026–12–24 – 2026-12-23 UTC", "is no date"),
        ("daily 22:00 – UTC", "give a time at both ends"),
        ("daily 06:00 – 06:00 UTC", "it ends where it begins"),
        ("daily 00:00 – 24:00 UTC", "it ends where it begins"),
        ("Mon – Sun UTC", "it ends where it begins"),
        ("Mon 08:00 – Mon 08:00 UTC", "it ends where it begins"),
    ] {
        let error = text.parse::<Window>().expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
        assert!(error.contains("write a window such as"), "{error}");
    }
    let long = "x".repeat(10_000).parse::<Window>().unwrap_err().to_string();
    assert!(long.len() < 500, "{long}");
}

#[test]
fn a_weekend_goes_over_the_end_of_the_week() {
    let deploy = deploy(&["Fri 16:00 – Mon 08:00 Europe/Berlin"]);
    let whole = Some(("2026-11-27T15:00:00Z".to_owned(), "2026-11-30T07:00:00Z".to_owned()));
    for inside in ["2026-11-27T15:00:00Z", "2026-11-28T12:00:00Z", "2026-11-30T06:59:59Z"] {
        assert_eq!(frozen(&deploy, inside), whole, "{inside}");
    }
    for outside in ["2026-11-27T14:59:59Z", "2026-11-30T07:00:00Z", "2026-11-25T12:00:00Z"] {
        assert_eq!(frozen(&deploy, outside), None, "{outside}");
    }
    let next = deploy.next_freeze(at("2026-11-25T12:00:00Z")).unwrap();
    assert_eq!(next.from, at("2026-11-27T15:00:00Z"));
    let now = at("2026-11-28T12:00:00Z");
    assert_eq!(deploy.frozen(now).unwrap().until_told(now), "Mon 08:00 Europe/Berlin");
    assert_eq!(deploy.next_freeze(now).unwrap().from, at("2026-12-04T15:00:00Z"));
    assert_eq!(
        deploy.next_freeze(now).unwrap().until_told(now),
        "Mon 2026-12-07 08:00 Europe/Berlin"
    );
}

#[test]
fn windows_that_touch_are_one_freeze() {
    let deploy = deploy(&[
        "daily 20:00 – 08:00 UTC",
        "Sat – Sun UTC",
        "2026-11-30 08:00 – 2026-11-30 12:00 UTC",
    ]);
    let now = at("2026-11-27T21:00:00Z");
    let frozen = deploy.frozen(now).unwrap();
    assert_eq!(frozen.window.to_string(), "daily 20:00 – 08:00 UTC");
    assert_eq!(frozen.until, at("2026-11-30T12:00:00Z"));
    assert_eq!(deploy.next_freeze(at("2026-11-27T12:00:00Z")).unwrap().until, frozen.until);
}

#[test]
fn windows_that_leave_no_time_have_an_end_all_the_same() {
    let deploy = deploy(&["Mon – Wed UTC", "Thu – Sun UTC"]);
    let now = at("2026-11-27T21:00:00Z");
    assert!(deploy.frozen(now).unwrap().until > now + SignedDuration::from_hours(24 * 30));
}

#[test]
fn hours_that_are_left_out_or_come_twice_count_on_the_clock() {
    // 2026-03-29: 02:00 to 03:00 is left out, at 01:00 UTC. 2026-10-25: it comes twice, from 00:00 UTC.
    for (text, inside, from, until) in [
        ("Sun 02:30 – Sun 06:00", "2026-03-29T02:00:00Z", "01:00", "04:00"),
        ("Sun 01:00 – Sun 02:30", "2026-03-29T00:30:00Z", "00:00", "01:00"),
        ("Sun 02:30 – Sun 06:00", "2026-10-25T02:00:00Z", "00:30", "05:00"),
        ("Sun 01:00 – Sun 02:30", "2026-10-25T00:45:00Z", "23:00", "01:30"),
        ("Sun 02:15 – Sun 02:45", "2026-10-25T01:00:00Z", "00:15", "01:45"),
        ("Sun – Sun", "2026-10-25T12:00:00Z", "22:00", "23:00"),
    ] {
        let deploy = deploy(&[&format!("{text} Europe/Berlin")]);
        let frozen = frozen(&deploy, inside).unwrap();
        let hours = |text: &str| text[11..16].to_owned();
        assert_eq!((hours(&frozen.0), hours(&frozen.1)), (from.into(), until.into()), "{text}");
    }
    let gone = deploy(&["Sun 02:10 – Sun 02:50 Europe/Berlin"]);
    assert_eq!(frozen(&gone, "2026-03-29T01:00:00Z"), None);
    // The whole of 2011-12-30 was left out on Samoa.
    let samoa = deploy(&["Fri – Fri Pacific/Apia"]);
    assert_eq!(frozen(&samoa, "2011-12-30T11:00:00Z"), None);
    assert!(frozen(&samoa, "2012-01-06T00:00:00Z").is_some());
}

#[test]
fn what_is_kept_stays_readable() {
    let kept = r#"["Fri 16:00 – Mon 08:00 Europe/Atlantis"]"#;
    let read: Vec<Freeze> = serde_json::from_str(kept).unwrap();
    assert!(read[0].fault().is_some() && read[0].window().is_none());
    assert_eq!(serde_json::to_string(&read).unwrap(), kept);
    let deploy = Deploy { freeze: read, ..Deploy::default() };
    assert_eq!(deploy.frozen(Timestamp::UNIX_EPOCH), None);
}

fn zone() -> impl Strategy<Value = &'static str> {
    select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kathmandu",
    ])
}

fn any_window() -> impl Strategy<Value = Window> {
    let day = || select(vec!["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]);
    let clock = || (0_u16..=1440).prop_map(Clock);
    let weekly = (day(), clock(), day(), clock(), zone());
    let daily = (clock(), clock(), zone());
    let date = || (2026_i32..=2027, 1_i32..=12, 1_i32..=28);
    let once = (date(), clock(), date(), clock(), zone());
    prop_oneof![
        weekly.prop_map(|(day, from, last, to, zone)| format!("{day} {from} – {last} {to} {zone}")),
        daily.prop_map(|(from, to, zone)| format!("daily {from} – {to} {zone}")),
        once.prop_map(|((y, m, d), from, (y2, m2, d2), to, zone)| {
            format!("{y}-{m:02}-{d:02} {from} to {y2}-{m2:02}-{d2:02} {to} {zone}")
        }),
    ]
    .prop_filter_map("makes sense", |text| text.parse().ok())
}

/// An instant within two years, more often near a change of the clocks in Berlin.
fn instant() -> impl Strategy<Value = Timestamp> {
    let start = at("2026-01-01T00:00:00Z");
    let anywhere = 0_i64..2 * 365 * 24 * 60;
    let near = select(vec!["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"]);
    prop_oneof![
        anywhere.prop_map(move |minutes| start + SignedDuration::from_mins(minutes)),
        (near, -300_i64..300)
            .prop_map(|(change, minutes)| at(change) + SignedDuration::from_mins(minutes)),
    ]
}

/// Whether the clock on the wall shows a time in the window: what a window means, but for hours that come
/// twice.
fn shows(window: &Window, now: Timestamp) -> bool {
    let clock = window.zone.to_datetime(now);
    let minute = u16::try_from(clock.hour()).unwrap() * 60 + u16::try_from(clock.minute()).unwrap();
    let circle = |from: u16, to: u16, here: u16, around: u16| {
        let (from, to) = (from % around, to % around);
        if from < to { (from..to).contains(&here) } else { here >= from || here < to }
    };
    match window.when {
        When::Daily { from, to } => circle(from.0, to.0, minute, 1440),
        When::Weekly { from: (day, from), to: (last, to) } => {
            let here = read::of_week(clock.weekday(), Clock(minute));
            circle(read::of_week(day, from), read::of_week(last, to), here, 7 * 1440)
        }
        When::Once { from, to } => {
            let here = (clock.date(), Clock(minute));
            from <= here && here < to
        }
    }
}

/// Whether the clock shows this time twice.
fn comes_twice(window: &Window, now: Timestamp) -> bool {
    let clock = window.zone.to_datetime(now);
    matches!(
        window.zone.to_ambiguous_timestamp(clock).offset(),
        jiff::tz::AmbiguousOffset::Fold { .. }
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(window in any_window()) {
        prop_assert_eq!(window.to_string().parse::<Window>(), Ok(window));
    }

    #[test]
    fn an_instant_is_frozen_when_the_clock_shows_it(window in any_window(), now in instant()) {
        let deploy = Deploy { freeze: vec![window.to_string().into()], ..Deploy::default() };
        let frozen = deploy.frozen(now);
        if comes_twice(&window, now) {
            prop_assert!(frozen.is_some() || !shows(&window, now), "{window}");
        } else {
            prop_assert_eq!(frozen.is_some(), shows(&window, now), "{} {:?}", window, frozen);
        }
    }

    #[test]
    fn a_freeze_has_the_ends_that_it_says(
        windows in proptest::collection::vec(any_window(), 1..4),
        now in instant(),
    ) {
        let freeze = windows.iter().map(|window| window.to_string().into()).collect();
        let deploy = Deploy { freeze, ..Deploy::default() };
        let instant_before = SignedDuration::from_nanos(1);
        if let Some(frozen) = deploy.frozen(now) {
            prop_assert!(frozen.from <= now && now < frozen.until);
            prop_assert!(deploy.frozen(frozen.until - instant_before).is_some());
            let endless = frozen.until > now + SignedDuration::from_hours(24 * 20);
            prop_assert!(deploy.frozen(frozen.until).is_none() || endless, "{:?}", frozen);
        }
        if let Some(next) = deploy.next_freeze(now) {
            prop_assert!(next.from > now);
            let begun = deploy.frozen(next.from);
            prop_assert!(begun.is_some_and(|begun| begun.until >= next.until));
            if deploy.frozen(now).is_none() {
                prop_assert!(deploy.frozen(next.from - instant_before).is_none());
            }
        }
    }
}
