//! Whether a premise's licence is good today. Derived here and nowhere else.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Days before the last valid day from which a licence counts as expiring.
pub const EXPIRING_DAYS: i64 = 60;

/// State of a licence on a given day in Kenya.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenseStatus {
    /// Valid for longer than [`EXPIRING_DAYS`].
    Valid,
    /// Valid, but not for long.
    Expiring,
    /// Its last day has passed.
    Expired,
    /// The register knows no last day.
    Unknown,
}

impl LicenseStatus {
    /// Status on `today` (the Kenyan calendar day) of a licence valid through `validity`.
    pub fn on(today: NaiveDate, validity: Option<NaiveDate>) -> Self {
        match validity.map(|last_day| (last_day - today).num_days()) {
            None => Self::Unknown,
            Some(days) if days < 0 => Self::Expired,
            Some(days) if days <= EXPIRING_DAYS => Self::Expiring,
            Some(_) => Self::Valid,
        }
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_valid_through_its_last_day() {
        let last = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        let on = |y, m, d| LicenseStatus::on(NaiveDate::from_ymd_opt(y, m, d).unwrap(), Some(last));
        assert_eq!(on(2026, 10, 31), LicenseStatus::Valid);
        assert_eq!(on(2026, 11, 1), LicenseStatus::Expiring);
        assert_eq!(on(2026, 12, 31), LicenseStatus::Expiring);
        assert_eq!(on(2027, 1, 1), LicenseStatus::Expired);
        assert_eq!(LicenseStatus::on(last, None), LicenseStatus::Unknown);
    }
}
