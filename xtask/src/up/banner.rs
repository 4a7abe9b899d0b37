//! What a newcomer reads when the stack is up: where things are and what to try.

use super::stack_file::StackFile;
use super::timings::{Timings, seconds};
use crate::say;

/// Everything, with the times.
pub(super) fn print(stack: &StackFile, timings: &Timings) {
    print_addresses(stack);
    print_example(stack);
    say::answer(&format!(
        "Wall time {}: install {}, build {}, servers {} (beside the build), services {}, first sync {}",
        seconds(timings.total()),
        seconds(timings.install),
        seconds(timings.build),
        seconds(timings.servers),
        seconds(timings.services),
        seconds(timings.first_sync),
    ));
}

/// Where things are; without secrets, because the output may be a log.
pub(crate) fn print_addresses(stack: &StackFile) {
    say::answer(&format!(
        "
  Console     {}
  API         {}/api/master-data/premises
  Webhooks    {}
  Probes      {admin}/readyz   metrics {admin}/metrics
  PPB (sim)   {}   control {}
  Secrets, tokens, database and broker: target/local/stack.json
",
        stack.console_url,
        stack.api_url,
        stack.webhook_url,
        stack.ppb_url,
        stack.ppb_control_url,
        admin = stack.admin_url,
    ));
}

fn print_example(stack: &StackFile) {
    let StackFile { api_url, webhook_url, .. } = stack;
    say::answer(&format!(
        r#"Send a signed webhook (the same bytes again are "Already processed"):

  SECRET=$(sed -n 's/.*"webhook_secret": "\(.*\)".*/\1/p' target/local/stack.json)
  BODY='{{"action":"updated","timestamp":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'","data":{{"premiseid":34014,"premisename":"UPDATED CHEMIST NAME","county":"Nairobi","licensevalidity":"2026-12-31"}}}}'
  SIGNATURE=$(printf %s "$BODY" | openssl dgst -sha256 -hmac "$SECRET" | sed 's/.* //')
  curl -i {webhook_url} -H 'Content-Type: application/json' -H "x-ppb-signature: sha256=$SIGNATURE" --data-raw "$BODY"

Then try:

  curl {api_url}/api/master-data/premises/34014
  curl {api_url}/api/master-data/premises/stats
  curl -X POST '{api_url}/api/master-data/premises/sync?wait=60s'
  curl {api_url}/api/master-data/premises/sync-lag
  cargo xtask status      # or: cargo xtask down
"#
    ));
}
