//! Single messages: what comes back, and what is refused.

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName as System, QueueAttributeName};

use super::{Queue, attribute, bodies, code, receives};
use crate::support::{contract, here};

const MIB: usize = 1_048_576;

fn string(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

#[tokio::test]
async fn a_message_comes_back_as_it_was_sent() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let body = "{\"v\":1,\"text\":\"grüße 😀 \\\" \\\\ \\n\"}\ttab\nline";
        let sent = world.sqs.send_message().queue_url(&queue.url).message_body(body).send().await.unwrap();
        let message = queue.received_one().await;
        assert_eq!(message.body(), Some(body));
        assert_eq!(message.message_id(), sent.message_id());
        assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
        assert_eq!(receives(&message), 1);
        for name in [System::SentTimestamp, System::ApproximateFirstReceiveTimestamp] {
            let at: i64 = attribute(&message, &name).unwrap().parse().unwrap();
            assert!((at - world.now_ms()).abs() < 60_000, "{name:?} is {at}");
        }
        assert!(attribute(&message, &System::SenderId).is_some());
    })
    .await;
}

#[tokio::test]
async fn digests_of_body_and_attributes_are_those_of_the_service() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let sent = world
            .sqs
            .send_message()
            .queue_url(&queue.url)
            .message_body("msg")
            .message_attributes("Help.Me", string("Me"))
            .message_attributes("Hello", string("There"))
            .message_attributes("General", string("Kenobi"))
            .send()
            .await
            .unwrap();
        assert_eq!(sent.md5_of_message_body(), Some("6e2baaf3b97dbeef01c0043275f9a0e7"));
        assert_eq!(sent.md5_of_message_attributes(), Some("4c360f3fdafd970e05fae2f149d997f5"));
        let message = queue.received_one().await;
        assert_eq!(message.md5_of_body(), Some("6e2baaf3b97dbeef01c0043275f9a0e7"));
        assert_eq!(message.md5_of_message_attributes(), Some("4c360f3fdafd970e05fae2f149d997f5"));
        assert_eq!(message.message_attributes().unwrap()["General"], string("Kenobi"));
    })
    .await;
}

#[tokio::test]
async fn only_the_message_attributes_that_are_asked_for_come_back() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(QueueAttributeName::VisibilityTimeout, "0")]).await;
        let send = world.sqs.send_message().queue_url(&queue.url).message_body("msg");
        let send = send.message_attributes("Hello", string("There"));
        let send = send.message_attributes("Help.Me", string("Me"));
        send.message_attributes("General", string("Kenobi")).send().await.unwrap();
        let receive = world.sqs.receive_message().queue_url(&queue.url);
        let message =
            receive.message_attribute_names("Hello").send().await.unwrap().messages.unwrap().remove(0);
        assert_eq!(message.message_attributes().unwrap().len(), 1);
        // The digest that the service itself gives for `Hello` alone.
        assert_eq!(message.md5_of_message_attributes(), Some("a311262e065454b75da111d535b8dacd"));
        let plain = world.sqs.receive_message().queue_url(&queue.url).send().await.unwrap();
        let plain = plain.messages.unwrap().remove(0);
        assert!(plain.message_attributes().is_none_or(std::collections::HashMap::is_empty));
        assert!(plain.attributes().is_none_or(std::collections::HashMap::is_empty));
    })
    .await;
}

#[tokio::test]
async fn binary_attributes_come_back_byte_for_byte() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let bytes = Blob::new([0_u8, 255, 10, 200]);
        let value =
            MessageAttributeValue::builder().data_type("Binary").binary_value(bytes.clone()).build().unwrap();
        let send = world.sqs.send_message().queue_url(&queue.url).message_body("msg");
        send.message_attributes("raw", value).send().await.unwrap();
        let message = queue.received_one().await;
        assert_eq!(message.message_attributes().unwrap()["raw"].binary_value(), Some(&bytes));
    })
    .await;
}

#[tokio::test]
async fn a_body_of_one_mebibyte_is_accepted_and_one_byte_more_is_not() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let body = "x".repeat(MIB);
        queue.send(&body).await;
        assert_eq!(queue.received_one().await.body().map(str::len), Some(MIB));
        let send = world.sqs.send_message().queue_url(&queue.url);
        let refused = send.message_body("x".repeat(MIB + 1)).send().await;
        assert_eq!(code(refused), "InvalidParameterValue");
    })
    .await;
}

#[tokio::test]
async fn attributes_count_towards_the_size_of_a_message() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
        let send = |length: usize| {
            let send = world.sqs.send_message().queue_url(&queue.url).message_body("x".repeat(length));
            send.message_attributes("n", string("v")).send()
        };
        // The attribute takes its name, `String` and its value: 1 + 6 + 1 bytes.
        send(1016).await.unwrap();
        assert_eq!(code(send(1017).await), "InvalidParameterValue");
    })
    .await;
}

#[tokio::test]
async fn characters_outside_xml_are_refused() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        for bad in ["\u{0}", "a\u{b}", "\u{ffff}"] {
            let refused = world.sqs.send_message().queue_url(&queue.url).message_body(bad).send().await;
            assert!(refused.unwrap_err().into_service_error().is_invalid_message_contents(), "{bad:?}");
        }
        queue.send("emoji 😀 and \u{fffd} pass").await;
    })
    .await;
}

#[tokio::test]
async fn an_empty_body_is_refused() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let refused = world.sqs.send_message().queue_url(&queue.url).message_body("").send().await;
        assert_eq!(code(refused), "MissingParameter");
    })
    .await;
}

#[tokio::test]
async fn a_delay_over_900_seconds_is_refused() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let send =
            |delay| world.sqs.send_message().queue_url(&queue.url).message_body("x").delay_seconds(delay);
        send(900).send().await.unwrap();
        assert_eq!(code(send(901).send().await), "InvalidParameterValue");
        assert_eq!(code(send(-1).send().await), "InvalidParameterValue");
    })
    .await;
}

#[tokio::test]
async fn a_group_id_is_taken_and_returned_by_a_standard_queue() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let send = world.sqs.send_message().queue_url(&queue.url).message_body("x");
        send.message_group_id("org_7").send().await.unwrap();
        let message = queue.received_one().await;
        assert_eq!(attribute(&message, &System::MessageGroupId), Some("org_7"));
    })
    .await;
}

#[tokio::test]
async fn a_group_does_not_hold_back_its_other_messages() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        for body in ["one", "two"] {
            let send = world.sqs.send_message().queue_url(&queue.url).message_body(body);
            send.message_group_id("org_7").send().await.unwrap();
        }
        let first = queue.receive().max_number_of_messages(1).send().await.unwrap().messages.unwrap();
        let second = queue.receive().max_number_of_messages(1).send().await.unwrap().messages.unwrap();
        let mut seen = [bodies(&first), bodies(&second)].concat();
        seen.sort_unstable();
        assert_eq!(seen, ["one", "two"]);
    })
    .await;
}
