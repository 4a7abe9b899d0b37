//! PPB's side: what is true there, what it told, and the changes that happen there.

use std::collections::BTreeMap;

use premise_domain::catalogue::read_row;
use reqwest::Method;
use serde_json::{Value, json, value::RawValue};

use crate::support::Whole;

/// Content of a premise as the register keeps it, by id.
pub(crate) type Premises = BTreeMap<i64, Value>;

impl Whole {
    /// Changes the simulator: `faults`, `features`, `premises/7`.
    pub(crate) async fn put(&self, what: &str, body: Value) -> Value {
        self.control(Method::PUT, what, &body).await
    }

    /// The simulator's counters.
    pub(crate) async fn ppb_state(&self) -> Value {
        self.control(Method::GET, "state", &Value::Null).await
    }

    pub(crate) async fn clear_faults(&self) {
        self.control(Method::DELETE, "faults", &Value::Null).await;
    }

    /// The truth, read and normalised as a row of the catalogue is.
    pub(crate) async fn truth(&self) -> Premises {
        self.catalogue().await.into_iter().collect()
    }

    /// The truth in the order of the catalogue's answer.
    pub(crate) async fn catalogue(&self) -> Vec<(i64, Value)> {
        let Value::String(lines) = self.control(Method::GET, "premises", &Value::Null).await else {
            panic!("more than one premise is several lines")
        };
        let content = |line: &str| {
            let row = read_row(line).unwrap();
            (row.premise_id.get(), serde_json::from_str(&row.content.encode().document).unwrap())
        };
        lines.lines().map(content).collect()
    }

    /// The register's live premises in the same form.
    pub(crate) async fn register(&self) -> Premises {
        let statement = "SELECT premise_id, jsonb_build_object(
                'name', name, 'county', county, 'constituency', constituency, 'ward', ward,
                'business_type', business_type, 'ownership', ownership,
                'superintendent_registration_no', superintendent_registration_no,
                'superintendent_name', superintendent_name, 'superintendent_cadre', superintendent_cadre,
                'license_validity', license_validity, 'validity_year', validity_year, 'flags', flags)::text
            FROM premises WHERE NOT is_tombstone";
        let rows = self.sql.query(statement, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), serde_json::from_str(row.get(1)).unwrap())).collect()
    }

    /// Every event so far, lost ones included, with the exact bytes of its webhook.
    pub(crate) async fn told(&self) -> Vec<String> {
        let feed = format!("{}/catalogue-0.0.1/feed/premises", self.addresses["ppb_url"].as_str().unwrap());
        let credentials = json!({"useremail": "sync@premises.example", "userpassword": "simulated"});
        let (mut told, mut after) = (Vec::new(), 0);
        loop {
            let request = self.http.post(format!("{feed}?after={after}&limit=1000")).json(&credentials);
            let page = request.send().await.unwrap().text().await.unwrap();
            let page: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&page).unwrap();
            let events: Vec<BTreeMap<String, Box<RawValue>>> =
                serde_json::from_str(page["events"].get()).unwrap();
            if events.is_empty() {
                return told;
            }
            told.extend(events.iter().map(|event| event["event"].get().to_owned()));
            after = serde_json::from_str(page["next"].get()).unwrap();
        }
    }
}

/// What differs between register and truth, for the message of a failed test: ids and field names only.
pub(crate) fn differences(register: &Premises, truth: &Premises) -> Vec<String> {
    let fields = |ours: &Value, theirs: &Value| {
        let names = theirs.as_object().unwrap().iter();
        names.filter(|(name, value)| ours[*name] != **value).map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let of_truth = truth.iter().filter_map(|(id, theirs)| match register.get(id) {
        None => Some(format!("{id} is missing")),
        Some(ours) if ours == theirs => None,
        Some(ours) => Some(format!("{id} differs in {:?}", fields(ours, theirs))),
    });
    let extra = register.keys().filter(|id| !truth.contains_key(id)).map(|id| format!("{id} is gone at PPB"));
    of_truth.chain(extra).collect()
}
