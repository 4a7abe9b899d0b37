//! Who is refused, and how: addresses, signatures, types and sizes.

mod support;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use premise_broker::WorkQueue;
use premise_domain::signature::SIGNATURE_HEADER;
use premise_runtime::Settings;
use reqwest::header::HeaderValue;
use support::queue::take;
use support::{Answer, Ingest, SECRET, event, sign};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    Valid,
    Invalid,
    Missing,
}

async fn matrix(ingest: &Ingest, forwarded: &[&str], allowed: bool) {
    for (n, signature) in [Signature::Valid, Signature::Invalid, Signature::Missing].into_iter().enumerate() {
        let body = event(1 + u32::try_from(n).expect("small"), TimeDelta::zero());
        let mut request = match signature {
            Signature::Valid => ingest.signed(&body),
            Signature::Invalid => ingest.post(&*body).header(SIGNATURE_HEADER, sign("other", &body)),
            Signature::Missing => ingest.post(&*body),
        };
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        let case = format!("{forwarded:?} {signature:?}: {answer:?}");
        match (allowed, signature) {
            (false, _) => assert_eq!(answer.problem(), (403, "address_forbidden"), "{case}"),
            (true, Signature::Valid) => assert!(answer.status == 202 || answer.status == 200, "{case}"),
            (true, Signature::Invalid) => assert_eq!(answer.problem(), (401, "signature_invalid"), "{case}"),
            (true, Signature::Missing) => assert_eq!(answer.problem(), (401, "signature_missing"), "{case}"),
        }
    }
}

#[actix_web::test]
async fn address_and_signature_are_both_needed() {
    let direct = Ingest::new().await;
    matrix(&direct, &[], true).await;
    matrix(&direct, &["203.0.113.5"], true).await;
    direct.stop().await;

    let elsewhere = Ingest::with("allow = ['196.201.0.0/16', '2001:db8::/32']").await;
    matrix(&elsewhere, &[], false).await;
    matrix(&elsewhere, &["196.201.1.1"], false).await;
    elsewhere.stop().await;

    let behind = "allow = ['196.201.0.0/16', '2001:db8::/32']\ntrusted_proxies = ['127.0.0.1', '192.0.2.1']";
    let behind = Ingest::with(behind).await;
    for allowed in [
        &["196.201.1.1"][..],
        &["::ffff:196.201.1.1"],
        &["[2001:db8::9]:443"],
        &["196.201.1.1, 192.0.2.1"],
        &["196.201.1.1", "192.0.2.1"],
        &["203.0.113.5, 196.201.1.1"],
    ] {
        matrix(&behind, allowed, true).await;
    }
    for forbidden in [
        &[][..],
        &["203.0.113.5"],
        &["196.201.1.1, 203.0.113.5"],
        &["196.201.1.1", "203.0.113.5"],
        &["196.201.1.1, 203.0.113.5, 192.0.2.1"],
        &["196.201.1.1, unknown"],
        &["nonsense"],
    ] {
        matrix(&behind, forbidden, false).await;
    }
    behind.stop().await;
}

#[actix_web::test]
async fn every_malformed_signature_is_refused() {
    let ingest = Ingest::new().await;
    let body = event(1, TimeDelta::zero());
    let valid = sign(SECRET, &body);
    let behind_too_many = format!("{}{valid}", format!("{}, ", "00".repeat(32)).repeat(20));
    let malformed: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b" ".to_vec(),
        b",".to_vec(),
        b"sha256=".to_vec(),
        b"none".to_vec(),
        valid[..63].into(),
        format!("{valid}0").into(),
        format!("sha512={valid}").into(),
        format!("sha256 ={valid}").into(),
        format!("SHA256={valid}").into(),
        format!("\"{valid}\"").into(),
        format!("{valid};").into(),
        "é".repeat(32).into(),
        b"\xff\xfe".to_vec(),
        [valid.as_bytes(), b"\xff"].concat(),
        behind_too_many.into(),
    ];
    for value in malformed {
        let header = HeaderValue::from_bytes(&value).unwrap();
        let answer =
            Answer::of(ingest.post(&*body).header(SIGNATURE_HEADER, header).send().await.unwrap()).await;
        assert_eq!(answer.problem(), (401, "signature_invalid"), "{:?}", String::from_utf8_lossy(&value));
    }
    // Twice, even when both are right: a proxy in between may have checked only one.
    let twice = ingest.signed(&body).header(SIGNATURE_HEADER, &valid);
    assert_eq!(Answer::of(twice.send().await.unwrap()).await.problem(), (401, "signature_invalid"));
    let other_header = ingest.post(&*body).header("x-hub-signature-256", &valid);
    assert_eq!(Answer::of(other_header.send().await.unwrap()).await.problem(), (401, "signature_missing"));
    assert_eq!(ingest.send(&body).await.status, 202);
    ingest.stop().await;
}

