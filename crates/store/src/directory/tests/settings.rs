use domain::OrgId;
use domain::settings::{Organisation, TemplateSettings};
use serde_json::json;

use super::world::World;
use crate::directory::Put;

fn template(id: &str) -> TemplateSettings {
    let content = json!({"channel": "sms", "text": "Hi", "language": null});
    serde_json::from_value(json!({"id": id, "name": "n", "status": "approved", "content": content})).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_what_was_last_put() {
    let world = World::start().await;
    assert_eq!(world.store.organisation(&world.org).await.unwrap(), None);
    let mut organisation: Organisation =
        serde_json::from_value(json!({"id": "demo", "name": "St Mark", "country": "GB", "time_zone": "UTC"}))
            .unwrap();
    assert_eq!(world.store.put_organisation(&organisation).await.unwrap(), Put::Created);
    organisation.help_text = Some("Call us".into());
    assert_eq!(world.store.put_organisation(&organisation).await.unwrap(), Put::Replaced);
    assert_eq!(world.store.organisation(&world.org).await.unwrap(), Some(organisation));
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_listed_in_parts_and_not_across_organisations() {
    let world = World::start().await;
    let other: OrgId = "other".parse().unwrap();
    for id in ["a", "b", "c"] {
        assert_eq!(world.store.put_template(&world.org, &template(id)).await.unwrap(), Put::Created);
    }
    world.store.put_template(&other, &template("x")).await.unwrap();

    let first = world.store.templates_page(&world.org, None, 2).await.unwrap();
    assert_eq!(first.items, [template("a"), template("b")]);
    let rest = world.store.templates_page(&world.org, first.next.as_ref(), 2).await.unwrap();
    assert_eq!(rest.items, [template("c")]);
    assert_eq!(rest.next, None);

    world.store.delete_template(&world.org, &"x".parse().unwrap()).await.unwrap();
    assert!(world.store.template(&other, &"x".parse().unwrap()).await.unwrap().is_some());
}
