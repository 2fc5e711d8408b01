use serde_json::{json, Map, Value};
use tonic::{Code, Status};
use tonic_types::{pb, ErrorDetails, RpcStatusExt, StatusExt};

/// Returns all that Likeness says of a call that failed.
pub fn describe_call(status: &Status) -> Value {
    describe(status.code(), status.message(), status.get_error_details())
}

/// Returns all that Likeness says of an image that failed.
pub fn describe_image(status: &pb::Status) -> Value {
    describe(Code::from(status.code), &status.message, status.get_error_details())
}

fn describe(code: Code, message: &str, details: ErrorDetails) -> Value {
    let mut said = Map::new();
    said.insert("code".into(), name_of(code).into());
    said.insert("message".into(), message.into());
    if let Some(info) = details.error_info() {
        said.insert("domain".into(), info.domain.clone().into());
        said.insert("reason".into(), info.reason.clone().into());
        said.insert("metadata".into(), json!(info.metadata));
    }
    if let Some(bad) = details.bad_request() {
        let fields: Vec<_> = bad.field_violations.iter().map(|violation| &violation.field).collect();
        said.insert("fields".into(), json!(fields));
    }
    if let Some(about) = details.resource_info() {
        said.insert("resource".into(), about.resource_name.clone().into());
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        said.insert("retry_seconds".into(), delay.as_secs_f64().into());
    }
    Value::Object(said)
}

/// NotFound is NOT_FOUND to everyone else.
fn name_of(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
