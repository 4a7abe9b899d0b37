//! Who may ask: one pair of credentials, and the bearer tokens given for it.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, Instant},
};

use serde::Deserialize;
use uuid::Uuid;

/// Tokens kept; more are not needed by any client and the oldest go first.
const MOST_TOKENS: usize = 1_000;

/// Email and password, as the login and the body flow send them. `Debug` hides both.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Credentials {
    /// The account.
    #[serde(rename = "useremail")]
    pub email: String,
    /// Its password.
    #[serde(rename = "userpassword")]
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

/// The tokens that are valid now.
#[derive(Debug)]
pub struct Tokens {
    lifetime: Duration,
    given: HashMap<String, Instant>,
}

impl Tokens {
    /// No tokens yet; each will be valid for `lifetime`.
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, given: HashMap::new() }
    }

    /// How long a token is valid.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A new token.
    pub fn give(&mut self, now: Instant) -> String {
        self.given.retain(|_, given_at| now.duration_since(*given_at) < self.lifetime);
        if self.given.len() >= MOST_TOKENS
            && let Some(oldest) = self.given.iter().min_by_key(|(_, at)| **at).map(|(token, _)| token.clone())
        {
            self.given.remove(&oldest);
        }
        let token = Uuid::new_v4().simple().to_string();
        self.given.insert(token.clone(), now);
        token
    }

    /// Whether a token was given and has not expired.
    pub fn valid(&self, token: &str, now: Instant) -> bool {
        self.given.get(token).is_some_and(|given_at| now.duration_since(*given_at) < self.lifetime)
    }

    /// Ends a token.
    pub fn revoke(&mut self, token: &str) {
        self.given.remove(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_mins(1);

    #[test]
    fn tokens_expire_and_can_be_revoked() {
        let mut tokens = Tokens::new(LIFETIME);
        let start = Instant::now();
        let (one, two) = (tokens.give(start), tokens.give(start));
        assert!(tokens.valid(&one, start + LIFETIME / 2));
        assert!(!tokens.valid(&one, start + LIFETIME));
        tokens.revoke(&two);
        assert!(!tokens.valid(&two, start));
        assert!(!tokens.valid("made-up", start));
    }

    #[test]
    fn tokens_are_bounded() {
        let mut tokens = Tokens::new(LIFETIME);
        let start = Instant::now();
        let first = tokens.give(start);
        for n in 1..=1_000 {
            tokens.give(start + Duration::from_millis(n));
        }
        assert_eq!(tokens.given.len(), MOST_TOKENS);
        assert!(!tokens.valid(&first, start));
    }

    #[test]
    fn credentials_hide_themselves() {
        let credentials = Credentials { email: "a@b.example".into(), password: "open".into() };
        assert_eq!(format!("{credentials:?}"), "Credentials([redacted])");
    }
}
