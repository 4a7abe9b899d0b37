//! The two ports that are fixed, because people and the documents know them.

use premise_local_stack::is_free;

/// Port of probes and metrics beside the API's port.
pub(super) fn admin(port: u16) -> u16 {
    port + 1
}

/// Refuses to begin when one of them is taken, before anything is built or installed.
pub(super) fn check(port: u16) -> anyhow::Result<()> {
    for (port, purpose) in [(port, "the API"), (admin(port), "probes and metrics")] {
        anyhow::ensure!(
            is_free(port),
            "port {port} on 127.0.0.1, needed for {purpose}, is in use; stop what listens there or choose \
             another one with `cargo xtask up --port <port>`"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_together_with_the_way_out() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = check(port).unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} ")) && error.contains("--port"), "{error}");
    }
}
