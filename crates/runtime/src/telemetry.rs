//! The log subscriber: one a process, human-readable on a terminal and JSON lines otherwise.
//!
//! Logs go to standard error, so that standard output stays for what was asked for (`--check-config`).
//! `RUST_LOG` chooses levels; without it the level is `info`, and the AMQP and HTTP libraries speak from `warn`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

/// What libraries would write of bodies and of statements' parameters, which hold personal data: lapin its
/// frames and every returned message, tokio-postgres its parameters. No `RUST_LOG` brings these out.
const CAPS: [&str; 3] = ["lapin=warn", "lapin::returned_messages=off", "tokio_postgres=info"];

const DEFAULT_FILTER: &str =
    "info,lapin=warn,actix_server=warn,actix_http=warn,hyper=warn,tokio_postgres=warn";

fn capped(mut filter: EnvFilter) -> anyhow::Result<EnvFilter> {
    for cap in CAPS {
        filter = filter.add_directive(cap.parse()?);
    }
    Ok(filter)
}

/// Installs the subscriber and reports panics through it. Fails when one is installed already.
pub(crate) fn install(settings: LogSettings) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => {
            EnvFilter::try_new(&directives).map_err(|e| anyhow::anyhow!("RUST_LOG: {e}"))?
        }
        _ => EnvFilter::new(DEFAULT_FILTER),
    };
    let filter = capped(filter)?;
    let terminal = std::io::stderr().is_terminal();
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match settings.format {
        LogFormat::Human => base.with_ansi(terminal).try_init(),
        LogFormat::Auto if terminal => base.with_ansi(true).try_init(),
        LogFormat::Json | LogFormat::Auto => {
            base.json().flatten_event(true).with_current_span(false).try_init()
        }
    };
    installed.map_err(|e| anyhow::anyhow!("log subscriber: {e}"))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, reason = panic.payload_as_str().unwrap_or("unknown"), "panic: {place}");
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_choice_of_levels_brings_bodies_or_parameters_out() {
        for chosen in ["trace", "lapin=trace,tokio_postgres=debug", "lapin::returned_messages=error"] {
            let shown = capped(EnvFilter::new(chosen)).unwrap().to_string();
            let directives: Vec<&str> = shown.split(',').collect();
            for cap in CAPS {
                assert!(directives.contains(&cap), "{chosen} leads to {shown}");
            }
            assert_eq!(
                directives.iter().filter(|directive| directive.starts_with("lapin=")).count(),
                1,
                "{shown}"
            );
        }
    }
}
