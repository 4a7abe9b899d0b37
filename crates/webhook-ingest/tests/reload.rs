//! Secrets are replaced in the running process, by SIGHUP. The process is the real one.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeDelta;
use nix::sys::signal::Signal;
use premise_domain::signature::SIGNATURE_HEADER;
use premise_testkit::{QueuePrefix, ServiceCommand, ServiceProcess, free_port, wait_until};
use support::{Answer, PATIENCE, event, sign};

struct Real {
    process: ServiceProcess,
    url: String,
    admin: String,
    client: reqwest::Client,
    folder: tempfile::TempDir,
    /// Each webhook is about a premise of its own, so that none is a repeat.
    next: AtomicU32,
    _prefix: QueuePrefix,
}

impl Real {
    /// The secret comes from a file that the environment names, the previous ones from the settings' file.
    async fn start() -> Self {
        premise_runtime::install_ring();
        let (prefix, folder) = (QueuePrefix::new(), tempfile::tempdir().expect("a folder"));
        let (http, admin) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let (config, secret) = (folder.path().join("config.toml"), folder.path().join("secret"));
        write(&config, "[webhook]\nsecret_id = 'first'\n");
        write(&secret, "secret one\n");
        let process = ServiceCommand::new(env!("CARGO_BIN_EXE_webhook-ingest"))
            .env("PREMISE_CONFIG", config)
            .env("PREMISE__WEBHOOK__SECRET_FILE", secret)
            .env("PREMISE__BROKER__URL", prefix.broker_url())
            .env("PREMISE__BROKER__QUEUE_PREFIX", prefix.as_str())
            .env("PREMISE__HTTP__BIND", &http)
            .env("PREMISE__ADMIN__BIND", &admin)
            .spawn()
            .await;
        let url = format!("http://{http}{}", webhook_ingest::PATH);
        let client = reqwest::Client::new();
        let real = Self { process, url, admin, client, folder, next: AtomicU32::new(1), _prefix: prefix };
        wait_until(PATIENCE, "readiness", async || real.is_ready().await).await;
        real
    }

    async fn is_ready(&self) -> bool {
        let probe = self.client.get(format!("http://{}/readyz", self.admin)).send().await;
        probe.is_ok_and(|answer| answer.status() == 200)
    }

    fn set(&self, config: &str, secret: &str) {
        write(&self.folder.path().join("config.toml"), config);
        write(&self.folder.path().join("secret"), secret);
    }

    /// SIGHUP, and waits until the log says what came of it for the `nth` time.
    async fn reload(&self, expected: &str, nth: usize) {
        self.process.signal(Signal::SIGHUP);
        let said = async || self.process.output().matches(expected).count() == nth;
        wait_until(PATIENCE, expected, said).await;
    }

    /// The status a new webhook gets that is signed with each of the secrets.
    async fn told<const N: usize>(&self, secrets: [&str; N]) -> [u16; N] {
        let mut told = [0; N];
        for (status, secret) in told.iter_mut().zip(secrets) {
            let body = event(self.next.fetch_add(1, Ordering::Relaxed), TimeDelta::zero());
            let request = self.client.post(&self.url).header("content-type", "application/json");
            let request = request.header(SIGNATURE_HEADER, sign(secret, &body)).body(body);
            *status = Answer::of(request.send().await.expect("an answer")).await.status;
        }
        told
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("writes");
}

const SECRETS: [&str; 3] = ["secret one", "secret two", "secret three"];
const ROTATED: &str =
    "[webhook]\nsecret_id = 'second'\nprevious_secret = 'secret one'\nprevious_secret_id = 'first'\n";

#[actix_web::test]
async fn sighup_rotates_secrets_and_a_bad_configuration_keeps_the_old_ones() {
    let mut real = Real::start().await;
    assert_eq!(real.told(SECRETS).await, [202, 401, 401]);

    real.set(ROTATED, "secret two\n");
    assert_eq!(real.told(SECRETS).await, [202, 401, 401], "not before the signal");
    real.reload("webhook secrets reloaded: second, first", 1).await;
    assert_eq!(real.told(SECRETS).await, [202, 202, 401]);

    let refused = "could not reload and keeps what it had";
    let bad = [
        ("[webhook]\nsecret_id = 'third'\nallow = ['10.0.0.0/33']\n", "secret three\n"),
        ("[webhook]\nsecrt_id = 'third'\n", "secret three\n"),
        ("[webhook\n", "secret three\n"),
        ("[webhook]\nsecret_id = 'third'\n", "\n"),
        ("[webhook]\nprevious_secret = 'x'\nprevious_secret_id = 'current'\n", "secret three\n"),
    ];
    for (n, (config, secret)) in bad.into_iter().enumerate() {
        real.set(config, secret);
        real.reload(refused, n + 1).await;
        assert_eq!(real.told(SECRETS).await, [202, 202, 401], "{config}");
    }
    std::fs::remove_file(real.folder.path().join("secret")).expect("was there");
    real.reload(refused, bad.len() + 1).await;
    assert_eq!(real.told(SECRETS).await, [202, 202, 401], "the file is gone");

    real.set("[webhook]\nsecret_id = 'third'\n", "secret three\n");
    real.reload("webhook secrets reloaded: third;", 1).await;
    assert_eq!(real.told(SECRETS).await, [401, 401, 202]);
    let output = real.process.output();
    for secret in SECRETS {
        assert!(!output.contains(secret), "{secret} is in the log: {output}");
    }
    assert!(real.is_ready().await);
    assert!(real.process.terminate(PATIENCE).await.success());
}
