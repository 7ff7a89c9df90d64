//! Making, finding, describing and deleting queues.

use std::time::Duration;

use crate::sqs::address;
use crate::sqs::attributes::{self, Attributes, COMPUTED, Settings};
use crate::sqs::protocol::{
    AttributesOutput, CreateQueueInput, GetAttributesInput, GetQueueUrlInput, ListInput, ListQueuesOutput,
    ListSourcesOutput, Nothing, QueueInput, QueueUrlOutput, SetAttributesInput, TagsInput, TagsOutput,
};
use crate::sqs::refusal::{Fault, Refusal};
use crate::sqs::state::{Call, State};
use crate::sqs::storage::QueueRow;

/// A queue may be purged once in this time.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Makes a queue; one that exists with the same attributes is found instead.
pub(in crate::sqs) fn create(
    call: &mut Call<'_>,
    input: CreateQueueInput,
) -> Result<QueueUrlOutput, Refusal> {
    let name = input.queue_name.ok_or_else(|| Refusal::missing("QueueName"))?;
    address::check_name(&name)?;
    let wanted = Settings::read(input.attributes)?;
    let output = QueueUrlOutput { queue_url: address::url(call.host, &name) };
    if let Some(queue) = call.state.queues.get(&name) {
        return match queue.settings.difference(&wanted) {
            None => Ok(output),
            Some(attribute) => Err(Refusal::new(
                Fault::QueueNameExists,
                format!(
                    "A queue already exists with the same name and a different value for attribute {attribute}"
                ),
            )),
        };
    }
    check_target(call.state, &name, &wanted)?;
    let (now, tags) = (call.now, input.tags);
    let id =
        call.state.store.write(|tables| Ok(tables.insert_queue(&name, now, wanted.given(), &tags)?))?;
    let attributes = wanted.given().clone();
    call.state.add(QueueRow { id, name, created_at: now, modified_at: now, attributes, tags })?;
    Ok(output)
}

/// A dead-letter queue must exist and allow the queue that names it.
fn check_target(state: &State, name: &str, settings: &Settings) -> Result<(), Refusal> {
    let Some(redrive) = &settings.redrive else { return Ok(()) };
    let refused = |reason| {
        let policy = settings.given().get("RedrivePolicy").map_or("", String::as_str);
        Err(Refusal::parameter("RedrivePolicy", policy, reason))
    };
    match state.queues.get(&redrive.target) {
        None => refused("Dead letter target does not exist."),
        Some(target) if !target.settings.redrive_allow.allows(name) => {
            refused("The dead letter target does not allow this source queue.")
        }
        Some(_) => Ok(()),
    }
}

pub(in crate::sqs) fn get_url(
    call: &mut Call<'_>,
    input: GetQueueUrlInput,
) -> Result<QueueUrlOutput, Refusal> {
    let name = input.queue_name.ok_or_else(|| Refusal::missing("QueueName"))?;
    if call.state.queues.contains_key(&name) {
        return Ok(QueueUrlOutput { queue_url: address::url(call.host, &name) });
    }
    Err(Refusal::no_queue())
}

pub(in crate::sqs) fn list(call: &mut Call<'_>, input: ListInput) -> Result<ListQueuesOutput, Refusal> {
    let prefix = input.queue_name_prefix;
    let names = call.state.queues.keys().filter(|name| name.starts_with(&prefix));
    let (names, next_token) = page(names, input.max_results, input.next_token.as_deref())?;
    let queue_urls = names.iter().map(|name| address::url(call.host, name)).collect();
    Ok(ListQueuesOutput { queue_urls, next_token })
}

/// The queues that have this one as their dead-letter queue.
pub(in crate::sqs) fn list_sources(
    call: &mut Call<'_>,
    input: &ListInput,
) -> Result<ListSourcesOutput, Refusal> {
    let (_, _, target) = call.queue(input.queue_url.as_deref())?;
    let names = sources(call.state, target);
    let (names, next_token) = page(names, input.max_results, input.next_token.as_deref())?;
    let queue_urls = names.iter().map(|name| address::url(call.host, name)).collect();
    Ok(ListSourcesOutput { queue_urls, next_token })
}

/// The names of the queues that have `target` as their dead-letter queue.
pub(super) fn sources<'s>(state: &'s State, target: &'s str) -> impl Iterator<Item = &'s String> {
    state
        .queues
        .iter()
        .filter(move |(_, queue)| queue.settings.redrive.as_ref().is_some_and(|r| r.target == target))
        .map(|(name, _)| name)
}

/// One page of names; the token of the next is the last name of this one.
fn page<'s>(
    names: impl Iterator<Item = &'s String>,
    max_results: Option<i64>,
    token: Option<&str>,
) -> Result<(Vec<&'s String>, Option<String>), Refusal> {
    let limit = match max_results {
        None => 1000,
        Some(limit @ 1..=1000) => usize::try_from(limit).unwrap_or(1000),
        Some(limit) => {
            return Err(Refusal::parameter("MaxResults", limit, "Must be between 1 and 1000, if provided."));
        }
    };
    let mut names: Vec<_> =
        names.filter(|name| token.is_none_or(|token| name.as_str() > token)).take(limit + 1).collect();
    let more = names.len() > limit;
    names.truncate(limit);
    let next = names.last().filter(|_| more && max_results.is_some()).map(|name| (*name).clone());
    Ok((names, next))
}

