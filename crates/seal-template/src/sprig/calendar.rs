//! Go's `time.Time`, `Month`, `Weekday` and `Duration` as templates see them, on the proleptic Gregorian calendar.
//! Reads no clock: every time comes from `now` of the environment or from a template. What they answer to templates
//! is in `methods`.

mod methods;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::sprig::layout;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z, Go's zero time, as seconds since 1970.
const ZERO: i64 = -62_135_596_800;

/// How an instant is shown.
#[derive(Clone)]
pub(super) enum Zone {
    Utc,
    Named(TimeZone),
    /// From a text with an offset or an abbreviation.
    Fixed {
        name: String,
        offset: i64,
    },
}

/// An instant and the zone it is shown in.
#[derive(Clone)]
pub(super) struct Time {
    seconds: i64,
    nanosecond: i64,
    zone: Zone,
}

/// A wall clock's fields.
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) year_day: i64,
    pub(super) weekday: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
}

impl Time {
    pub(super) fn new(seconds: i64, nanosecond: i64, zone: Zone) -> Time {
        Time {
            seconds,
            nanosecond,
            zone,
        }
    }

    /// What a failed `toDate` yields.
    pub(super) fn zero() -> Time {
        Time::new(ZERO, 0, Zone::Utc)
    }

    pub(super) fn at(timestamp: Timestamp, zone: TimeZone) -> Time {
        let nanoseconds = timestamp.as_nanosecond();
        let seconds =
            i64::try_from(nanoseconds.div_euclid(1_000_000_000)).expect("a timestamp's seconds fit");
        let nanosecond = i64::try_from(nanoseconds.rem_euclid(1_000_000_000)).expect("a remainder is small");
        Time::new(seconds, nanosecond, Zone::Named(zone))
    }

    /// The instant at which clocks in `zone` show this; `month` from 1, `clock` in seconds since midnight.
    pub(super) fn from_civil(
        year: i64,
        month: i64,
        day: i64,
        clock: i64,
        nanosecond: i64,
        zone: Zone,
    ) -> Time {
        let wall = (days_before(year, month).saturating_add(day - 1))
            .saturating_mul(DAY)
            .saturating_add(clock);
        // As Go: guess with the offset at the wall time read as UTC, then take the offset at that guess.
        let guess = wall.saturating_sub(zone.offset_at(wall).1);
        let offset = zone.offset_at(guess).1;
        Time::new(wall.saturating_sub(offset), nanosecond, zone)
    }

    pub(super) fn with_zone(self, zone: Zone) -> Time {
        Time { zone, ..self }
    }

    pub(super) fn plus_seconds(self, seconds: i64) -> Time {
        Time {
            seconds: self.seconds.saturating_add(seconds),
            ..self
        }
    }

    pub(super) fn plus(&self, duration: Duration) -> Time {
        let nanosecond = self.nanosecond + duration.0.rem_euclid(1_000_000_000);
        let seconds = self.seconds.saturating_add(duration.0.div_euclid(1_000_000_000));
        Time::new(
            seconds.saturating_add(nanosecond / 1_000_000_000),
            nanosecond % 1_000_000_000,
            self.zone.clone(),
        )
    }

    /// The time since `other`, as far as a duration reaches.
    pub(super) fn since(&self, other: &Time) -> Duration {
        let nanoseconds = self.nanoseconds() - other.nanoseconds();
        Duration(i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX }))
    }

    fn nanoseconds(&self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanosecond)
    }

    pub(super) fn unix(&self) -> i64 {
        self.seconds
    }

    pub(super) fn nanosecond(&self) -> i64 {
        self.nanosecond
    }

    /// The zone's abbreviation and its offset in seconds, at this instant.
    pub(super) fn zone_at(&self) -> (String, i64) {
        self.zone.offset_at(self.seconds)
    }

    pub(super) fn civil(&self) -> Civil {
        let wall = self.seconds.saturating_add(self.zone_at().1);
        let (days, clock) = (wall.div_euclid(DAY), wall.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        Civil {
            year,
            month,
            day,
            year_day: days - days_before(year, 1) + 1,
            // 1970-01-01 was a Thursday.
            weekday: (days + 4).rem_euclid(7),
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
        }
    }

    /// As JSON has it; `None` for years that need more than four digits.
    pub(super) fn rfc3339(&self) -> Option<String> {
        let shown = self.formatted(b"2006-01-02T15:04:05.999999999Z07:00");
        (0..10_000).contains(&self.civil().year).then_some(shown)
    }

    fn formatted(&self, layout: &[u8]) -> String {
        let mut buffer = crate::value::Buffer::new(1 << 10, crate::limits::Limit::Intermediate);
        layout::format(self, layout, &mut buffer).expect("a fixed layout is short");
        String::from_utf8_lossy(buffer.as_bytes()).into_owned()
    }

    /// Rounds down to a multiple of the duration since Go's zero time, or half up.
    fn rounded(&self, unit: Duration, half_up: bool) -> Time {
        if unit.0 <= 0 {
            return self.clone();
        }
        let since_zero = self.nanoseconds() - i128::from(ZERO) * 1_000_000_000;
        let over =
            i64::try_from(since_zero.rem_euclid(i128::from(unit.0))).expect("a remainder fits its divisor");
        let up = half_up && over >= unit.0 - over;
        self.plus(Duration(if up { unit.0 - over } else { -over }))
    }

    fn add_date(&self, years: i64, months: i64, days: i64) -> Time {
        let civil = self.civil();
        let months = (civil.month - 1).saturating_add(months);
        let year = civil
            .year
            .saturating_add(years)
            .saturating_add(months.div_euclid(12));
        let clock = (civil.hour * 60 + civil.minute) * 60 + civil.second;
        let day = civil.day.saturating_add(days);
        Time::from_civil(
            year,
            months.rem_euclid(12) + 1,
            day,
            clock,
            self.nanosecond,
            self.zone.clone(),
        )
    }
}

impl Zone {
    fn offset_at(&self, seconds: i64) -> (String, i64) {
        match self {
            Zone::Utc => ("UTC".to_owned(), 0),
            Zone::Fixed { name, offset } => (name.clone(), *offset),
            Zone::Named(zone) => {
                let clamped = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
                let timestamp = Timestamp::from_second(clamped).expect("seconds were clamped to the range");
                let info = zone.to_offset_info(timestamp);
                (info.abbreviation().to_owned(), i64::from(info.offset().seconds()))
            }
        }
    }
}

pub(super) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of a month. Years begin in March, so that leap days come last.
fn days_before(year: i64, month: i64) -> i64 {
    let year = year.clamp(-1_000_000_000_000, 1_000_000_000_000);
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (cycle, year_of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5;
    cycle * 146_097 + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (cycle, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + i64::from(month <= 2), month, day)
}

/// `time.Month`, from 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Month(pub(super) i64);

/// `time.Weekday`, from Sunday = 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Weekday(pub(super) i64);

/// `time.Duration`: nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Duration(pub(super) i64);
