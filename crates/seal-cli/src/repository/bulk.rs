//! The same work on every file, on all cores; the results in the order of the files. A file that fails
//! stops no other: each is old or new, and the next run takes up what is left.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::command_error::CommandError;
use crate::input::Source;

/// What became of a file.
pub(crate) enum Outcome<T> {
    /// It is, or would be, written anew.
    Changed(T),
    /// It concerns the command, and stays as it is.
    Unchanged(T),
    /// It concerns the command not, for this reason.
    Skipped(&'static str),
    /// It stays as it is, because of this.
    Failed(CommandError),
}

/// A file and what became of it.
pub(crate) struct Row<T> {
    /// Its path as it was named or found.
    pub(crate) file: String,
    /// What became of it.
    pub(crate) outcome: Outcome<T>,
}

/// `work` on each of `sources`, on so many `at_once`.
pub(crate) fn over<T: Send>(
    sources: &[Source],
    at_once: usize,
    work: impl Fn(&Source) -> Result<Outcome<T>, CommandError> + Sync,
) -> Vec<Row<T>> {
    let next = AtomicUsize::new(0);
    // One file may cost a thousand times what another does: whoever is free takes the next.
    let some = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = sources.get(index) else {
                return done;
            };
            let outcome = work(source).unwrap_or_else(Outcome::Failed);
            let file = source.shown();
            done.push((index, Row { file, outcome }));
        }
    };
    let threads = at_once.min(sources.len());
    let mut rows = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(some)).collect();
        let mut rows = some();
        for other in others {
            rows.extend(other.join().expect("what a file brings is an outcome, no panic"));
        }
        rows
    });
    rows.sort_unstable_by_key(|(index, _)| *index);
    rows.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn one_that_fails_stops_no_other_and_the_order_is_that_of_the_files() {
        let sources: Vec<Source> = (0..100).map(|n| Source::of(Path::new(&n.to_string()))).collect();
        let rows = over(&sources, 2, |source| match source.shown().parse::<u32>() {
            Ok(n) if n % 10 == 3 => Err(CommandError::input("no")),
            Ok(n) => Ok(Outcome::Changed(n)),
            Err(_) => Ok(Outcome::Skipped("no number")),
        });
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(row.file, index.to_string());
            match &row.outcome {
                Outcome::Changed(n) => assert_eq!(*n as usize, index),
                outcome => assert!(matches!(outcome, Outcome::Failed(_)) && index % 10 == 3),
            }
        }
    }
}
