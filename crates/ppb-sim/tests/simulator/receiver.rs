//! A webhook receiver that keeps what it gets and answers as told.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, rt, web};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

pub(crate) const SECRET: &str = "a secret for tests only";

/// One webhook as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) signature: String,
    pub(crate) body: Vec<u8>,
    pub(crate) from: IpAddr,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn signed_rightly(&self) -> bool {
        self.signature == hmac_by_hand(SECRET.as_bytes(), &self.body)
    }
}

#[derive(Default)]
struct Inbox {
    received: Mutex<Vec<Received>>,
    refuse_next: Mutex<u32>,
    count: watch::Sender<usize>,
}

/// The running receiver.
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
    handle: ServerHandle,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let inbox = Arc::new(Inbox::default());
        let data = web::Data::from(Arc::clone(&inbox));
        let server =
            HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(take)))
                .workers(1)
                .disable_signals()
                .bind("127.0.0.1:0")
                .unwrap();
        let url = format!("http://{}/webhook", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        Self { url, inbox, handle }
    }

    /// Answers the next `count` with 503.
    pub(crate) fn refuse_next(&self, count: u32) {
        *self.inbox.refuse_next.lock().unwrap() = count;
    }

    /// Waits until at least `count` have come, and gives all.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut seen = self.inbox.count.subscribe();
        let waiting = seen.wait_for(|seen| *seen >= count);
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .unwrap_or_else(|_| panic!("{} of {count} webhooks came", self.received().len()))
            .unwrap();
        self.received()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inbox.received.lock().unwrap().clone()
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn take(inbox: web::Data<Inbox>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    inbox.received.lock().unwrap().push(Received {
        signature: header("x-ppb-signature").unwrap_or_default(),
        body: body.to_vec(),
        from: request.peer_addr().unwrap().ip(),
    });
    inbox.count.send_modify(|count| *count += 1);
    let mut refuse = inbox.refuse_next.lock().unwrap();
    if *refuse > 0 {
        *refuse -= 1;
        return HttpResponse::ServiceUnavailable().finish();
    }
    HttpResponse::Accepted().finish()
}

/// RFC 2104, step by step, so that a mistake in the signer cannot hide in a shared library.
pub(crate) fn hmac_by_hand(key: &[u8], message: &[u8]) -> String {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn the_hand_made_hmac_is_rfc_4231_s() {
    assert_eq!(
        hmac_by_hand(b"Jefe", b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}