#[actix_web::test]
async fn only_plain_json_is_taken() {
    let ingest = Ingest::new().await;
    let body = event(1, TimeDelta::zero());
    let typed = |content_type: Option<&'static str>, encoding: Option<&'static str>| {
        let mut request = ingest.client.post(ingest.url()).body(body.clone());
        request = request.header(SIGNATURE_HEADER, sign(SECRET, &body));
        if let Some(value) = content_type {
            request = request.header("content-type", value);
        }
        match encoding {
            Some(value) => request.header("content-encoding", value),
            None => request,
        }
    };
    for refused in
        [None, Some("text/plain"), Some("application/jsonp"), Some("application/x-www-form-urlencoded")]
    {
        let answer = Answer::of(typed(refused, None).send().await.unwrap()).await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type"), "{refused:?}");
    }
    for encoding in ["gzip", "br", "zstd", "identity, gzip"] {
        let answer = Answer::of(typed(Some("application/json"), Some(encoding)).send().await.unwrap()).await;
        assert_eq!(answer.problem(), (415, "unsupported_encoding"), "{encoding}");
    }
    let accepted = typed(Some("Application/JSON; charset=utf-8"), Some("identity"));
    assert_eq!(accepted.send().await.unwrap().status(), 202);
    let get = ingest.client.get(ingest.url()).send().await.unwrap();
    assert_eq!(get.status(), 405);
    ingest.stop().await;
}

#[actix_web::test]
async fn the_cap_counts_announced_and_streamed_bytes() {
    let ingest = Ingest::with("body_limit_bytes = 1000").await;
    let padded = |length: usize| {
        let body = event(1, TimeDelta::zero());
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    assert_eq!(ingest.send(&padded(1_000)).await.status, 202);
    assert_eq!(ingest.send(&padded(1_001)).await.problem(), (413, "payload_too_large"));

    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let body = padded(1_000);
    let within = chunked(&ingest, &body, &(chunk(&body[..300]) + &chunk(&body[300..]) + "0\r\n\r\n")).await;
    assert!(within.starts_with("HTTP/1.1 202"), "{within}");
    // The tenth chunk passes the cap; no end is ever sent.
    let over = chunked(&ingest, &body, &chunk(&"x".repeat(110)).repeat(10)).await;
    assert!(over.starts_with("HTTP/1.1 413"), "{over}");
    assert!(over.contains("payload_too_large"), "{over}");
    ingest.stop().await;
}

/// Sends chunks with the signature of `signed`, and returns the answer.
async fn chunked(ingest: &Ingest, signed: &str, chunks: &str) -> String {
    let mut stream = TcpStream::connect(ingest.address()).await.expect("connects");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n\
         transfer-encoding: chunked\r\n{SIGNATURE_HEADER}: {}\r\n\r\n",
        webhook_ingest::PATH,
        sign(SECRET, signed)
    );
    stream.write_all((head + chunks).as_bytes()).await.expect("sends");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(support::PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("the connection is closed").expect("reads");
    String::from_utf8(answer).expect("text")
}

#[actix_web::test]
async fn a_slow_body_is_given_up_and_an_aborted_one_leaves_nothing() {
    let ingest = Ingest::with("body_timeout_ms = 300").await;
    let body = event(1, TimeDelta::zero());
    let began = Instant::now();
    let slow = chunked(&ingest, &body, "10\r\n{\"action\"").await;
    assert!(slow.starts_with("HTTP/1.1 408"), "{slow}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());

    let mut stream = TcpStream::connect(ingest.address()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{SIGNATURE_HEADER}: {}\r\n\r\n",
        webhook_ingest::PATH,
        body.len(),
        sign(SECRET, &body)
    );
    stream.write_all((head + &body[..50]).as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(ingest.send(&event(2, TimeDelta::zero())).await.status, 202);
    let stored = take(&ingest.broker(), WorkQueue::Webhooks, 1).await;
    assert_eq!(stored.len(), 1);
    ingest.stop().await;
}

#[actix_web::test]
async fn an_unsafe_configuration_does_not_start() {
    for (toml, expected) in [
        ("", "webhook.secret"),
        ("[webhook]\nsecret = ''", "webhook.secret"),
        ("[webhook]\nsecret = 'x'\nallow = ['10.0.0.0/33']", "10.0.0.0/33"),
        ("[webhook]\nsecret = 'x'\ntrusted_proxies = ['all']", "webhook.trusted_proxies"),
        ("profile = 'production'\n[webhook]\nsecret = 'x'", "webhook.allow"),
        ("[webhook]\nsecret = 'x'\nscheme = 'none'", "webhook.scheme"),
        ("[webhook]\nsecret = 'x'\nscheme = 'standard'", "whsec_"),
        ("[webhook]\nsecret = 'x'\nscheme = 'both'", "webhook.scheme"),
        ("[webhook]\nsecret = 'x'\nsender_burst = 0", "webhook.sender_burst"),
        ("[webhook]\nsecret = 'x'\nverifier = 'none'", "webhook.verifier"),
    ] {
        let registry = premise_runtime::registry("test").unwrap();
        let refused = async {
            let mut settings = Settings::from_toml(toml)?;
            webhook_ingest::build(&mut settings, &registry).await
        };
        let Err(error) = refused.await else { panic!("{toml} must not start") };
        assert!(format!("{error:#}").contains(expected), "{toml}: {error:#}");
    }
}
