//! Cron schedules in UTC, as external-secrets reads them: five fields, names, steps, `@daily` and the like,
//! `@every 1h`. A day counts when it fits both of its fields, or either where both are restricted.
//!
//! Time zones are not read: a schedule that names one is none, as the schema says.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use seal_api::external_secrets::GoDuration;

/// When a window opens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Schedule {
    /// At these minutes.
    Cron(Cron),
    /// So many whole seconds after whenever one asks.
    Every(i64),
}

/// The minutes, hours, days, months and days of the week that fit, each a bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cron {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// Which values of one field fit.
#[derive(Clone, Copy, Debug)]
struct Field {
    bits: u64,
    /// Whether all do, because nothing is asked of this field.
    any: bool,
}

struct Bounds {
    least: u64,
    most: u64,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds {
    least: 0,
    most: 59,
    names: &[],
};
const HOURS: Bounds = Bounds {
    least: 0,
    most: 23,
    names: &[],
};
const DAYS: Bounds = Bounds {
    least: 1,
    most: 31,
    names: &[],
};
const MONTHS: Bounds = Bounds {
    least: 1,
    most: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const WEEKDAYS: Bounds = Bounds {
    least: 0,
    most: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};
const SECOND: i64 = 1_000_000_000;
/// What is not found until the end of the fifth year from now is never.
const YEARS: i16 = 5;

impl Schedule {
    /// Reads a schedule; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('@') {
            return Self::named(name);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.try_into().ok()?;
        Some(Self::Cron(Cron {
            minutes: Field::parse(minutes, &MINUTES)?,
            hours: Field::parse(hours, &HOURS)?,
            days: Field::parse(days, &DAYS)?,
            months: Field::parse(months, &MONTHS)?,
            weekdays: Field::parse(weekdays, &WEEKDAYS)?,
        }))
    }

    fn named(name: &str) -> Option<Self> {
        if let Some(duration) = name.strip_prefix("every ") {
            let nanoseconds = GoDuration::new(duration).nanoseconds().ok()?;
            return Some(Self::Every((nanoseconds / SECOND).max(1)));
        }
        Self::parse(match name {
            "yearly" | "annually" => "0 0 1 1 *",
            "monthly" => "0 0 1 * *",
            "weekly" => "0 0 * * 0",
            "daily" | "midnight" => "0 0 * * *",
            "hourly" => "0 * * * *",
            _ => return None,
        })
    }

    /// The first time after `time`; `None` when there is none within five years.
    pub(super) fn next(&self, time: Timestamp) -> Option<Timestamp> {
        let second =
            Timestamp::from_second(time.as_nanosecond().div_euclid(i128::from(SECOND)) as i64).ok()?;
        match self {
            Self::Every(seconds) => second.checked_add(SignedDuration::from_secs(*seconds)).ok(),
            Self::Cron(cron) => {
                let from = second.checked_add(SignedDuration::from_secs(1)).ok()?;
                cron.next(from.to_zoned(TimeZone::UTC).datetime())?
                    .to_zoned(TimeZone::UTC)
                    .ok()
                    .map(|zoned| zoned.timestamp())
            }
        }
    }
}

impl Cron {
    // At or after `from`.
    fn next(&self, from: DateTime) -> Option<DateTime> {
        let whole_minute = from.second() == 0;
        let mut minute = i32::from(from.hour()) * 60 + i32::from(from.minute()) + i32::from(!whole_minute);
        let mut date = from.date();
        while date.year() <= from.year() + YEARS {
            if self.fits(date)
                && let Some(found) = self.minute_from(minute)
            {
                return Some(date.at((found / 60) as i8, (found % 60) as i8, 0, 0));
            }
            minute = 0;
            date = date.checked_add(Span::new().days(1)).ok()?;
        }
        None
    }

    fn fits(&self, date: Date) -> bool {
        let day = self.days.has(date.day() as u64);
        let weekday = self.weekdays.has(date.weekday().to_sunday_zero_offset() as u64);
        let fits = if self.days.any || self.weekdays.any {
            day && weekday
        } else {
            day || weekday
        };
        fits && self.months.has(date.month() as u64)
    }

    fn minute_from(&self, first: i32) -> Option<i32> {
        (first..24 * 60)
            .find(|minute| self.hours.has((minute / 60) as u64) && self.minutes.has((minute % 60) as u64))
    }
}

impl Field {
    fn has(self, value: u64) -> bool {
        self.bits & (1 << value) != 0
    }

    fn parse(text: &str, bounds: &Bounds) -> Option<Self> {
        let mut field = Self { bits: 0, any: false };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let part = Self::range(part, bounds)?;
            field.bits |= part.bits;
            field.any |= part.any;
        }
        Some(field)
    }

    // `5`, `5-10`, `*`, each perhaps with a step. A step makes `*` a restriction.
    fn range(text: &str, bounds: &Bounds) -> Option<Self> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (text, None),
        };
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (low, Some(high)),
            None => (range, None),
        };
        let any = matches!(low, "*" | "?");
        let (first, last) = match high {
            _ if any => (bounds.least, bounds.most),
            Some(high) => (bounds.value(low)?, bounds.value(high)?),
            None if step.is_some() => (bounds.value(low)?, bounds.most),
            None => (bounds.value(low)?, bounds.value(low)?),
        };
        let step = step.unwrap_or(1);
        if first < bounds.least || last > bounds.most || first > last || step == 0 {
            return None;
        }
        let step_by = usize::try_from(step).ok()?;
        let bits = (first..=last)
            .step_by(step_by)
            .fold(0, |bits, value| bits | 1 << value);
        Some(Self {
            bits,
            any: any && step == 1,
        })
    }
}

impl Bounds {
    fn value(&self, text: &str) -> Option<u64> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        match named {
            Some(index) => Some(self.least + index as u64),
            None => number(text),
        }
    }
}

// Go's Atoi allows a sign; of negative numbers, zero only.
fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse::<i64>().ok()?;
    (!text.starts_with('-') || number == 0).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    // Made by the real library.
    const VECTORS: &str = include_str!("../../vectors/external-secrets/schedules.jsonl");

    #[derive(Deserialize)]
    struct Row {
        #[serde(rename = "in")]
        schedule: String,
        from: Timestamp,
        next: Option<Vec<Timestamp>>,
    }

    #[test]
    fn schedules_are_read_as_the_real_library_reads_them() {
        let (mut read, mut refused) = (0, 0);
        for line in VECTORS.lines() {
            let row: Row = serde_json::from_str(line).unwrap();
            let found = Schedule::parse(&row.schedule).map(|schedule| {
                std::iter::successors(schedule.next(row.from), |time| schedule.next(*time))
                    .take(3)
                    .collect::<Vec<_>>()
            });
            assert_eq!(found, row.next, "{line}");
            match found {
                Some(_) => read += 1,
                None => refused += 1,
            }
        }
        assert!(read > 100 && refused > 80, "{read} read, {refused} refused");
    }

    #[test]
    fn a_time_zone_is_not_read() {
        assert!(Schedule::parse("CRON_TZ=Asia/Tokyo 0 22 * * *").is_none());
        assert!(Schedule::parse("TZ=UTC 0 22 * * *").is_none());
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "in")]
            text: String,
            nanoseconds: Option<i64>,
        }
        const VECTORS: &str = include_str!("../../vectors/external-secrets/durations.jsonl");
        for line in VECTORS.lines() {
            let row: Row = serde_json::from_str(line).unwrap();
            let read = GoDuration::new(row.text).nanoseconds().ok();
            assert_eq!(read, row.nanoseconds, "{line}");
        }
    }
}
