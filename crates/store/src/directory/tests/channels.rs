use std::convert::Infallible;

use domain::Channel;
use domain::settings::{ChannelSettings, ChannelStatus};

use super::world::{World, at};
use crate::directory::Put;

async fn put(world: &World, change: impl Fn(ChannelSettings) -> ChannelSettings) -> Put {
    let new = || ChannelSettings::new(Channel::Sms, "+15005550006".into());
    let changed = world
        .store
        .change_channel(&world.org, Channel::Sms, |known| {
            Ok::<_, Infallible>(change(known.unwrap_or_else(new)))
        })
        .await;
    changed.unwrap().unwrap().1
}

async fn sms(world: &World) -> ChannelSettings {
    world.store.channels(&world.org).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_not_there_is_neither_paused_nor_listed() {
    let world = World::start().await;
    assert!(!world.store.pause_channel(&world.org, Channel::Sms, "why", at(1)).await.unwrap());
    assert_eq!(world.store.channels(&world.org).await.unwrap(), []);
    assert_eq!(put(&world, |settings| settings).await, Put::Created);
    world.store.delete_channel(&world.org, Channel::Sms).await.unwrap();
    assert_eq!(world.store.channels(&world.org).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sender_pauses_and_resumes_and_keeps_its_settings() {
    let world = World::start().await;
    put(&world, |settings| settings).await;
    assert!(world.store.pause_channel(&world.org, Channel::Sms, "credentials", at(5)).await.unwrap());
    let paused = sms(&world).await;
    assert_eq!((paused.status, paused.status_at), (ChannelStatus::Paused, Some(at(5))));
    assert_eq!(paused.status_reason.as_deref(), Some("credentials"));

    assert_eq!(put(&world, |settings| ChannelSettings { per_day: Some(9), ..settings }).await, Put::Replaced);
    assert_eq!(sms(&world).await, ChannelSettings { per_day: Some(9), ..paused });

    assert!(world.store.resume_channel(&world.org, Channel::Sms, at(6)).await.unwrap());
    assert!(!world.store.resume_channel(&world.org, Channel::Sms, at(7)).await.unwrap(), "it was not paused");
    let resumed = sms(&world).await;
    assert_eq!(
        (resumed.status, resumed.status_reason, resumed.status_at),
        (ChannelStatus::Active, None, Some(at(6)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_a_person_paused_is_not_resumed_by_a_dispatcher() {
    let world = World::start().await;
    let hold = |settings| ChannelSettings {
        status: ChannelStatus::Paused,
        status_reason: Some("holiday".into()),
        status_at: Some(at(1)),
        held: true,
        ..settings
    };
    put(&world, hold).await;
    assert!(!world.store.pause_channel(&world.org, Channel::Sms, "refused", at(2)).await.unwrap());
    assert!(!world.store.resume_channel(&world.org, Channel::Sms, at(3)).await.unwrap());
    assert_eq!(sms(&world).await.status_reason.as_deref(), Some("holiday"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_at_once_are_both_made() {
    let world = World::start().await;
    put(&world, |settings| settings).await;
    tokio::join!(
        put(&world, |settings| ChannelSettings { per_day: Some(9), ..settings }),
        put(&world, |settings| ChannelSettings { receipt_window_s: 60, ..settings }),
        async { world.store.pause_channel(&world.org, Channel::Sms, "refused", at(2)).await.unwrap() },
    );
    let settings = sms(&world).await;
    assert_eq!(
        (settings.per_day, settings.receipt_window_s, settings.status),
        (Some(9), 60, ChannelStatus::Paused)
    );
}