pub(in crate::sqs) fn delete(call: &mut Call<'_>, input: &QueueInput) -> Result<Nothing, Refusal> {
    let (store, queue, name) = call.queue(input.queue_url.as_deref())?;
    let id = queue.id;
    store.write(|tables| {
        tables.purge(id)?;
        Ok(tables.delete_queue(id)?)
    })?;
    queue.arrived.notify_waiters();
    call.state.queues.remove(name);
    Ok(Nothing {})
}

pub(in crate::sqs) fn get_attributes(
    call: &mut Call<'_>,
    input: GetAttributesInput,
) -> Result<AttributesOutput, Refusal> {
    let asked = input.attribute_names;
    if let Some(name) = asked.iter().find(|name| *name != "All" && !attributes::is_known(name)) {
        return Err(attributes::unknown(name));
    }
    let wants = |name: &str| asked.iter().any(|asked| asked == "All" || asked == name);
    let now = call.now;
    let (store, queue, name) = call.queue(input.queue_url.as_deref())?;
    let mut all: Attributes = queue.settings.answered();
    all.insert("QueueArn".to_owned(), address::arn(name));
    all.insert("CreatedTimestamp".to_owned(), (queue.created_at / 1000).to_string());
    all.insert("LastModifiedTimestamp".to_owned(), (queue.modified_at / 1000).to_string());
    if COMPUTED.iter().any(|name| name.starts_with("Approximate") && wants(name)) {
        let tables = store.tables();
        tables.expire(queue.id, now - queue.settings.retention_ms)?;
        let counts = tables.counts(queue.id, now)?;
        all.insert("ApproximateNumberOfMessages".to_owned(), counts.visible.to_string());
        all.insert("ApproximateNumberOfMessagesNotVisible".to_owned(), counts.in_flight.to_string());
        all.insert("ApproximateNumberOfMessagesDelayed".to_owned(), counts.delayed.to_string());
    }
    all.retain(|name, _| wants(name));
    Ok(AttributesOutput { attributes: all })
}

pub(in crate::sqs) fn set_attributes(
    call: &mut Call<'_>,
    input: SetAttributesInput,
) -> Result<Nothing, Refusal> {
    let now = call.now;
    let (_, queue, name) = call.queue(input.queue_url.as_deref())?;
    if let Some(name) = input.attributes.keys().find(|name| COMPUTED.contains(&name.as_str())) {
        return Err(attributes::unknown(name));
    }
    let settings = queue.settings.changed(input.attributes)?;
    check_target(call.state, name, &settings)?;
    let (store, queue, _) = call.queue(input.queue_url.as_deref())?;
    store.write(|tables| Ok(tables.update_queue(queue.id, now, settings.given())?))?;
    queue.settings = settings;
    queue.modified_at = now;
    Ok(Nothing {})
}

pub(in crate::sqs) fn purge(call: &mut Call<'_>, input: &QueueInput) -> Result<Nothing, Refusal> {
    let now = call.now;
    let (store, queue, name) = call.queue(input.queue_url.as_deref())?;
    let every = i64::try_from(PURGE_EVERY.as_millis()).unwrap_or(i64::MAX);
    if queue.purged_at.is_some_and(|purged_at| now < purged_at + every) {
        let message = format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds.");
        return Err(Refusal::new(Fault::PurgeQueueInProgress, message));
    }
    store.write(|tables| Ok(tables.purge(queue.id)?))?;
    queue.purged_at = Some(now);
    Ok(Nothing {})
}

pub(in crate::sqs) fn tag(call: &mut Call<'_>, input: TagsInput) -> Result<Nothing, Refusal> {
    change_tags(call, input.queue_url.as_deref(), |tags| tags.extend(input.tags))
}

pub(in crate::sqs) fn untag(call: &mut Call<'_>, input: &TagsInput) -> Result<Nothing, Refusal> {
    change_tags(call, input.queue_url.as_deref(), |tags| {
        tags.retain(|name, _| !input.tag_keys.contains(name));
    })
}

fn change_tags(
    call: &mut Call<'_>,
    url: Option<&str>,
    change: impl FnOnce(&mut std::collections::BTreeMap<String, String>),
) -> Result<Nothing, Refusal> {
    let (store, queue, _) = call.queue(url)?;
    let mut tags = queue.tags.clone();
    change(&mut tags);
    store.write(|tables| Ok(tables.update_tags(queue.id, &tags)?))?;
    queue.tags = tags;
    Ok(Nothing {})
}

pub(in crate::sqs) fn list_tags(call: &mut Call<'_>, input: &QueueInput) -> Result<TagsOutput, Refusal> {
    let (_, queue, _) = call.queue(input.queue_url.as_deref())?;
    Ok(TagsOutput { tags: queue.tags.clone() })
}
