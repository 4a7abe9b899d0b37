//! The W3C trace context of a request, checked before it is carried on.

/// Length of version 00: `00-<32 hex>-<16 hex>-<2 hex>`.
const LENGTH: usize = 55;

/// The value if it is a well-formed trace context of version 00; anything else is dropped, as the
/// specification asks.
pub(crate) fn checked(value: &str) -> Option<&str> {
    let bytes = value.as_bytes();
    let lower_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let well_formed = bytes.len() == LENGTH
        && bytes.starts_with(b"00-")
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            2 | 35 | 52 => *byte == b'-',
            _ => lower_hex(byte),
        });
    let zero = |range: std::ops::Range<usize>| bytes[range].iter().all(|byte| *byte == b'0');
    (well_formed && !zero(3..35) && !zero(36..52)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_only_what_is_well_formed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(checked(good), Some(good));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        ] {
            assert_eq!(checked(bad), None, "{bad:?}");
        }
    }
}
