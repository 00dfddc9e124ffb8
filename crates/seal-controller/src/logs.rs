//! Log lines: what is logged at all, how it looks, where it goes.
//!
//! Libraries are capped whatever the level: kube logs whole bodies, annotations with last-applied
//! manifests in them included, when it cannot read one (S26).

use std::io::{self, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, Settings};

/// Installs the logs, and a panic hook that tells the place and not the message, which may quote.
pub fn install(settings: &Settings) {
    let ours = LevelFilter::from_level(settings.log_level);
    let targets = [
        "seal_api",
        "seal_cluster",
        "seal_controller",
        "seal_core",
        "seal_engine",
        "seal_template",
    ];
    let filter = targets
        .iter()
        .fold(Targets::new().with_default(LevelFilter::OFF), |all, one| {
            all.with_target(*one, ours)
        });
    let output = Output {
        split: settings.log_info_stdout,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(output)
        .with_ansi(false)
        .with_target(false);
    // Only a second installation in one process fails, and then there are logs already.
    let _installed = match settings.log_format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: a defect in Seal, please report it");
    }));
}

struct Output {
    split: bool,
}

enum Stream {
    Out(io::Stdout),
    Error(io::Stderr),
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Out(stream) => stream.write(bytes),
            Self::Error(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Out(stream) => stream.flush(),
            Self::Error(stream) => stream.flush(),
        }
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Stream;

    fn make_writer(&'a self) -> Stream {
        Stream::Error(io::stderr())
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Stream {
        if self.split && *metadata.level() > Level::WARN {
            Stream::Out(io::stdout())
        } else {
            self.make_writer()
        }
    }
}
