//! Random names and passwords for private servers. They guard a development stack against other
//! users of the same machine.

use rand::RngExt as _;

/// 32 hexadecimal digits (128 bits) from the system's generator.
pub fn random_hex() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
