//! What processes cost, as the kernel counts it.

use std::time::Duration;

use anyhow::Context;

/// Its user and system time (proc(5): fields 14 and 15, in hundredths of a second).
pub(crate) fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = text.rsplit_once(')').context("proc(5)")?;
    let field = |index: usize| -> anyhow::Result<u64> {
        Ok(rest.split_whitespace().nth(index).context("proc(5)")?.parse()?)
    };
    Ok(Duration::from_millis((field(11)? + field(12)?) * 10))
}

/// Its resident memory now, in bytes (proc(5)).
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("proc(5)")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

/// The processor time of several processes from here on: who else worked while one was measured.
pub(crate) struct Beside {
    begun: Vec<(&'static str, u32, Duration)>,
}

impl Beside {
    pub(crate) fn begin(processes: Vec<(&'static str, u32)>) -> anyhow::Result<Self> {
        let own = ("the benchmark itself", std::process::id());
        let begun = processes.into_iter().chain([own]);
        let begun = begun.map(|(name, pid)| Ok((name, pid, processor_time(pid)?)));
        Ok(Self {
            begun: begun.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Seconds of each.
    pub(crate) fn told(&self) -> anyhow::Result<String> {
        let since = self.begun.iter().map(|(name, pid, before)| {
            let spent = processor_time(*pid)?.saturating_sub(*before);
            Ok(format!("{name} {:.2}", spent.as_secs_f64()))
        });
        let since: Vec<String> = since.collect::<anyhow::Result<_>>()?;
        Ok(format!("CPU-s of {}", since.join(", ")))
    }
}
