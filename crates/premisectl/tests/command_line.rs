//! The real binary: signatures against an independent tool, answers and refusals against a one-answer server.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

const BODY: &str = r#"{"action":"updated","data":{"premiseid":34014,"premisename":"UPDATED CHEMIST NAME"}}"#;
const SECRET: &str = "a shared secret";

fn premisectl(api: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_premisectl"));
    command.args(args).env_clear().env("PREMISE_API_URL", api).env("PREMISE_WEBHOOK_SECRET", SECRET);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn feed(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments ends before it reads.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// One whole request, however many pieces it arrives in.
fn request(stream: &mut TcpStream) -> String {
    let (mut text, mut piece) = (String::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text;
        }
    }
}

/// Answers each connection with the next of `answers`; returns the address and, when joined, the requests.
fn server(answers: Vec<(u16, &'static str)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serve = move || {
        let mut requests = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            requests.push(request(&mut stream));
            let head =
                format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).unwrap();
        }
        requests
    };
    (address, std::thread::spawn(serve))
}

#[test]
fn signatures_are_those_of_openssl() {
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-hmac", SECRET, "-r"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let theirs = stdout(&feed(openssl, BODY));
    let hex = theirs.split_whitespace().next().unwrap();
    let ours = feed(premisectl("http://127.0.0.1:1", &["webhook", "sign"]), BODY);
    assert_eq!(stdout(&ours).trim(), format!("sha256={hex}"));
    let verify =
        |body: &str| feed(premisectl("http://127.0.0.1:1", &["webhook", "verify", "--signature", hex]), body);
    assert!(verify(BODY).status.success());
    let wrong = verify(&BODY.replace("34014", "34015"));
    assert_eq!((wrong.status.code(), stdout(&wrong).contains("not valid")), (Some(1), true));
}

#[test]
fn a_secret_file_is_read_and_excludes_the_variable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{SECRET}\n")).unwrap();
    let args = ["webhook", "sign", "--json", "--secret-file", file.path().to_str().unwrap()];
    let mut command = premisectl("http://127.0.0.1:1", &args);
    command.env_remove("PREMISE_WEBHOOK_SECRET");
    let by_file: serde_json::Value = serde_json::from_slice(&feed(command, BODY).stdout).unwrap();
    let by_variable = feed(premisectl("http://127.0.0.1:1", &["webhook", "sign"]), BODY);
    assert_eq!(by_file["signature"], stdout(&by_variable).trim());
    assert_eq!(feed(premisectl("http://127.0.0.1:1", &args), BODY).status.code(), Some(2));
}

