//! What a sender is told about a webhook that was taken.

use actix_web::HttpResponse;
use premise_domain::PremiseId;
use premise_domain::webhook::Action;
use serde::Serialize;
use uuid::Uuid;

/// The event an answer is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) action: Action,
    pub(crate) premise_id: PremiseId,
    pub(crate) webhook_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    success: bool,
    action: Action,
    premise_id: String,
    message: &'a str,
    webhook_id: Option<&'a str>,
    delivery_id: Uuid,
}

/// 202: the broker holds it, the register will follow.
pub(crate) fn accepted(subject: &Subject, delivery_id: Uuid) -> HttpResponse {
    let what = match subject.action {
        Action::Created => "creation",
        Action::Updated => "update",
        Action::Deleted => "deletion",
    };
    let message = format!("Premise {} {what} accepted", subject.premise_id);
    HttpResponse::Accepted().json(body(subject, delivery_id, &message))
}

/// 200: the same body was accepted before, under `delivery_id`.
pub(crate) fn already_processed(subject: &Subject, delivery_id: Uuid) -> HttpResponse {
    HttpResponse::Ok().json(body(subject, delivery_id, "Already processed"))
}

fn body<'a>(subject: &'a Subject, delivery_id: Uuid, message: &'a str) -> Body<'a> {
    Body {
        success: true,
        action: subject.action,
        premise_id: subject.premise_id.to_string(),
        message,
        webhook_id: subject.webhook_id.as_deref(),
        delivery_id,
    }
}
