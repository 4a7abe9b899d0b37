//! Whole processes inside the test: listeners on port 0, readiness, faults and the order of the drain.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use actix_web::web;
use premise_runtime::{
    Listeners, Process, ProcessError, Routes, Running, Service, Shutdown, install_ring, registry,
};
use serde_json::Value;
use tokio::sync::Notify;

/// Writes down what happens and in which order; its request waits for `release`.
#[derive(Default)]
struct Recorder {
    events: Arc<Mutex<Vec<&'static str>>>,
    entered: Arc<Notify>,
    release: Arc<Notify>,
    unready: Mutex<Option<String>>,
    end: Notify,
    guarded: bool,
}

#[async_trait::async_trait]
impl Service for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn routes(&self) -> Option<Routes> {
        let (events, entered, release) = (self.events.clone(), self.entered.clone(), self.release.clone());
        Some(Arc::new(move |cfg| {
            let (events, entered, release) = (events.clone(), entered.clone(), release.clone());
            let held = move || {
                let (events, entered, release) = (events.clone(), entered.clone(), release.clone());
                async move {
                    entered.notify_one();
                    release.notified().await;
                    events.lock().unwrap().push("request finished");
                    "ok"
                }
            };
            cfg.route("/held", web::get().to(held));
        }))
    }

    fn admit(&self, listeners: &[SocketAddr]) -> anyhow::Result<()> {
        anyhow::ensure!(listeners.iter().all(|address| address.ip().is_loopback()), "open to the network");
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        self.unready.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    async fn run(self: Arc<Self>, shutdown: Shutdown) -> anyhow::Result<()> {
        tokio::select! {
            () = shutdown.draining() => {}
            () = self.end.notified() => return Ok(()),
        }
        self.events.lock().unwrap().push("service drained");
        if self.guarded {
            let (guard, events) = (shutdown.guard(), self.events.clone());
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                events.lock().unwrap().push("guard dropped");
                drop(guard);
            });
        }
        Ok(())
    }
}

fn start(service: Arc<Recorder>) -> Running {
    install_ring();
    let process =
        Process::new(vec![service], registry("test").unwrap()).workers(1).drain(Duration::from_secs(20));
    process.start(Listeners::loopback().unwrap()).unwrap()
}

async fn get(address: SocketAddr, path: &str) -> reqwest::Result<(u16, Value)> {
    let response = reqwest::get(format!("http://{address}{path}")).await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

#[tokio::test]
async fn readiness_is_the_services_own_word() {
    let service = Arc::new(Recorder::default());
    let running = start(service.clone());
    assert_eq!(get(running.admin_addr(), "/readyz").await.unwrap().0, 200);
    *service.unready.lock().unwrap() = Some("broker away".to_owned());
    let (status, body) = get(running.admin_addr(), "/readyz").await.unwrap();
    assert_eq!(
        (status, &body["status"], &body["services"]["recorder"]),
        (503, &"not ready".into(), &"broker away".into())
    );
    assert_eq!(get(running.admin_addr(), "/livez").await.unwrap().0, 200);
    let (_, metrics) = get(running.admin_addr(), "/metrics").await.unwrap();
    assert!(metrics.as_str().unwrap().contains("premise_build_info"));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_drain_ends_requests_then_services_then_guards() {
    let service = Arc::new(Recorder { guarded: true, ..Recorder::default() });
    let running = start(service.clone());
    let (public, admin) = (running.public_addr().unwrap(), running.admin_addr());
    let held = tokio::spawn(async move { get(public, "/held").await });
    service.entered.notified().await;
    running.drain();
    let (status, body) = get(admin, "/readyz").await.unwrap();
    assert_eq!((status, &body["status"]), (503, &"draining".into()));
    while tokio::net::TcpStream::connect(public).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(service.events.lock().unwrap().is_empty(), "the service drained before its request was finished");
    service.release.notify_one();
    assert_eq!(held.await.unwrap().unwrap().0, 200);
    running.wait().await.unwrap();
    assert_eq!(*service.events.lock().unwrap(), ["request finished", "service drained", "guard dropped"]);
    assert!(tokio::net::TcpStream::connect(admin).await.is_err(), "the admin listener outlived the process");
}

#[tokio::test]
async fn a_stuck_request_is_given_up_at_cancellation() {
    let service = Arc::new(Recorder::default());
    let running = start(service.clone());
    let public = running.public_addr().unwrap();
    let held = tokio::spawn(async move { get(public, "/held").await });
    service.entered.notified().await;
    running.drain();
    running.cancel();
    assert!(matches!(running.wait().await, Err(ProcessError::DrainCut)));
    assert!(held.await.unwrap().is_err(), "the request was answered although nobody released it");
}

#[tokio::test]
async fn the_deadline_cancels_by_itself() {
    let service = Arc::new(Recorder::default());
    install_ring();
    let process = Process::new(vec![service.clone()], registry("test").unwrap()).workers(1);
    let running = process.drain(Duration::from_millis(50)).start(Listeners::loopback().unwrap()).unwrap();
    let public = running.public_addr().unwrap();
    let _held = tokio::spawn(async move { get(public, "/held").await });
    service.entered.notified().await;
    assert!(matches!(running.stop().await, Err(ProcessError::DrainCut)));
}

#[tokio::test]
async fn a_service_that_ends_by_itself_ends_the_process() {
    let service = Arc::new(Recorder::default());
    let running = start(service.clone());
    service.end.notify_one();
    assert!(matches!(running.wait().await, Err(ProcessError::ServiceEnded("recorder"))));
}

#[tokio::test]
async fn a_refused_address_stops_the_start() {
    let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let listeners = Listeners { public: Some(open), ..Listeners::loopback().unwrap() };
    let process = Process::new(vec![Arc::new(Recorder::default())], registry("test").unwrap());
    let error = process.start(listeners).err().expect("must be refused");
    assert_eq!(format!("{error:#}"), "recorder: open to the network");
}
