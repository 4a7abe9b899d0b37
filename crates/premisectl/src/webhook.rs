//! Webhook signatures by hand: for tests of a sender, and for the day a signature is in doubt.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use premise_domain::signature::{PresentedSignatures, SigningKey};
use serde_json::json;

use crate::Verdict;
use crate::api::Api;
use crate::args::{SignArgs, WebhookCommand};
use crate::print::{Printer, cell};

/// Far above the receiver's own cap; a wrong file does not fill the memory.
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;

pub(crate) async fn run(api: &Api, out: &Printer, what: WebhookCommand) -> anyhow::Result<Verdict> {
    match what {
        WebhookCommand::Sign(signed) => {
            let (key, body) = (key(&signed)?, body(&signed.body)?);
            let signature = format!("sha256={}", key.sign(&body));
            out.document(&json!({ "signature": signature }), |_| signature.clone())?;
            Ok(Verdict::Good)
        }
        WebhookCommand::Verify { signature, signed } => {
            let (key, body) = (key(&signed)?, body(&signed.body)?);
            let presented =
                PresentedSignatures::parse(&signature).context("no well-formed signature was given")?;
            let valid = key.verify(&body, &presented);
            out.document(&json!({ "valid": valid }), |_| {
                let told =
                    if valid { "valid" } else { "not valid: other bytes or another secret were signed" };
                told.to_owned()
            })?;
            Ok(if valid { Verdict::Good } else { Verdict::Bad })
        }
        WebhookCommand::Send { url, signed } => {
            let (key, body) = (key(&signed)?, body(&signed.body)?);
            let signature = format!("sha256={}", key.sign(&body));
            let answer = api.post_signed(url.unwrap_or_else(|| api.url("webhook")), body, signature).await?;
            out.document(&answer, |answer| cell(&answer["message"]))?;
            Ok(Verdict::Good)
        }
    }
}

fn key(signed: &SignArgs) -> anyhow::Result<SigningKey> {
    let secret = match (&signed.secret, &signed.secret_file) {
        (Some(secret), _) => secret.clone(),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        (None, None) => anyhow::bail!("give the shared secret in --secret-file or PREMISE_WEBHOOK_SECRET"),
    };
    Ok(SigningKey::new("given", secret.as_bytes())?)
}

fn body(path: &Path) -> anyhow::Result<Vec<u8>> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| path.display().to_string())?)
    };
    let mut body = Vec::new();
    let read = input.take(MAX_BODY_BYTES + 1).read_to_end(&mut body).context("the body")?;
    anyhow::ensure!(read as u64 <= MAX_BODY_BYTES, "the body is larger than {MAX_BODY_BYTES} bytes");
    Ok(body)
}
