//! Where mails are answered.

use serde_json::json;
use testing::World;

#[tokio::test]
async fn a_mail_is_answered_to_the_channels_mailbox_or_else_to_the_organisations() {
    let world = World::start().await;
    let members = world.members(1).await;
    let mail = || {
        let message = json!({ "channel": "email", "subject": "Hello", "body": "Hi" });
        world.send(json!({ "target_ids": members, "messages": [message] }))
    };
    mail().await;
    world.drain().await;
    let organisation = json!({ "name": "St Mark", "country": "NZ", "reply_to": "office@stmark.example.org" });
    world.ok("PUT /organisation", &[], organisation).await;
    mail().await;
    world.drain().await;
    let channel = json!({ "reply_to": "vicar@stmark.example.org" });
    world.ok("PUT /channels/{channel}", &[("channel", "email")], channel).await;
    mail().await;
    world.drain().await;
    let seen = world.provider.accepted();
    let replies: Vec<Option<&str>> = seen.iter().map(|seen| seen.reply_to.as_deref()).collect();
    assert_eq!(replies, [None, Some("office@stmark.example.org"), Some("vicar@stmark.example.org")]);
}
