//! Layers, refusals and redaction.

use serde::Deserialize;

use super::*;
use crate::Secret;

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Webhook {
    path: String,
    max_bytes: u32,
    token: Option<Secret>,
    rate: Rate,
    keys: Vec<Key>,
    proxies: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rate {
    per_second: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: String,
    secret: Secret,
    expires_at: Option<String>,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            path: "/webhook".to_owned(),
            max_bytes: 65_536,
            token: None,
            rate: Rate { per_second: 5 },
            keys: Vec::new(),
            proxies: Vec::new(),
        }
    }
}

fn settings(toml: &str, env: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Settings::from_parts("test.toml", toml, env, Source::text(toml))
}

fn webhook(toml: &str, env: &[(&str, &str)]) -> Result<Webhook, ConfigError> {
    settings(toml, env)?.section("webhook")
}

fn refusal(toml: &str, env: &[(&str, &str)]) -> String {
    webhook(toml, env).expect_err("must be refused").to_string()
}

#[test]
fn later_layers_win_and_the_rest_stays_default() {
    let got =
        webhook("[webhook]\nmax_bytes = 10\nrate.per_second = 7", &[("PREMISE__WEBHOOK__MAX_BYTES", "20")])
            .unwrap();
    assert_eq!((got.max_bytes, got.rate.per_second, got.path.as_str()), (20, 7, "/webhook"));
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case; 7] = [
        ("[webhok]", &[], "unknown section `webhok` in test.toml; did you mean `webhook`?"),
        (
            "[webhook]\nmax_byte = 1",
            &[],
            "unknown key `webhook.max_byte` in test.toml; did you mean `webhook.max_bytes`?",
        ),
        ("[webhook.rate]\nper_sec = 1", &[], "did you mean `webhook.rate.per_second`?"),
        ("[[webhook.keys]]\nid = 'a'\nsecrt = 'b'", &[], "did you mean `webhook.keys.0.secret`?"),
        (
            "",
            &[("PREMISE__WEBHOOK__PTH", "/x")],
            "environment variable PREMISE__WEBHOOK__PTH; did you mean `webhook.path`?",
        ),
        ("", &[("PREMISE__WEBHOK__PATH", "/x")], "did you mean `webhook`?"),
        ("", &[("PREMISE_WEBHOOK__PATH", "/x")], "did you mean `PREMISE__WEBHOOK__PATH`?"),
    ];
    for (toml, env, expected) in cases {
        let text = refusal(toml, env);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn an_environment_value_takes_the_type_of_its_default() {
    let env = [
        ("PREMISE__WEBHOOK__PATH", "404"),
        ("PREMISE__WEBHOOK__TOKEN", "0123"),
        ("PREMISE__WEBHOOK__PROXIES", "[\"10.0.0.0/8\"]"),
        ("PREMISE__WEBHOOK__RATE__PER_SECOND", "9"),
        ("PREMISE__WEBHOOK__KEYS", "[{id = \"a\", secret = \"b\", expires_at = 2026-01-01T00:00:00Z}]"),
    ];
    let got = webhook("", &env).unwrap();
    assert_eq!((got.path.as_str(), got.token.unwrap().expose()), ("404", "0123"));
    assert_eq!((got.proxies, got.rate.per_second), (vec!["10.0.0.0/8".to_owned()], 9));
    assert_eq!(got.keys[0].expires_at.as_deref(), Some("2026-01-01T00:00:00Z"));
}

#[test]
fn a_secret_comes_from_a_file_and_only_from_one_place() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let path = file.path().to_str().unwrap();
    let got = webhook("", &[("PREMISE__WEBHOOK__TOKEN_FILE", path)]).unwrap();
    assert_eq!(got.token.unwrap().expose(), "s3cret");
    let both = refusal("", &[("PREMISE__WEBHOOK__TOKEN", "x"), ("PREMISE__WEBHOOK__TOKEN_FILE", path)]);
    assert!(both.contains("set the same key"), "{both}");
    let missing = refusal("", &[("PREMISE__WEBHOOK__TOKEN_FILE", "/nowhere")]);
    assert!(missing.contains("PREMISE__WEBHOOK__TOKEN_FILE: file /nowhere"), "{missing}");
}

#[test]
fn a_refusal_never_repeats_the_value() {
    let text = refusal("[webhook]\nmax_bytes = 'hunter2'", &[]);
    assert_eq!(text, "`webhook.max_bytes` in test.toml: expected u32, found text");
    let text = refusal("", &[("PREMISE__WEBHOOK__MAX_BYTES", "hunter2")]);
    assert!(text.contains("PREMISE__WEBHOOK__MAX_BYTES") && !text.contains("hunter2"), "{text}");
    let text = refusal("profile = 'staging'\ntoken = hunter2", &[]);
    assert!(text.starts_with("test.toml, line 2") && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_printed_result_is_whole_and_redacted() {
    let toml = "profile = 'production'\n[webhook]\ntoken = 'hunter2'\nkeys = [{id = 'a', secret = 'hunter3'}]\n[pull]\nx = 1";
    let mut settings = settings(toml, &[]).unwrap();
    settings.section::<Webhook>("webhook").unwrap();
    settings.section::<DatabaseSettings>("database").unwrap();
    let text = settings.redacted();
    for part in
        ["profile = \"production\"", "max_bytes = 65536", "[redacted]", "[database]", "# [pull] is given"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("hunter") && !text.contains("postgres://"), "{text}");
}

#[test]
fn the_profile_is_read_and_the_variable_wins() {
    assert_eq!(settings("", &[]).unwrap().profile(), Profile::Development);
    let got = settings("profile = 'staging'", &[("PREMISE__PROFILE", "production")]).unwrap();
    assert_eq!(got.profile(), Profile::Production);
    let text = settings("profile = 'prod'", &[]).expect_err("no such profile").to_string();
    assert!(text.contains("development, staging, production"), "{text}");
}
