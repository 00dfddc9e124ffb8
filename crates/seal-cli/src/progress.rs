//! How far a command over many files has come: a bar for somebody who watches a terminal, and nothing for anybody
//! else. It names no file: names are strangers' words, and a bar is drawn twenty times a second.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Fewer are done before anybody has read a bar.
const WORTHWHILE: usize = 20;
const TICK: Duration = Duration::from_millis(200);

/// A bar, which goes when it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// One for so many files, shown to whoever watches and does not want quiet.
    pub(crate) fn over(files: usize, quiet: bool) -> Self {
        let target = match !quiet && files >= WORTHWHILE && stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let length = u64::try_from(files).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} files, {eta} left");
        bar.set_style(style.expect("the template is one").progress_chars("=> "));
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self(bar)
    }

    /// One more is done.
    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
