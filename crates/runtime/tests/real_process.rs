//! The example service as a real process: signals, exit codes, busy ports, configuration errors.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn program() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let path = deps.ancestors().nth(2).unwrap().join("examples/minimal_service");
    assert!(
        path.exists(),
        "{} is missing; run the whole package's tests so that cargo builds it",
        path.display()
    );
    path
}

fn command(env: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(args)
        .env_clear()
        .env("PREMISE__HTTP__BIND", "127.0.0.1:0")
        .env("PREMISE__ADMIN__BIND", "127.0.0.1:0");
    command.envs(env.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process that has said it serves; killed when the test ends early.
struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Serving {
    fn start(env: &[(&str, &str)]) -> Self {
        let mut child = command(env, &[]).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut serving = Self { child, log, public: nowhere, admin: nowhere };
        let event = serving.line("minimal is serving");
        let address = |key: &str| event[key].as_str().unwrap().parse().unwrap();
        (serving.public, serving.admin) = (address("public"), address("admin"));
        serving
    }

    /// Reads the log until an event with this message.
    fn line(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "it ended before it said: {message}");
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["message"] == message {
                return event;
            }
        }
    }

    /// Reads the log until `count` requests have begun.
    fn begun(&mut self, count: usize) {
        for _ in 0..count {
            self.line("request began");
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Exit code and the rest of the log.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Already gone in every test that passed.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn outcome(env: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(env, args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Sends a request without waiting for its answer.
async fn request(address: SocketAddr, path: &str) -> tokio::net::TcpStream {
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

async fn status(address: SocketAddr, path: &str) -> String {
    use tokio::io::AsyncReadExt;
    let mut stream = request(address, path).await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    String::from_utf8(start.to_vec()).unwrap()
}

#[tokio::test]
async fn sigterm_finishes_requests_in_hand_and_exits_with_0() {
    use tokio::io::AsyncReadExt;
    let mut serving = Serving::start(&[]);
    assert_eq!(status(serving.admin, "/readyz").await, "HTTP/1.1 200");
    let mut slow = request(serving.public, "/slow?ms=400").await;
    let mut wait = request(serving.public, "/wait").await;
    serving.begun(2);
    serving.signal(Signal::SIGTERM);
    let (mut finished, mut told) = (String::new(), String::new());
    slow.read_to_string(&mut finished).await.unwrap();
    wait.read_to_string(&mut told).await.unwrap();
    assert!(finished.ends_with("done") && told.ends_with("draining"), "{finished} {told}");
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} is not in {log}"));
    assert!(
        at("request finished") < at("minimal drained") && at("minimal drained") < at("minimal has ended")
    );
}

#[tokio::test]
async fn a_second_signal_gives_up_and_fails() {
    let serving = Serving::start(&[("PREMISE__WORKER__FAULT", "stubborn")]);
    serving.signal(Signal::SIGINT);
    while status(serving.admin, "/readyz").await != "HTTP/1.1 503" {}
    serving.signal(Signal::SIGTERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("second signal") && log.contains("cut short"), "{log}");
}

#[tokio::test]
async fn the_deadline_ends_a_stubborn_process() {
    let mut serving =
        Serving::start(&[("PREMISE__WORKER__FAULT", "stubborn"), ("PREMISE__SHUTDOWN__DRAIN_SECONDS", "1")]);
    let _stuck = request(serving.public, "/stuck").await;
    serving.begun(1);
    let begun = Instant::now();
    serving.signal(Signal::SIGTERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("drain deadline passed") && begun.elapsed() < Duration::from_secs(8), "{log}");
}

#[tokio::test]
async fn sighup_reloads_and_a_bad_file_ends_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |text: &str| std::fs::write(file.path(), text).unwrap();
    write("[worker]\nfault = 'none'");
    let mut serving = Serving::start(&[("PREMISE_CONFIG", file.path().to_str().unwrap())]);
    // Read but not acted on: this service takes its fault from its start.
    write("[worker]\nfault = 'ends'");
    serving.signal(Signal::SIGHUP);
    assert_eq!(serving.line("minimal reloaded")["fault"], "Ends");
    write("[worker]\ntoken = 'hunter2\n");
    serving.signal(Signal::SIGHUP);
    let told = serving.line("minimal could not reload and keeps what it had");
    assert_eq!(told["level"], "ERROR", "{told}");
    assert!(told["error"].as_str().unwrap().contains(file.path().to_str().unwrap()), "{told}");
    assert!(!told.to_string().contains("hunter2"), "{told}");
    assert_eq!(status(serving.admin, "/readyz").await, "HTTP/1.1 200");
    serving.signal(Signal::SIGTERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn sigkill_frees_the_ports_for_the_next_process() {
    let first = Serving::start(&[]);
    let (public, admin) = (first.public.to_string(), first.admin.to_string());
    first.signal(Signal::SIGKILL);
    assert_eq!(first.end().0, None);
    let env = [("PREMISE__HTTP__BIND", public.as_str()), ("PREMISE__ADMIN__BIND", admin.as_str())];
    let second = Serving::start(&env);
    assert_eq!(status(second.admin, "/livez").await, "HTTP/1.1 200");
    second.signal(Signal::SIGTERM);
    assert_eq!(second.end().0, Some(0));
}

#[test]
fn a_service_that_ends_fails_or_panics_fails_the_process() {
    for (fault, named) in
        [("ends", "ended by itself"), ("fails", "told to fail"), ("panics", "service minimal panicked")]
    {
        let (code, _, log) = outcome(&[("PREMISE__WORKER__FAULT", fault)], &[]);
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains(named), "{named} is not in {log}");
    }
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for section in ["HTTP", "ADMIN"] {
        let (code, _, log) = outcome(&[(&format!("PREMISE__{section}__BIND"), &address)], &[]);
        assert_eq!(code, Some(1), "{log}");
        let setting = format!("cannot listen on {address} (setting {}.bind)", section.to_lowercase());
        assert!(log.contains(&setting), "{log}");
    }
}

#[test]
fn wrong_usage_and_configuration_exit_with_2_before_anything_starts() {
    let (code, _, told) = outcome(&[], &["--verbose"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("unknown argument `--verbose`") && told.contains("--help"), "{told}");
    let (code, _, told) = outcome(&[("PREMISE__WORKER__FALT", "ends")], &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("did you mean `worker.fault`?"), "{told}");
    let (code, _, told) = outcome(&[("PREMISE_CONFIG", "/nowhere.toml")], &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("/nowhere.toml"), "{told}");
}

#[test]
fn check_config_prints_the_redacted_result_and_starts_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[worker]\ntoken = 'hunter2'\nfault = 'ends'\n").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    let args = ["--check-config", "--config", file.path().to_str().unwrap()];
    let (code, printed, told) =
        outcome(&[("PREMISE__HTTP__BIND", &busy), ("PREMISE__WORKER__FAULT", "fails")], &args);
    assert_eq!(code, Some(0), "{told}");
    for part in ["fault = \"fails\"", "token = \"[redacted]\"", "drain_seconds = 25", busy.as_str()] {
        assert!(printed.contains(part), "{part} is not in {printed}");
    }
    assert!(!printed.contains("hunter2"));
    let read_back: Result<toml::Table, _> = printed.parse();
    assert!(read_back.is_ok(), "{printed}");
}

#[test]
fn a_subcommand_runs_in_place_of_serving() {
    let (code, _, log) = outcome(&[], &["greet"]);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("hello") && !log.contains("serving"), "{log}");
    let (_, help, _) = outcome(&[], &["--help"]);
    assert!(help.contains("greet"), "{help}");
}
