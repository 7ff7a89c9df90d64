//! SQS, standard queues.

mod batches;
mod dead_letters;
mod messages;
mod polling;
mod queues;
mod visibility;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

use crate::support::World;

/// A queue, the way a function sees it.
struct Queue<'w> {
    world: &'w World,
    url: String,
    arn: String,
}

impl<'w> Queue<'w> {
    async fn new(world: &'w World, what: &str) -> Queue<'w> {
        Self::with(world, what, &[]).await
    }

    async fn with(world: &'w World, what: &str, attributes: &[(QueueAttributeName, &str)]) -> Queue<'w> {
        let mut create = world.sqs.create_queue().queue_name(world.name(what));
        for (name, value) in attributes {
            create = create.attributes(name.clone(), *value);
        }
        let url = create.send().await.expect("the queue is made").queue_url.expect("it has a URL");
        let mut queue = Queue { world, url, arn: String::new() };
        queue.arn = queue.attribute(QueueAttributeName::QueueArn).await.expect("it has an ARN");
        queue
    }

    /// A queue whose messages go to `dead` when they were received `max_receives` times.
    async fn with_dead_letters(
        world: &'w World,
        what: &str,
        dead: &Queue<'_>,
        max_receives: u32,
    ) -> Queue<'w> {
        let policy =
            format!("{{\"deadLetterTargetArn\":\"{}\",\"maxReceiveCount\":{max_receives}}}", dead.arn);
        Self::with(world, what, &[(QueueAttributeName::RedrivePolicy, &policy)]).await
    }

    async fn attribute(&self, name: QueueAttributeName) -> Option<String> {
        let asked = self.world.sqs.get_queue_attributes().queue_url(&self.url);
        let answer = asked.attribute_names(name.clone()).send().await.expect("attributes can be read");
        answer.attributes?.remove(&name)
    }

    /// Visible, in flight, delayed.
    async fn counts(&self) -> (u32, u32, u32) {
        use QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
            ApproximateNumberOfMessagesNotVisible,
        };
        let asked = self.world.sqs.get_queue_attributes().queue_url(&self.url);
        let asked = asked.attribute_names(ApproximateNumberOfMessages);
        let asked = asked.attribute_names(ApproximateNumberOfMessagesNotVisible);
        let asked = asked.attribute_names(ApproximateNumberOfMessagesDelayed);
        let answer = asked.send().await.expect("attributes can be read").attributes.unwrap_or_default();
        let [visible, in_flight, delayed] = [
            ApproximateNumberOfMessages,
            ApproximateNumberOfMessagesNotVisible,
            ApproximateNumberOfMessagesDelayed,
        ]
        .map(|name| answer[&name].parse().expect("a count is a number"));
        (visible, in_flight, delayed)
    }

    async fn send(&self, body: &str) {
        let send = self.world.sqs.send_message().queue_url(&self.url).message_body(body);
        send.send().await.expect("the message is accepted");
    }

    fn receive(&self) -> ReceiveMessageFluentBuilder {
        self.world
            .sqs
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
    }

    /// What is there now.
    async fn received(&self) -> Vec<Message> {
        self.receive().send().await.expect("messages can be received").messages.unwrap_or_default()
    }

    /// The one message that is there now.
    async fn received_one(&self) -> Message {
        let mut messages = self.received().await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    async fn delete(&self, message: &Message) {
        let delete = self.world.sqs.delete_message().queue_url(&self.url);
        delete.receipt_handle(handle(message)).send().await.expect("the handle is accepted");
    }
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().expect("every received message has a handle")
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

fn attribute<'m>(message: &'m Message, name: &MessageSystemAttributeName) -> Option<&'m str> {
    message.attributes()?.get(name).map(String::as_str)
}

fn receives(message: &Message) -> u32 {
    let count = attribute(message, &MessageSystemAttributeName::ApproximateReceiveCount);
    count.expect("a received message has a count").parse().expect("a count is a number")
}

/// The code of the error that the service answered with.
fn code<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    let error = result.expect_err("the service refuses this");
    error.code().expect("the service says why").to_owned()
}