#[test]
fn a_webhook_is_sent_with_its_exact_bytes_and_no_token() {
    let (api, requests) =
        server(vec![(202, r#"{"success":true,"message":"Premise PREMISE-34014 updated via webhook"}"#)]);
    let mut command = premisectl(&api, &["webhook", "send"]);
    command.env("PREMISE_TOKEN", "t0ken");
    let sent = feed(command, BODY);
    assert_eq!(stdout(&sent).trim(), "Premise PREMISE-34014 updated via webhook", "{}", stderr(&sent));
    let request = requests.join().unwrap().remove(0);
    assert!(request.starts_with("POST /api/master-data/premises/webhook HTTP/1.1"), "{request}");
    assert!(request.ends_with(BODY) && request.contains("x-ppb-signature: sha256="), "{request}");
    assert!(!request.contains("t0ken"), "{request}");
}

#[test]
fn json_is_the_answer_and_text_is_for_people() {
    let page = r#"{"premises":[{"premiseId":"PREMISE-34014","premiseName":"LIBWOB CHEMIST"}],"total":1,"page":1,"limit":20}"#;
    let (api, requests) = server(vec![(200, page), (200, page)]);
    let args = ["premises", "list", "--county", "Uasin Gishu", "--license-status", "valid"];
    let mut command = premisectl(&api, &args);
    command.env("PREMISE_TOKEN", "t0ken");
    let text = stdout(&feed(command, ""));
    assert!(text.contains("LIBWOB CHEMIST") && text.contains("1 of 1 (page 1)"), "{text}");
    let json = stdout(&feed(premisectl(&api, &[&args[..], &["--json"]].concat()), ""));
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed, serde_json::from_str::<serde_json::Value>(page).unwrap());
    let request = requests.join().unwrap().remove(0);
    let line =
        "GET /api/master-data/premises?county=Uasin+Gishu&licenseStatus=valid&page=1&limit=20 HTTP/1.1";
    assert!(request.starts_with(line) && request.contains("authorization: Bearer t0ken"), "{request}");
}

#[test]
fn refusals_name_their_reason_and_the_way_out() {
    let busy =
        r#"{"code":"run_in_progress","title":"x","status":409,"detail":"A run is in progress","runId":"r1"}"#;
    let (api, _requests) = server(vec![(409, busy)]);
    let refused = feed(premisectl(&api, &["sync", "full"]), "");
    assert_eq!(refused.status.code(), Some(1));
    let told = stderr(&refused);
    assert!(
        told.contains("A run is in progress (409, run_in_progress)") && told.contains("runs show r1"),
        "{told}"
    );
    let nobody = feed(premisectl("http://127.0.0.1:1", &["status"]), "");
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("is premise-sync running there?"), "{}", stderr(&nobody));
    assert_eq!(feed(premisectl(&api, &["sync", "all"]), "").status.code(), Some(2));
}

#[test]
fn waiting_follows_the_events_to_the_end_of_the_run() {
    let started = r#"{"runId":"r1","mode":"full","status":"queued"}"#;
    let cut = "data: {\"runId\":\"r1\",\"status\":\"running\",\"rows\":5}\n\n";
    let rest = ": alive\n\ndata: {\"runId\":\"r1\",\"status\":\"running\",\"rows\":9}\n\ndata: {\"runId\":\"r1\",\"status\":\"failed\",\"error\":{\"message\":\"PPB away\"}}\n\n";
    let (api, requests) = server(vec![(202, started), (200, cut), (200, rest)]);
    let ended = feed(premisectl(&api, &["sync", "full", "--wait"]), "");
    assert_eq!(ended.status.code(), Some(1), "{}", stderr(&ended));
    assert!(stdout(&ended).contains("failed") && stdout(&ended).contains("PPB away"), "{}", stdout(&ended));
    let requests = requests.join().unwrap();
    assert!(requests[1].starts_with("GET /api/master-data/premises/sync-runs/r1/events"), "{}", requests[1]);
}

#[test]
fn an_approval_names_the_plan_and_nothing_else() {
    let id = "01a20d6d-7ca5-7702-8057-2ec63c7275cc";
    let (api, requests) =
        server(vec![(202, r#"{"runId":"r1","status":"held","approvedBy":"operator:ops"}"#)]);
    let approved = feed(premisectl(&api, &["runs", "approve", id, "--plan-hash", "abc"]), "");
    assert!(stdout(&approved).contains("operator:ops"), "{}", stderr(&approved));
    let request = requests.join().unwrap().remove(0);
    assert!(
        request.starts_with(&format!("POST /api/master-data/premises/sync-runs/{id}/approve ")),
        "{request}"
    );
    assert!(request.ends_with(r#"{"planHash":"abc"}"#), "{request}");
    assert_eq!(feed(premisectl(&api, &["runs", "approve", id]), "").status.code(), Some(2));
}

#[test]
fn changes_are_followed_from_now_or_a_cursor_and_can_be_resumed() {
    let start = r#"{"changes":[],"next":"c0"}"#;
    let page =
        r#"{"changes":[{"cursor":"c1","kind":"created"},{"cursor":"c2","kind":"deleted"}],"next":"c2"}"#;
    let (api, requests) = server(vec![(200, start), (200, page)]);
    let told = feed(premisectl(&api, &["changes", "tail", "--json"]), "");
    let lines: Vec<serde_json::Value> =
        stdout(&told).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["cursor"], &lines[1]["kind"]), (2, &"c1".into(), &"deleted".into()));
    assert_eq!(told.status.code(), Some(1));
    assert!(stderr(&told).contains("changes tail --after c2` goes on"), "{}", stderr(&told));
    let requests = requests.join().unwrap();
    let path = "GET /api/master-data/premises/changes?";
    assert!(requests[0].starts_with(&format!("{path}after=latest&limit=200&wait=0s ")), "{}", requests[0]);
    assert!(requests[1].starts_with(&format!("{path}after=c0&limit=200&wait=30s ")), "{}", requests[1]);
    let (api, requests) = server(vec![(200, page)]);
    let told = feed(premisectl(&api, &["changes", "tail", "--after", "c0"]), "");
    assert!(stdout(&told).contains("created") && stdout(&told).lines().count() == 2, "{}", stdout(&told));
    assert!(requests.join().unwrap()[0].contains("?after=c0&"));
    let problem = r#"{"code":"invalid_query","detail":"after: must be a cursor as the feed gave it"}"#;
    let (api, _requests) = server(vec![(400, problem)]);
    let refused = stderr(&feed(premisectl(&api, &["changes", "tail", "--after", "x"]), ""));
    assert!(refused.contains("must be a cursor") && !refused.contains("goes on"), "{refused}");
}

#[test]
fn local_fields_are_set_kept_and_cleared() {
    let (api, requests) = server(vec![(200, r#"{"premiseId":"PREMISE-34014","gln":"6291041500213"}"#)]);
    let set =
        feed(premisectl(&api, &["premises", "set", "34014", "--gln", "6291041500213", "--notes", ""]), "");
    assert!(stdout(&set).contains("6291041500213"), "{}", stderr(&set));
    let request = requests.join().unwrap().remove(0);
    assert!(request.starts_with("PATCH /api/master-data/premises/PREMISE-34014 "), "{request}");
    assert!(request.ends_with(r#"{"gln":"6291041500213","notes":null}"#), "{request}");
    assert_eq!(feed(premisectl(&api, &["premises", "set", "34014"]), "").status.code(), Some(2));
}

#[test]
fn a_dry_run_is_asked_for_and_named() {
    let started = r#"{"runId":"r1","mode":"full","status":"queued","dryRun":true}"#;
    let (api, requests) = server(vec![(202, started), (202, started)]);
    let told = stdout(&feed(premisectl(&api, &["sync", "full", "--dry-run"]), ""));
    assert!(told.contains("started full dry run r1"), "{told}");
    let since = ["sync", "incremental", "--since", "2026-01-01T00:00:00Z", "--dry-run"];
    assert!(feed(premisectl(&api, &since), "").status.success());
    let requests = requests.join().unwrap();
    assert!(
        requests[0].contains("/sync?dryRun=true ") && requests[1].contains("&dryRun=true "),
        "{requests:?}"
    );
}

#[test]
fn the_doctor_says_what_to_do_when_nothing_runs() {
    let found = feed(premisectl("http://127.0.0.1:1", &["doctor", "--admin-url", "http://127.0.0.1:1"]), "");
    assert_eq!(found.status.code(), Some(1));
    assert!(
        stdout(&found).contains("FAIL") && stdout(&found).contains("start premise-sync"),
        "{}",
        stdout(&found)
    );
}

#[test]
fn completions_and_help_work_without_an_api() {
    let script = feed(premisectl("http://127.0.0.1:1", &["completions", "bash"]), "");
    assert!(stdout(&script).contains("complete"), "{}", stdout(&script));
    let mut help = premisectl("http://127.0.0.1:1", &["--help"]);
    help.env("PREMISE_TOKEN", "t0ken");
    assert!(!stdout(&feed(help, "")).contains("t0ken"));
}

#[test]
fn dead_letters_are_searched_and_shown() {
    let page = r#"{"deadLetters":[{"id":5,"status":"open","reason":"invalid","premiseId":null}],"total":1,"page":1,"limit":20}"#;
    let one = r#"{"id":5,"rawBody":"{}","verdictNow":{"verdict":"stale","supersededBy":{"channel":"full","sourceRef":"r1"}}}"#;
    let (api, requests) = server(vec![(200, page), (200, one)]);
    let args = ["dead-letters", "list", "--premise", "34014", "--from", "2026-01-01T00:00:00Z"];
    let listed = stdout(&feed(premisectl(&api, &args), ""));
    assert!(listed.contains("invalid") && listed.contains("1 of 1 (page 1)"), "{listed}");
    let shown = stdout(&feed(premisectl(&api, &["dead-letters", "show", "5"]), ""));
    assert!(shown.contains("stale") && shown.contains("r1") && !shown.contains("webhook id"), "{shown}");
    let requests = requests.join().unwrap();
    let line =
        "/dead-letters?premiseId=PREMISE-34014&from=2026-01-01T00%3A00%3A00%2B00%3A00&page=1&limit=20 ";
    assert!(requests[0].contains(line), "{}", requests[0]);
    assert!(requests[1].contains("/dead-letters/5 "), "{}", requests[1]);
}

#[test]
fn a_discard_needs_a_reason() {
    let (api, requests) = server(vec![(200, r#"{"id":5,"status":"discarded","settledBy":"operator:ops"}"#)]);
    let told = feed(premisectl(&api, &["dead-letters", "discard", "5", "--reason", "a test"]), "");
    assert!(stdout(&told).contains("operator:ops"), "{}", stderr(&told));
    let request = requests.join().unwrap().remove(0);
    assert!(request.starts_with("POST /api/master-data/premises/dead-letters/5/discard "), "{request}");
    assert!(request.ends_with(r#"{"reason":"a test"}"#), "{request}");
    assert_eq!(feed(premisectl(&api, &["dead-letters", "discard", "5"]), "").status.code(), Some(2));
}

#[test]
fn a_replay_names_what_it_means() {
    let (api, requests) =
        server(vec![(202, r#"{"replayId":"r1","status":"running","total":2,"verdicts":{"apply":0}}"#)]);
    let args = ["dead-letters", "replay", "5", "6", "--reason", "mended", "--dry-run"];
    let told = feed(premisectl(&api, &args), "");
    assert!(stdout(&told).contains("premisectl replays show r1"), "{}", stderr(&told));
    let request = requests.join().unwrap().remove(0);
    assert!(request.starts_with("POST /api/master-data/premises/dead-letters/replay "), "{request}");
    assert!(request.ends_with(r#"{"dryRun":true,"ids":[5,6],"reason":"mended"}"#), "{request}");
    let nothing = feed(premisectl(&api, &["dead-letters", "replay", "--reason", "mended"]), "");
    assert_eq!(nothing.status.code(), Some(1));
    assert!(stderr(&nothing).contains("or --all"), "{}", stderr(&nothing));
}
