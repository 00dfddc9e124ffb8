//! Medians, and the table that README repeats. It measures nothing.

use std::time::{Duration, Instant};

/// One comparison.
pub(crate) struct Row {
    /// What was done.
    pub(crate) what: String,
    /// What it was compared with, in its unit.
    pub(crate) peer: String,
    /// What we needed.
    pub(crate) ours: String,
    /// The ratio, and what was aimed at.
    pub(crate) ratio: f64,
    /// The target, in words.
    pub(crate) target: &'static str,
}

/// What was measured, in words; a dash where it was not.
pub(crate) fn told<T>(measured: Option<&T>, words: impl Fn(&T) -> String) -> String {
    measured.map_or_else(|| "–".to_owned(), words)
}

/// Theirs by ours; no number where one of them was not measured.
pub(crate) fn ratio<T>(theirs: Option<&T>, ours: Option<&T>, number: impl Fn(&T) -> f64) -> f64 {
    let number = |measured: Option<&T>| measured.map_or(f64::NAN, &number);
    number(theirs) / number(ours)
}

/// The rows as a Markdown table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("| what | peer | Seal | ratio | target |\n|---|---|---|---|---|\n");
    for Row {
        what,
        peer,
        ours,
        ratio,
        target,
    } in rows
    {
        let ratio = match ratio.is_nan() {
            true => "–".to_owned(),
            false => format!("{ratio:.2}"),
        };
        text.push_str(&format!("| {what} | {peer} | {ours} | {ratio} | {target} |\n"));
    }
    text
}

/// The median of `samples`, which must not be empty.
pub(crate) fn median(samples: &mut [Duration]) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

/// Runs both in turn `rounds` times, so that a busy moment meets both, and gives their medians.
pub(crate) fn in_turn(
    rounds: usize,
    mut left: impl FnMut() -> anyhow::Result<()>,
    mut right: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<(Duration, Duration)> {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    left()?;
    right()?;
    for _ in 0..rounds {
        lefts.push(timed(&mut left)?);
        rights.push(timed(&mut right)?);
    }
    Ok((median(&mut lefts), median(&mut rights)))
}

fn timed(work: &mut impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed())
}

/// How long `work` takes when every core does it at once.
pub(crate) fn on_all_cores(work: impl Fn() -> anyhow::Result<()> + Sync) -> anyhow::Result<Duration> {
    let cores = std::thread::available_parallelism()?.get();
    let begin = Instant::now();
    let done: anyhow::Result<Vec<()>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..cores).map(|_| scope.spawn(&work)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a measured thread does not panic"))
            .collect()
    });
    done.map(|_| begin.elapsed())
}

/// `duration` in milliseconds, for people.
pub(crate) fn milliseconds(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 100.0 {
        format!("{milliseconds:.2} ms")
    } else {
        format!("{milliseconds:.0} ms")
    }
}
