//! Global Location Numbers: thirteen digits, the last of which checks the others (GS1 General
//! Specifications, section 7.9). PPB does not give them; operators set them here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A GLN whose check digit is right.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gln(String);

/// The text is no GLN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGln {
    /// Not thirteen digits.
    #[error("a GLN has 13 digits")]
    Form,
    /// The last digit does not check the others.
    #[error("the last digit of this GLN should be {expected}; check for a typing error")]
    CheckDigit {
        /// What it should be.
        expected: u8,
    },
}

impl FromStr for Gln {
    type Err = InvalidGln;

    fn from_str(text: &str) -> Result<Self, InvalidGln> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
        if digits.len() != 13 || text.len() != 13 {
            return Err(InvalidGln::Form);
        }
        // Counted from the right, the digits before the check digit weigh 3, 1, 3, …
        let sum: u8 =
            digits[..12].iter().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
        let expected = (10 - sum % 10) % 10;
        if digits[12] == expected {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidGln::CheckDigit { expected })
        }
    }
}

impl TryFrom<String> for Gln {
    type Error = InvalidGln;

    fn try_from(text: String) -> Result<Self, InvalidGln> {
        text.parse()
    }
}

impl From<Gln> for String {
    fn from(gln: Gln) -> Self {
        gln.0
    }
}

impl fmt::Display for Gln {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_the_check_digit() {
        // The example of the GS1 General Specifications, and one whose check digit is 0.
        for text in ["6291041500213", "4000000000020"] {
            assert_eq!(text.parse::<Gln>().unwrap().to_string(), text);
        }
        assert_eq!("6291041500214".parse::<Gln>(), Err(InvalidGln::CheckDigit { expected: 3 }));
    }

    #[test]
    fn finds_every_single_wrong_digit() {
        let right = b"6291041500213";
        for at in 0..13 {
            for digit in b'0'..=b'9' {
                let mut text = *right;
                text[at] = digit;
                let valid = std::str::from_utf8(&text).unwrap().parse::<Gln>().is_ok();
                assert_eq!(valid, digit == right[at], "digit {digit} at {at}");
            }
        }
    }

    #[test]
    fn refuses_other_forms() {
        for text in
            ["", "629104150021", "62910415002133", "629104150021x", " 6291041500213", "６291041500213"]
        {
            assert_eq!(text.parse::<Gln>(), Err(InvalidGln::Form), "{text:?}");
        }
    }
}
