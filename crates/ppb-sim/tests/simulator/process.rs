//! Starts the simulator and speaks to it. Dropping it ends the process.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A running simulator.
pub(crate) struct Simulator {
    pub(crate) child: Child,
    pub(crate) ppb_url: String,
    pub(crate) control_url: String,
    pub(crate) http: Client,
}

impl Simulator {
    /// Starts one with these options; it announces itself on standard output.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ppb-sim"))
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        assert_eq!(told["pid"], child.id());
        let url = |name: &str| told[name].as_str().unwrap().to_owned();
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            child,
            ppb_url: url("ppb_url"),
            control_url: url("ppb_control_url"),
            http: Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// A small one.
    pub(crate) fn small() -> Self {
        Self::start(&["--premises", "300", "--year", "2026"])
    }

    pub(crate) fn catalogue_url(&self, query: &str) -> String {
        format!("{}/catalogue-0.0.1/view/premisecatalogue{query}", self.ppb_url)
    }

    /// The catalogue by the body flow.
    pub(crate) fn by_body(&self, query: &str) -> RequestBuilder {
        self.http.post(self.catalogue_url(query)).json(&credentials())
    }

    /// The catalogue by the body flow, as JSON.
    pub(crate) async fn catalogue(&self, query: &str) -> Value {
        let response = self.by_body(query).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// The rows of the catalogue.
    pub(crate) async fn rows(&self, query: &str) -> Vec<Value> {
        list(self.catalogue(query).await)
    }

    /// A bearer token.
    pub(crate) async fn login(&self) -> String {
        let response = self.http.post(format!("{}/catalogue-0.0.1/login", self.ppb_url)).json(&credentials());
        let answer: Value = response.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A control request.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> Response {
        let request = self.http.request(method, format!("{}{path}", self.control_url));
        if body.is_null() { request } else { request.json(&body) }.send().await.unwrap()
    }

    /// A control request that must succeed.
    pub(crate) async fn told(&self, method: Method, path: &str, body: Value) -> Value {
        let response = self.control(method, path, body).await;
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A control request that must be refused, and the problem's detail.
    pub(crate) async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let response = self.control(method, path, body).await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (status, problem) = (response.status().as_u16(), response.json::<Value>().await.unwrap());
        assert_eq!(problem["status"], status);
        (status, problem["detail"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn features(&self, features: Value) -> Value {
        self.told(Method::PUT, "/features", features).await
    }

    pub(crate) async fn faults(&self, faults: Value) -> Value {
        self.told(Method::PUT, "/faults", faults).await
    }

    pub(crate) async fn state(&self) -> Value {
        self.told(Method::GET, "/state", Value::Null).await
    }

    /// The truth, one premise a line.
    pub(crate) async fn truth(&self) -> Vec<Value> {
        let text = self.control(Method::GET, "/premises", Value::Null).await.text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn credentials() -> Value {
    json!({"useremail": "sync@premises.example", "userpassword": "simulated"})
}

/// The list inside a HAL answer.
pub(crate) fn list(mut answer: Value) -> Vec<Value> {
    match answer["_embedded"]["vwApiCurrentPremiseList"].take() {
        Value::Array(rows) => rows,
        other => panic!("no list: {other}"),
    }
}
