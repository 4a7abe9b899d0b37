//! The key of the register: PPB's `premiseid`, a positive integer.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// PPB's `premiseid`. Printed as `PREMISE-34014`, stored as the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct PremiseId(i64);

/// The value is no premise id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a premise id is a positive whole number such as 34014, or PREMISE-34014")]
pub struct InvalidPremiseId;

impl PremiseId {
    /// The number as PPB writes it.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for PremiseId {
    type Error = InvalidPremiseId;

    fn try_from(value: i64) -> Result<Self, Self::Error> {
        if value > 0 { Ok(Self(value)) } else { Err(InvalidPremiseId) }
    }
}

impl From<PremiseId> for i64 {
    fn from(id: PremiseId) -> Self {
        id.0
    }
}

impl FromStr for PremiseId {
    type Err = InvalidPremiseId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let digits = match text.get(..8) {
            Some(prefix) if prefix.eq_ignore_ascii_case("PREMISE-") => &text[8..],
            _ => text,
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidPremiseId);
        }
        digits.parse::<i64>().map_err(|_| InvalidPremiseId)?.try_into()
    }
}

impl fmt::Display for PremiseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PREMISE-{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_number_and_prefixed_form() {
        for text in ["34014", "PREMISE-34014", "premise-34014", " 34014 "] {
            assert_eq!(text.parse::<PremiseId>().unwrap().get(), 34014, "{text:?}");
        }
        assert_eq!(PremiseId::try_from(34014).unwrap().to_string(), "PREMISE-34014");
    }

    #[test]
    fn refuses_what_is_no_positive_integer() {
        for text in ["", "0", "-1", "+1", "1.0", "1e3", "PREMISE-", "PREMISE-x", "９", "99999999999999999999"]
        {
            assert!(text.parse::<PremiseId>().is_err(), "{text:?}");
        }
    }
}
