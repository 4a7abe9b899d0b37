//! The one TLS provider. rustls is built with ring only, and its clients ask for a process-wide default;
//! naming it here keeps the choice in one place.

/// Makes ring the process's TLS provider. Safe to call again: the first installation stays.
pub fn install_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Err means another thread installed it between the two lines, which is as good.
        let _already = rustls::crypto::ring::default_provider().install_default();
    }
}
