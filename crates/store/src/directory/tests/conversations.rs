use domain::{Channel, ConversationId};

use super::world::World;
use crate::action::Saved;
use crate::item::{Reader, Writer, n, s};
use crate::keys;

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_conversation_keeps_everything_but_its_address_and_preview() {
    let world = World::start().await;
    let (store, org) = (&world.store, &world.org);
    let id = ConversationId { channel: Channel::Sms, address: world.hash("+15005550006") };
    assert_eq!(store.empty_conversation(org, &id).await.unwrap(), Saved::Stale, "there is none");

    let (pk, sk) = (keys::conversation(org, &id), keys::conversation_on(id.channel));
    let item = Writer::default()
        .set("pk", s(&pk))
        .set("sk", s(&sk))
        .set("address", s("+15005550006"))
        .set("preview", s("See you at 10"))
        .set("unread", n(3))
        .set("version", n(7))
        .done();
    store.put_new(&store.tables.directory, item).await.unwrap();
    assert_eq!(store.empty_conversation(org, &id).await.unwrap(), Saved::Yes);
    let left = store.directory_item(&pk, &sk).await.unwrap().unwrap();
    let read = Reader(&left);
    assert_eq!((read.text_opt("address").unwrap(), read.text("preview").unwrap()), (None, ""));
    assert_eq!(
        (read.count("unread").unwrap(), read.count("version").unwrap()),
        (3, 8),
        "who read it before reads it again"
    );
    assert_eq!(store.empty_conversation(org, &id).await.unwrap(), Saved::Stale, "it is empty");
}
