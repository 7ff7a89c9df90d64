//! Queues and their attributes.

use aws_sdk_sqs::types::QueueAttributeName::{
    All, DelaySeconds, LastModifiedTimestamp, MaximumMessageSize, MessageRetentionPeriod,
    ReceiveMessageWaitTimeSeconds, RedrivePolicy, VisibilityTimeout,
};

use super::{Queue, code};
use crate::support::{contract, here};

#[tokio::test]
async fn a_queue_made_again_with_the_same_attributes_is_the_same_queue() {
    contract(here!(), async |world| {
        let queue = Queue::with(&world, "jobs", &[(VisibilityTimeout, "45")]).await;
        let again = Queue::with(&world, "jobs", &[(VisibilityTimeout, "45")]).await;
        assert_eq!(queue.url, again.url);
        assert_eq!(Queue::new(&world, "jobs").await.url, queue.url);
    })
    .await;
}

#[tokio::test]
async fn a_queue_made_again_with_another_attribute_is_refused() {
    contract(here!(), async |world| {
        Queue::with(&world, "jobs", &[(VisibilityTimeout, "45")]).await;
        let again = world.sqs.create_queue().queue_name(world.name("jobs"));
        let refused = again.attributes(VisibilityTimeout, "46").send().await;
        assert!(refused.unwrap_err().into_service_error().is_queue_name_exists());
    })
    .await;
}

#[tokio::test]
async fn a_missing_queue_is_an_error_that_the_sdk_knows() {
    contract(here!(), async |world| {
        let missing = world.sqs.get_queue_url().queue_name(world.name("none")).send().await;
        assert!(missing.unwrap_err().into_service_error().is_queue_does_not_exist());
        let queue = Queue::new(&world, "jobs").await;
        world.sqs.delete_queue().queue_url(&queue.url).send().await.unwrap();
        let gone = world.sqs.send_message().queue_url(&queue.url).message_body("x").send().await;
        assert!(gone.unwrap_err().into_service_error().is_queue_does_not_exist());
    })
    .await;
}

#[tokio::test]
async fn defaults_are_those_of_the_documentation() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let asked = world.sqs.get_queue_attributes().queue_url(&queue.url).attribute_names(All);
        let all = asked.send().await.unwrap().attributes.unwrap();
        for (name, value) in [
            (VisibilityTimeout, "30"),
            (DelaySeconds, "0"),
            (ReceiveMessageWaitTimeSeconds, "0"),
            (MessageRetentionPeriod, "345600"),
            (MaximumMessageSize, "1048576"),
        ] {
            assert_eq!(all[&name], value, "{name:?}");
        }
        assert!(queue.arn.starts_with("arn:aws:sqs:us-east-1:000000000000:"), "{}", queue.arn);
        assert!(all.contains_key(&LastModifiedTimestamp));
    })
    .await;
}

#[tokio::test]
async fn attributes_can_be_changed_and_have_limits() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let set = || world.sqs.set_queue_attributes().queue_url(&queue.url);
        set().attributes(VisibilityTimeout, "90").attributes(DelaySeconds, "3").send().await.unwrap();
        assert_eq!(queue.attribute(VisibilityTimeout).await.unwrap(), "90");
        assert_eq!(queue.attribute(DelaySeconds).await.unwrap(), "3");
        let refused = set().attributes(DelaySeconds, "901").send().await;
        assert_eq!(code(refused), "InvalidAttributeValue");
        assert_eq!(queue.attribute(DelaySeconds).await.unwrap(), "3");
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_queue_has_to_exist() {
    contract(here!(), async |world| {
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{}", world.name("none"));
        let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":3}}");
        let refused = world
            .sqs
            .create_queue()
            .queue_name(world.name("jobs"))
            .attributes(RedrivePolicy, policy)
            .send()
            .await;
        assert_eq!(code(refused), "InvalidParameterValue");
    })
    .await;
}

#[tokio::test]
async fn queues_are_listed_by_prefix_and_in_pages() {
    contract(here!(), async |world| {
        let mut made = Vec::new();
        for what in ["a-1", "a-2", "a-3", "b-1"] {
            made.push(Queue::new(&world, what).await.url);
        }
        let list = || world.sqs.list_queues().queue_name_prefix(world.name("a-"));
        let mut listed = list().send().await.unwrap().queue_urls.unwrap();
        listed.sort();
        assert_eq!(listed, made[..3]);

        let first = list().max_results(2).send().await.unwrap();
        let mut paged = first.queue_urls.unwrap();
        assert_eq!(paged.len(), 2);
        let second = list().max_results(2).next_token(first.next_token.unwrap()).send().await.unwrap();
        paged.extend(second.queue_urls.unwrap());
        paged.sort();
        assert_eq!(paged, made[..3]);
        assert_eq!(second.next_token, None);
    })
    .await;
}

#[tokio::test]
async fn a_purge_empties_the_queue() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        queue.send("one").await;
        queue.send("two").await;
        queue.received().await;
        world.sqs.purge_queue().queue_url(&queue.url).send().await.unwrap();
        assert_eq!(queue.counts().await, (0, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_queue_can_be_purged_once_a_minute() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        world.sqs.purge_queue().queue_url(&queue.url).send().await.unwrap();
        let again = world.sqs.purge_queue().queue_url(&queue.url).send().await;
        assert!(again.unwrap_err().into_service_error().is_purge_queue_in_progress());
    })
    .await;
}

#[tokio::test]
async fn tags_can_be_put_on_a_queue_and_taken_off() {
    contract(here!(), async |world| {
        let queue = Queue::new(&world, "jobs").await;
        let tag = world.sqs.tag_queue().queue_url(&queue.url);
        tag.tags("team", "tidings").tags("stage", "test").send().await.unwrap();
        let untag = world.sqs.untag_queue().queue_url(&queue.url);
        untag.tag_keys("stage").send().await.unwrap();
        let tags = world.sqs.list_queue_tags().queue_url(&queue.url).send().await.unwrap().tags.unwrap();
        assert_eq!(tags.len(), 1);
        assert_eq!(tags["team"], "tidings");
    })
    .await;
}
