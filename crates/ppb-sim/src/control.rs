//! The control API: see the truth, change it, switch features and faults. It has no authentication
//! and is for the machine the simulator runs on.

use std::convert::Infallible;

use actix_web::{
    HttpResponse, HttpResponseBuilder, Responder,
    http::{StatusCode, header::CONTENT_TYPE},
    web::{self, Bytes, Data, Path, ServiceConfig},
};
use futures_util::stream;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    churn::Churn,
    page,
    premise::{Patch, Premise},
    problem::Problem,
    register::{Cursor, Snapshot},
    row::{self, Instants, RowShape},
    simulator::{Changed, Simulator},
};

/// Changes made between two looks at other requests.
const CHURN_SLICE: u64 = 500;
/// Rows in one write of the truth.
const ROWS_AT_ONCE: usize = 200;
/// Largest catalogue that a reset makes.
const MOST_PREMISES: u64 = 100_000_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reset {
    premises: Option<u64>,
    seed: Option<u64>,
}

/// The routes of the control listener.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(show_page))
        .route("/state", web::get().to(state))
        .route("/premises", web::get().to(truth))
        .service(
            web::resource("/premises/{id}")
                .route(web::get().to(premise))
                .route(web::put().to(put_premise))
                .route(web::delete().to(remove_premise)),
        )
        .route("/churn", web::post().to(churn))
        .route("/features", web::put().to(set_features))
        .service(
            web::resource("/faults").route(web::put().to(set_faults)).route(web::delete().to(clear_faults)),
        )
        .route("/reset", web::post().to(reset))
        .default_service(web::to(|| async { Problem::UnknownRoute.response() }));
}

async fn show_page(simulator: Data<Simulator>) -> impl Responder {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(page::render(&simulator.summary()))
}

async fn state(simulator: Data<Simulator>) -> HttpResponse {
    HttpResponse::Ok().json(simulator.summary())
}

async fn truth(simulator: Data<Simulator>) -> HttpResponse {
    let start = (simulator.truth(), Cursor::default());
    let lines = stream::unfold(start, |(snapshot, mut cursor)| async move {
        let chunk = write_lines(&snapshot, &mut cursor);
        (!chunk.is_empty()).then(|| (Ok::<_, Infallible>(Bytes::from(chunk)), (snapshot, cursor)))
    });
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/x-ndjson")).streaming(lines)
}

fn write_lines(snapshot: &Snapshot, cursor: &mut Cursor) -> Vec<u8> {
    let mut out = Vec::new();
    for premise in std::iter::from_fn(|| snapshot.next(cursor, None)).take(ROWS_AT_ONCE) {
        row::write(&mut out, &premise, &truth_shape());
        out.push(b'\n');
    }
    out
}

/// The truth is told with `lastModified`, whether PPB tells it or not.
fn truth_shape() -> RowShape {
    RowShape { last_modified: Some(Instants::default()), ..RowShape::default() }
}

async fn premise(simulator: Data<Simulator>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = read_id(&id)?;
    let snapshot = simulator.truth();
    let premise = snapshot.get(id).ok_or(Problem::UnknownPremise(id))?;
    Ok(HttpResponse::Ok().json(as_json(&premise)))
}

async fn put_premise(
    simulator: Data<Simulator>,
    id: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let id = read_id(&id)?;
    let patch: Patch = read(&body)?;
    if let Some(stated) = patch.stated_id().filter(|stated| *stated != id) {
        return Err(Problem::BadInput(format!(
            "the path says premise {id} and the body {stated}; send one id"
        )));
    }
    Ok(changed(&simulator.put(id, patch)))
}

async fn remove_premise(simulator: Data<Simulator>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = read_id(&id)?;
    simulator.remove(id).map(|change| changed(&change)).ok_or(Problem::UnknownPremise(id))
}

fn changed(change: &Changed) -> HttpResponse {
    use premise_domain::webhook::Action;
    let status = if change.action == Some(Action::Created) { StatusCode::CREATED } else { StatusCode::OK };
    HttpResponseBuilder::new(status).json(json!({
        "action": change.action.map_or("unchanged", Action::as_str),
        "webhookId": change.webhook_id,
        "premise": as_json(&change.premise),
    }))
}

fn as_json(premise: &Premise<'_>) -> Value {
    let mut out = Vec::new();
    row::write(&mut out, premise, &truth_shape());
    serde_json::from_slice(&out).unwrap_or_default()
}

async fn churn(simulator: Data<Simulator>, body: Bytes) -> Result<HttpResponse, Problem> {
    use premise_domain::webhook::Action;
    let churn: Churn = read(&body)?;
    churn.check().map_err(Problem::BadInput)?;
    let [mut created, mut updated, mut deleted, mut announced] = [0_u64; 4];
    for n in 0..churn.count {
        let change = simulator.churn_step(&churn, n);
        match change.action {
            Some(Action::Created) => created += 1,
            Some(Action::Updated) => updated += 1,
            Some(Action::Deleted) => deleted += 1,
            None => {}
        }
        announced += u64::from(change.webhook_id.is_some());
        if n % CHURN_SLICE == CHURN_SLICE - 1 {
            tokio::task::yield_now().await;
        }
    }
    Ok(HttpResponse::Ok()
        .json(json!({"created": created, "updated": updated, "deleted": deleted, "webhooks": announced})))
}

async fn set_features(simulator: Data<Simulator>, body: Bytes) -> Result<HttpResponse, Problem> {
    simulator.set_features(&body).map(|now| HttpResponse::Ok().json(now)).map_err(Problem::BadInput)
}

async fn set_faults(simulator: Data<Simulator>, body: Bytes) -> Result<HttpResponse, Problem> {
    simulator.set_faults(&body).map(|now| HttpResponse::Ok().json(now)).map_err(Problem::BadInput)
}

async fn clear_faults(simulator: Data<Simulator>) -> HttpResponse {
    simulator.clear_faults();
    HttpResponse::Ok().json(json!({}))
}

async fn reset(simulator: Data<Simulator>, body: Bytes) -> Result<HttpResponse, Problem> {
    let wanted: Reset = if body.is_empty() { Reset::default() } else { read(&body)? };
    if wanted.premises.is_some_and(|premises| premises > MOST_PREMISES) {
        return Err(Problem::BadInput(format!("premises is a number up to {MOST_PREMISES}")));
    }
    simulator.reset(wanted.premises, wanted.seed);
    Ok(HttpResponse::Ok().json(simulator.summary()))
}

fn read_id(text: &str) -> Result<u64, Problem> {
    text.parse::<premise_domain::PremiseId>()
        .ok()
        .and_then(|id| u64::try_from(id.get()).ok())
        .ok_or_else(|| Problem::BadInput(format!("{text:?} is no premise id: send a number such as 34014")))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Through a map: serde would also take a list of the values.
    serde_json::from_slice::<Map<String, Value>>(body)
        .and_then(|members| serde_json::from_value(Value::Object(members)))
        .map_err(|error| Problem::BadInput(format!("send a JSON object: {error}")))
}
