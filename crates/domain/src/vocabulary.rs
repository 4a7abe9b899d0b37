//! Controlled lists for business type, ownership and cadre. Unknown words are kept as they came
//! (in upper case) and flagged; the lists only say which words are expected.

/// What a premise does.
pub const BUSINESS_TYPES: &[&str] = &["RETAIL", "WHOLESALE", "MANUFACTURING", "DISTRIBUTION", "HOSPITAL"];

/// Who owns it.
pub const OWNERSHIPS: &[&str] = &[
    "SOLE PROPRIETOR",
    "PARTNERSHIP",
    "LIMITED COMPANY",
    "CORPORATE",
    "COMPANY",
    "FAITH BASED",
    "GOVERNMENT",
    "NGO",
    "COOPERATIVE",
];

/// Profession of the superintendent.
pub const CADRES: &[&str] = &["PHARMACIST", "PHARMTECH"];

/// Other spellings of a listed word.
const ALIASES: &[(&str, &str)] = &[
    ("SOLE PROPRIETORSHIP", "SOLE PROPRIETOR"),
    ("LTD COMPANY", "LIMITED COMPANY"),
    ("PRIVATE LIMITED COMPANY", "LIMITED COMPANY"),
    ("PHARMACEUTICAL TECHNOLOGIST", "PHARMTECH"),
    ("PHARM TECH", "PHARMTECH"),
    ("MANUFACTURER", "MANUFACTURING"),
    ("DISTRIBUTOR", "DISTRIBUTION"),
    ("WHOLESALER", "WHOLESALE"),
    ("RETAILER", "RETAIL"),
];

/// The listed word for `text` (upper case), or `Err` with the text in upper case.
pub fn listed(text: &str, list: &[&'static str]) -> Result<&'static str, String> {
    let upper = text.to_uppercase();
    let word = ALIASES.iter().find(|(alias, _)| *alias == upper).map_or(upper.as_str(), |(_, word)| word);
    list.iter().find(|known| **known == word).copied().ok_or(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_words_and_aliases_and_keeps_the_rest() {
        assert_eq!(listed("Retail", BUSINESS_TYPES), Ok("RETAIL"));
        assert_eq!(listed("sole proprietorship", OWNERSHIPS), Ok("SOLE PROPRIETOR"));
        assert_eq!(listed("Pharmtech", CADRES), Ok("PHARMTECH"));
        assert_eq!(listed("Herbalist", CADRES), Err("HERBALIST".into()));
    }

    #[test]
    fn every_alias_leads_to_a_listed_word() {
        for (alias, word) in ALIASES {
            let known = [BUSINESS_TYPES, OWNERSHIPS, CADRES].iter().any(|list| list.contains(word));
            assert!(known, "{alias} leads to {word}");
        }
    }
}
