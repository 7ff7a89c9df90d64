//! Moving messages out of a dead-letter queue.
//!
//! The service moves them in the background. Here the move is over before its start is answered, so there is never a
//! running one to cancel.

use std::collections::BTreeMap;

use crate::sqs::address;
use crate::sqs::protocol::{MoveInput, MoveStarted, MoveTask, MoveTasks};
use crate::sqs::refusal::{Fault, Refusal};
use crate::sqs::state::Call;

pub(in crate::sqs) fn start_move(call: &mut Call<'_>, input: MoveInput) -> Result<MoveStarted, Refusal> {
    let now = call.now;
    let source = find(call, input.source_arn.as_deref(), "SourceArn")?;
    if super::queues::sources(call.state, &source).next().is_none() {
        let message = "Source queue must be configured as a Dead Letter Queue.";
        return Err(Refusal::new(Fault::InvalidParameterValue, message));
    }
    let destination = match &input.destination_arn {
        Some(arn) => Some(find(call, Some(arn), "DestinationArn")?),
        None => None,
    };
    if let Some(rate) = input.max_number_of_messages_per_second.filter(|rate| !(1..=500).contains(rate)) {
        let reason = "Must be between 1 and 500, if provided.";
        return Err(Refusal::parameter("MaxNumberOfMessagesPerSecond", rate, reason));
    }

    let queues: BTreeMap<&str, i64> =
        call.state.queues.iter().map(|(name, queue)| (name.as_str(), queue.id)).collect();
    let id = queues.get(source.as_str()).copied().ok_or_else(Refusal::no_queue)?;
    let mut task = MoveTask {
        status: "COMPLETED".to_owned(),
        source_arn: address::arn(&source),
        destination_arn: input.destination_arn,
        max_number_of_messages_per_second: input.max_number_of_messages_per_second,
        approximate_number_of_messages_moved: 0,
        approximate_number_of_messages_to_move: 0,
        failure_reason: None,
        started_timestamp: now,
    };
    let number = call.state.store.write(|tables| {
        for (message, failed_in) in tables.visible(id, now)? {
            task.approximate_number_of_messages_to_move += 1;
            let failed_in = failed_in.as_deref().and_then(address::name_in_arn);
            let Some(target) = destination.as_deref().or(failed_in).and_then(|name| queues.get(name)) else {
                // It was sent here directly, or the queue that it failed in is gone.
                "FAILED".clone_into(&mut task.status);
                task.failure_reason = Some("CouldNotDetermineMessageSource".to_owned());
                continue;
            };
            tables.resend(message, *target, now)?;
            task.approximate_number_of_messages_moved += 1;
        }
        Ok(tables.insert_move(&task)?)
    })?;
    call.state.queues.values().for_each(|queue| queue.arrived.notify_waiters());
    Ok(MoveStarted { task_handle: format!("move-{number}") })
}

pub(in crate::sqs) fn list_moves(call: &mut Call<'_>, input: &MoveInput) -> Result<MoveTasks, Refusal> {
    let source = find(call, input.source_arn.as_deref(), "SourceArn")?;
    let limit = input.max_results.unwrap_or(1);
    if !(1..=10).contains(&limit) {
        return Err(Refusal::parameter("MaxResults", limit, "Must be between 1 and 10, if provided."));
    }
    let results = call.state.store.tables().moves(&address::arn(&source), limit)?;
    Ok(MoveTasks { results })
}

/// The name of the queue with this ARN.
fn find(call: &Call<'_>, arn: Option<&str>, parameter: &str) -> Result<String, Refusal> {
    let arn = arn.ok_or_else(|| Refusal::missing(parameter))?;
    let name = address::name_in_arn(arn).filter(|name| call.state.queues.contains_key(*name));
    name.map(str::to_owned).ok_or_else(|| {
        let message = format!("The resource that you specified for the {parameter} parameter doesn't exist.");
        Refusal::new(Fault::ResourceNotFound, message)
    })
}
