//! The registry of a process and its text form.
//!
//! There is no global registry: services register into the one they are given, so two processes in one test
//! binary do not share counters. Names carry the prefix `premise_` where they are defined.

use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, IntGauge, Opts, Registry, TextEncoder};

/// Content type of [`render`]'s text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A registry with the process's own figures (CPU seconds, resident bytes, file descriptors, start time) and
/// `premise_build_info{process,version}` in it.
pub fn registry(process: &str) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let info = Opts::new("premise_build_info", "Always 1; the labels say what runs.")
        .const_label("process", process)
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let info = IntGauge::with_opts(info)?;
    info.set(1);
    registry.register(Box::new(info))?;
    Ok(registry)
}

/// All metrics in Prometheus text format.
pub(crate) fn render(registry: &Registry) -> prometheus::Result<Vec<u8>> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_and_its_build_are_reported() {
        let text = String::from_utf8(render(&registry("unit").unwrap()).unwrap()).unwrap();
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
        assert!(text.contains("premise_build_info{process=\"unit\",version="), "{text}");
    }
}
