//! Modes, roles and what is refused.

use actix_web::test::TestRequest;

use super::*;
use crate::config::TokenSettings;

fn authority(mode: Mode) -> Authority {
    let token =
        |name: &str, role, token: &str| TokenSettings { name: name.to_owned(), role, token: token.into() };
    let tokens = vec![
        token("eyes", Role::Viewer, "a viewer's long token"),
        token("ops", Role::Operator, "an operator's long token"),
    ];
    Authority::new(&AuthSettings { mode, tokens }).unwrap()
}

fn code(authority: &Authority, request: TestRequest, needed: Role) -> Result<String, &'static str> {
    authority.authorise(&request.to_http_request(), needed).map(|caller| caller.label()).map_err(|p| p.code)
}

fn with(token: &str) -> TestRequest {
    TestRequest::get()
        .insert_header(("host", "localhost:4000"))
        .insert_header(("authorization", token.to_owned()))
}

#[test]
fn a_token_gives_its_role_and_no_more() {
    for mode in [Mode::None, Mode::Token] {
        let authority = authority(mode);
        assert_eq!(
            code(&authority, with("Bearer a viewer's long token"), Role::Viewer),
            Ok("viewer:eyes".into())
        );
        assert_eq!(
            code(&authority, with("bearer an operator's long token"), Role::Viewer),
            Ok("operator:ops".into())
        );
        assert_eq!(code(&authority, with("Bearer a viewer's long token"), Role::Operator), Err("forbidden"));
        assert_eq!(code(&authority, with("Bearer an operator's long token"), Role::Admin), Err("forbidden"));
        for wrong in ["Bearer a viewer's long toke", "Bearer ", "Bearer", "Basic a viewer's long token", ""] {
            assert_eq!(code(&authority, with(wrong), Role::Viewer), Err("unauthorized"), "{wrong:?}");
        }
    }
}

#[test]
fn without_a_token_only_mode_none_admits_and_only_this_machine() {
    let from = |host: &'static str| TestRequest::get().insert_header(("host", host));
    assert_eq!(code(&authority(Mode::Token), from("localhost"), Role::Viewer), Err("unauthorized"));
    let none = authority(Mode::None);
    for host in ["localhost:4000", "LOCALHOST", "127.0.0.1:4000", "[::1]:4000", "[::1]"] {
        assert_eq!(code(&none, from(host), Role::Admin), Ok("admin:local".into()), "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:4000", "10.0.0.1", "127.0.0.1.evil.example"] {
        assert_eq!(code(&none, from(host), Role::Viewer), Err("foreign_origin"), "{host}");
    }
    let page = from("localhost:4000").insert_header(("sec-fetch-site", "cross-site"));
    assert_eq!(code(&none, page, Role::Viewer), Err("foreign_origin"));
}

#[test]
fn mode_none_is_refused_on_an_open_address() {
    let loopback: Vec<SocketAddr> = vec!["127.0.0.1:1".parse().unwrap(), "[::1]:1".parse().unwrap()];
    let open: Vec<SocketAddr> = vec!["127.0.0.1:1".parse().unwrap(), "0.0.0.0:4001".parse().unwrap()];
    assert!(authority(Mode::None).admit(&loopback).is_ok() && authority(Mode::Token).admit(&open).is_ok());
    let refused = authority(Mode::None).admit(&open).unwrap_err();
    assert!(refused.to_string().contains("0.0.0.0:4001") && refused.is::<ConfigError>(), "{refused}");
}

#[test]
fn useless_tokens_are_refused() {
    assert!(Authority::new(&AuthSettings { mode: Mode::Token, tokens: vec![] }).is_err());
    let tokens = vec![TokenSettings { name: "ops".into(), role: Role::Operator, token: "short".into() }];
    let refused = Authority::new(&AuthSettings { mode: Mode::Token, tokens }).err().unwrap().to_string();
    assert!(refused.contains("ops") && !refused.contains("short"), "{refused}");
}
