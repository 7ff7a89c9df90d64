//! What becomes of messages of which nobody knows what became of them.

mod asked;
mod bounds;
mod likeness;
mod receipts;

use std::time::Duration;

use domain::BulkActionId;
use serde_json::{Value, json};
use testing::{Question, World};

const MINUTE: Duration = Duration::from_mins(1);

/// What the SMS provider was asked by its own ids, and by addresses.
fn asked(world: &World) -> (usize, usize) {
    let questions = world.provider.questions();
    let by_id = questions.iter().filter(|question| matches!(question, Question::Id(_))).count();
    (by_id, questions.len() - by_id)
}

/// The messages of an action, by their id.
async fn messages(world: &World, id: BulkActionId) -> Vec<Value> {
    let mut messages = crate::support::listed(world, &format!("bulk_action_id={id}")).await;
    messages.sort_by_key(|message| message["member_id"].as_str().unwrap_or_default().to_owned());
    messages
}

fn statuses(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["status"].as_str().unwrap_or_default()).collect()
}

/// The details of a message's history that come with `status`.
async fn told(world: &World, message: &Value, status: &str) -> String {
    let one =
        world.ok("GET /messages/{id}", &[("id", message["id"].as_str().expect("an id"))], Value::Null).await;
    let history = one["history"].as_array().expect("a history").clone();
    let of_status = history.iter().filter(|entry| entry["status"] == status);
    of_status.filter_map(|entry| entry["detail"].as_str()).collect::<Vec<_>>().join(" / ")
}

/// Members with these names, who all have one phone.
async fn household(world: &World, names: &[&str]) -> Vec<String> {
    for name in names {
        world.member(name, json!({ "first_names": name, "primary_phone": "+64211234567" })).await;
    }
    names.iter().map(|name| (*name).to_owned()).collect()
}
