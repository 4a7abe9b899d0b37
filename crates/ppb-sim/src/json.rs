//! The few pieces of JSON that rows are made of, appended to a byte buffer.

/// Appends a number, or null.
pub(crate) fn push_number(out: &mut Vec<u8>, number: Option<u64>) {
    let Some(mut number) = number else { return out.extend_from_slice(b"null") };
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[clean_from..at]);
        clean_from = at + 1;
        if byte < b' ' {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(&[b'\\', byte]);
        }
    }
    out.extend_from_slice(&text.as_bytes()[clean_from..]);
    out.push(b'"');
}

/// Appends a key, which needs no escaping, and its colon.
pub(crate) fn push_key(out: &mut Vec<u8>, key: &str) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for number in [0, 7, 10, 34_014, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, Some(number));
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn strings_are_escaped() {
        for text in ["Murang'a", "A \"B\" \\ C", "tab\tnewline\nnull\0", "café 🙂", ""] {
            let mut out = Vec::new();
            push_string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
