//! The 47 counties of Kenya (First Schedule of the Constitution), and how PPB's spellings of them
//! are recognised: letters only, without case, without a trailing "county" or "city". Never a
//! guess: what is not one of them stays as it came.

/// Official names, in the order of their county codes (001 Mombasa … 047 Nairobi).
pub const COUNTIES: [&str; 47] = [
    "Mombasa",
    "Kwale",
    "Kilifi",
    "Tana River",
    "Lamu",
    "Taita-Taveta",
    "Garissa",
    "Wajir",
    "Mandera",
    "Marsabit",
    "Isiolo",
    "Meru",
    "Tharaka-Nithi",
    "Embu",
    "Kitui",
    "Machakos",
    "Makueni",
    "Nyandarua",
    "Nyeri",
    "Kirinyaga",
    "Murang'a",
    "Kiambu",
    "Turkana",
    "West Pokot",
    "Samburu",
    "Trans Nzoia",
    "Uasin Gishu",
    "Elgeyo-Marakwet",
    "Nandi",
    "Baringo",
    "Laikipia",
    "Nakuru",
    "Narok",
    "Kajiado",
    "Kericho",
    "Bomet",
    "Kakamega",
    "Vihiga",
    "Bungoma",
    "Busia",
    "Siaya",
    "Kisumu",
    "Homa Bay",
    "Migori",
    "Kisii",
    "Nyamira",
    "Nairobi",
];

/// Other names in use, by their letters.
const ALIASES: [(&str, &str); 4] = [
    ("keiyomarakwet", "Elgeyo-Marakwet"),
    ("tharaka", "Tharaka-Nithi"),
    ("elgeyo", "Elgeyo-Marakwet"),
    ("taita", "Taita-Taveta"),
];

/// The official name of a county, or `None` when the text is not one of the 47.
pub fn official_name(text: &str) -> Option<&'static str> {
    if let Some(exact) = COUNTIES.iter().find(|name| **name == text) {
        return Some(exact);
    }
    let mut letters: String =
        text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    for suffix in ["county", "city"] {
        if let Some(rest) = letters.strip_suffix(suffix) {
            letters.truncate(rest.len());
        }
    }
    COUNTIES
        .iter()
        .find(|name| same_letters(name, &letters))
        .or_else(|| ALIASES.iter().find(|(alias, _)| *alias == letters).map(|(_, name)| name))
        .copied()
}

fn same_letters(name: &str, letters: &str) -> bool {
    name.bytes().filter(u8::is_ascii_alphabetic).map(|b| b.to_ascii_lowercase()).eq(letters.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_the_spellings_that_are_seen() {
        for (text, name) in [
            ("Nairobi", "Nairobi"),
            ("NAIROBI CITY", "Nairobi"),
            ("Nairobi City County", "Nairobi"),
            ("MURANGA", "Murang'a"),
            ("Murang’a", "Murang'a"),
            ("Tharaka Nithi", "Tharaka-Nithi"),
            ("uasin  gishu", "Uasin Gishu"),
            ("Elgeyo/Marakwet", "Elgeyo-Marakwet"),
        ] {
            assert_eq!(official_name(text), Some(name), "{text}");
        }
    }

    #[test]
    fn never_guesses() {
        for text in ["", "Nairob", "Nairobi West", "Kenya", "county", "ナイロビ"] {
            assert_eq!(official_name(text), None, "{text}");
        }
    }

    #[test]
    fn knows_each_county_by_its_own_name_once() {
        for name in COUNTIES {
            assert_eq!(official_name(name), Some(name));
            assert_eq!(official_name(&name.to_uppercase()), Some(name));
        }
        assert_eq!(COUNTIES.iter().collect::<std::collections::HashSet<_>>().len(), 47);
    }
}
