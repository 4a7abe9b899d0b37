//! The client against a scripted server on loopback.

use std::sync::Arc;

use prometheus::Registry;
use tokio::net::TcpListener;

use super::scripted::{Script, Server, answer, ok};
use super::*;
use crate::error::Retry;

const TOKEN: &str = r#"{"access_token":"t0ken-1","token_type":"bearer"}"#;

fn client(server: &Server, auth: AuthFlow) -> Client {
    let config = PpbConfig {
        url: server.url.clone(),
        auth,
        email: "puller@example.invalid".into(),
        password: Secret::new("s3cret"),
        limit: 700,
        connect_timeout_ms: 2_000,
        first_byte_timeout_ms: 300,
        silence_timeout_ms: 300,
        ..PpbConfig::default()
    };
    Client::new(&config, Metrics::register(&Registry::new()).unwrap()).unwrap()
}

async fn body(mut answer: Answer) -> Result<Vec<u8>, RequestError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[tokio::test]
async fn the_body_flow_posts_the_credentials_and_asks_generously() {
    let server = Server::start(vec![ok("[]")]).await;
    let since = "2026-01-02T03:04:05.999Z".parse().unwrap();
    let answer = client(&server, AuthFlow::Body).ask(Some(since)).await.unwrap();
    assert_eq!(answer.head().content_type.as_deref(), Some("application/json"));
    assert_eq!(body(answer).await.unwrap(), b"[]");
    let request = &server.requests()[0];
    let line = "POST /catalogue-0.0.1/view/premisecatalogue?limit=700&updatedSince=2026-01-02T03%3A04%3A05Z HTTP/1.1";
    assert!(request.starts_with(line), "{request}");
    assert!(
        request.ends_with(r#"{"useremail":"puller@example.invalid","userpassword":"s3cret"}"#),
        "{request}"
    );
}

#[tokio::test]
async fn the_login_flow_keeps_its_token_and_renews_it_once() {
    let renewed = TOKEN.replace("t0ken-1", "t0ken-2");
    let refused = || answer("401 Unauthorized", "", b"");
    let server =
        Server::start(vec![ok(TOKEN), ok("[1]"), ok("[2]"), refused(), ok(&renewed), ok("[3]")]).await;
    let client = client(&server, AuthFlow::Login);
    for expected in ["[1]", "[2]", "[3]"] {
        let answer = client.ask(None).await.unwrap();
        assert_eq!(body(answer).await.unwrap(), expected.as_bytes());
    }
    let requests = server.requests();
    let lines: Vec<&str> = requests.iter().map(|request| request.split(" HTTP").next().unwrap()).collect();
    let (login, view) =
        ("POST /catalogue-0.0.1/login", "GET /catalogue-0.0.1/view/premisecatalogue?limit=700");
    assert_eq!(lines, [login, view, view, view, login, view]);
    assert!(requests[1].contains("authorization: Bearer t0ken-1"));
    assert!(requests[5].contains("authorization: Bearer t0ken-2"));
}

#[tokio::test]
async fn a_second_401_and_a_refused_login_are_final() {
    let refused = || answer("401 Unauthorized", "", b"");
    let server = Server::start(vec![ok(TOKEN), refused(), ok(TOKEN), refused()]).await;
    let error = client(&server, AuthFlow::Login).ask(None).await.unwrap_err();
    assert!(matches!(error, RequestError::Unauthorized(401)) && error.retry() == Retry::Never, "{error:?}");

    let server = Server::start(vec![refused(), ok(TOKEN)]).await;
    let error = client(&server, AuthFlow::Login).ask(None).await.unwrap_err();
    assert!(matches!(error, RequestError::LoginRefused), "{error:?}");
    assert_eq!(server.requests().len(), 1, "the same credentials are not tried twice");
}

#[tokio::test]
async fn a_login_without_a_token_is_told_without_its_body() {
    for login in [r#"{"token":"abcdef"}"#, r#"{"access_token":""}"#, "<html>", r#"{"access_token":"a\nb"}"#] {
        let server = Server::start(vec![ok(login)]).await;
        let error = client(&server, AuthFlow::Login).ask(None).await.unwrap_err();
        assert!(matches!(error, RequestError::NoToken), "{login}: {error:?}");
    }
}

#[tokio::test]
async fn a_status_says_whether_and_when_to_ask_again() {
    let cases = [
        ("429 Too Many Requests", "Retry-After: 7\r\n", Retry::After(Duration::from_secs(7))),
        (
            "503 Service Unavailable",
            "Retry-After: Mon, 01 Jan 2001 00:00:00 GMT\r\n",
            Retry::After(Duration::ZERO),
        ),
        ("503 Service Unavailable", "Retry-After: soon\r\n", Retry::Soon),
        ("502 Bad Gateway", "", Retry::Soon),
        ("408 Request Timeout", "", Retry::Soon),
        ("501 Not Implemented", "", Retry::Never),
        ("400 Bad Request", "", Retry::Never),
        ("403 Forbidden", "", Retry::Never),
        ("204 No Content", "", Retry::Never),
        ("302 Found", "Location: http://127.0.0.1:1/\r\n", Retry::Never),
    ];
    for (status, headers, retry) in cases {
        let server = Server::start(vec![answer(status, headers, b"")]).await;
        let error = client(&server, AuthFlow::Body).ask(None).await.unwrap_err();
        assert_eq!(error.retry(), retry, "{status}: {error:?}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn waits_for_the_head_and_for_each_piece_but_not_for_the_whole() {
    let server = Server::start(vec![Script::Hang(Vec::new())]).await;
    let error = client(&server, AuthFlow::Body).ask(None).await.unwrap_err();
    assert!(matches!(error, RequestError::NoFirstByte(_)) && error.retry() == Retry::Soon, "{error:?}");

    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
    let server = Server::start(vec![Script::Hang(head)]).await;
    let error = body(client(&server, AuthFlow::Body).ask(None).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, RequestError::NoFirstByte(_)), "a head alone is no sign of life: {error:?}");

    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,".to_vec();
    let server = Server::start(vec![Script::Hang(head)]).await;
    let error = body(client(&server, AuthFlow::Body).ask(None).await.unwrap()).await.unwrap_err();
    assert!(matches!(error, RequestError::Silent { bytes: 3, .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Soon);
}

#[tokio::test]
async fn a_body_shorter_than_it_said_broke_off() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,2]".to_vec();
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n".to_vec();
    for bytes in [short, chunked] {
        let server = Server::start(vec![Script::Send(bytes)]).await;
        let error = body(client(&server, AuthFlow::Body).ask(None).await.unwrap()).await.unwrap_err();
        assert!(matches!(error, RequestError::Cut { bytes: 5, .. }), "{error:?}");
        assert_eq!(error.retry(), Retry::Soon);
    }
}

#[tokio::test]
async fn nobody_there_is_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = Server { url, requests: Arc::default() };
    let error = client(&server, AuthFlow::Body).ask(None).await.unwrap_err();
    assert!(matches!(error, RequestError::Unreachable(_)) && error.retry() == Retry::Soon, "{error:?}");
    let message = crate::error::RunError::from(error).message();
    assert!(!message.contains("s3cret") && !message.contains("http://"), "{message}");
}

#[tokio::test]
async fn compression_is_undone_and_its_damage_seen() {
    // gzip of `[{"premiseid":1}]`, made with Python's gzip module.
    const GZIP: &str = "1f8b08000000000002038bae562a284acdcd2c4ecd4c51b232ac8d0500d34f13f711000000";
    let packed = hex::decode(GZIP).unwrap();
    let headers = "Content-Encoding: gzip\r\n";
    let server = Server::start(vec![answer("200 OK", headers, &packed)]).await;
    let whole = client(&server, AuthFlow::Body).ask(None).await.unwrap();
    assert_eq!(body(whole).await.unwrap(), br#"[{"premiseid":1}]"#);
    assert!(server.requests()[0].to_lowercase().contains("accept-encoding: gzip"));

    let cut = &packed[..packed.len() - 12];
    let server = Server::start(vec![answer("200 OK", headers, cut)]).await;
    let damaged = client(&server, AuthFlow::Body).ask(None).await.unwrap();
    assert!(matches!(body(damaged).await.unwrap_err(), RequestError::Cut { .. }));
}

#[tokio::test]
async fn the_date_bounds_what_the_answer_reflects_unless_it_runs_ahead() {
    let date = |at: DateTime<Utc>| format!("Date: {}\r\n", at.format("%a, %d %b %Y %H:%M:%S GMT"));
    let now = Utc::now();
    for (ahead, believable) in [(-3_600, true), (200, true), (3_600, false)] {
        let headers = date(now + chrono::TimeDelta::seconds(ahead));
        let server = Server::start(vec![answer("200 OK", &headers, b"[]")]).await;
        let answer = client(&server, AuthFlow::Body).ask(None).await.unwrap();
        let head = answer.head();
        assert_eq!(head.date.is_some(), believable, "{headers}");
        let offset = (head.reflects_at() - now).num_seconds();
        let expected = if believable { ahead } else { -120 };
        assert!((expected - 4..=expected + 2).contains(&offset), "{offset} for {headers}");
    }
}
