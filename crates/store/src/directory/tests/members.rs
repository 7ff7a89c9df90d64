use domain::{Channel, MemberId, OrgId};
use serde_json::json;

use super::world::{COUNTRY, World, at, channels, parse, phone};
use crate::directory::{
    MAX_MEMBERS_PER_ADDRESS, MEMBER_SHARDS, MemberFilter, MemberWrite, Selection, Written,
};

const ANA: &str = "+442079460018";
const BEN: &str = "+442079460019";

fn id(text: &str) -> MemberId {
    text.parse().unwrap()
}

async fn select(world: &World, q: Option<&str>, max: usize) -> Selection {
    let filter = MemberFilter { unit_id: None, q: q.map(str::to_owned) };
    world.store.select_members(&world.org, &filter, max).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_what_was_last_put_and_gone_when_deleted() {
    let world = World::start().await;
    assert_eq!(world.put(phone("m1", ANA)).await, Written::Created);
    let whole =
        json!({"id": "m1", "first_names": "Ana", "email": "ana@example.org", "fields": {"seat": "4"}});
    assert_eq!(world.put(whole.clone()).await, Written::Replaced);
    let stored = world.store.member(&world.org, &id("m1"), COUNTRY).await.unwrap().unwrap();
    assert_eq!(stored.member, parse(whole));

    let other: OrgId = "other".parse().unwrap();
    assert_eq!(world.store.member(&other, &id("m1"), COUNTRY).await.unwrap(), None);
    world.delete("m1").await;
    world.delete("m1").await;
    assert_eq!(world.store.member(&world.org, &id("m1"), COUNTRY).await.unwrap(), None);
    world.check_copies(&[ANA, "ana@example.org"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_any_address_needs_no_address_item() {
    let world = World::start().await;
    assert_eq!(
        world.put(json!({"id": "m1", "primary_phone": "12", "email": "nobody"})).await,
        Written::Created
    );
    assert_eq!(world.opted_out("m1").await, channels(&[]));
    world.delete("m1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_addresses_are_those_of_their_last_write() {
    let world = World::start().await;
    world.put(json!({"id": "m1", "primary_phone": ANA, "secondary_phone": BEN})).await;
    world.put(json!({"id": "m1", "primary_phone": BEN, "email": "Ana@Example.org"})).await;
    world.check_copies(&[ANA, BEN, "ana@example.org"]).await;
    let record = world.store.address(&world.org, &world.hash(ANA)).await.unwrap();
    assert!(record.members.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_when_somebody_last_gave_an_address_up_also_if_nobody_has_it_any_more() {
    let world = World::start().await;
    world.put(phone("m1", ANA)).await;
    world.put(phone("m2", ANA)).await;
    let record = async || world.store.address(&world.org, &world.hash(ANA)).await.unwrap();
    assert!(record().await.nobody_left_since(at(0)), "they came, and nobody went");
    world.put(phone("m2", BEN)).await;
    let left = record().await;
    assert!(!left.nobody_left_since(at(0)) && left.nobody_left_since(at(10_000)));
    world.delete("m1").await;
    assert!(!record().await.nobody_left_since(at(0)), "nobody has it, and it is not forgotten who had");
    world.put(phone("m3", ANA)).await;
    assert!(!record().await.nobody_left_since(at(0)), "nor when somebody else has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_phones_the_one_that_is_used_counts() {
    let world = World::start().await;
    world.stop(BEN, Channel::Sms, 1).await;
    world.put(json!({"id": "m1", "primary_phone": ANA, "secondary_phone": BEN})).await;
    assert_eq!(world.opted_out("m1").await, channels(&[]));
    // The set of addresses stays the same, the one that is used does not.
    world.put(json!({"id": "m1", "primary_phone": BEN, "secondary_phone": ANA})).await;
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::Sms]));
    world.put(json!({"id": "m1", "secondary_phone": BEN})).await;
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::Sms]));
}

#[tokio::test(flavor = "multi_thread")]
async fn opt_outs_survive_the_member() {
    let world = World::start().await;
    world.put(json!({"id": "m1", "primary_phone": ANA, "email": "ana@example.org"})).await;
    world.api("m1", Channel::Email, true, 1).await;
    world.stop(ANA, Channel::WhatsApp, 1).await;
    world.delete("m1").await;
    assert_eq!(select(&world, None, 10).await, Selection::Members(vec![]));
    assert_eq!(world.api("m1", Channel::Sms, true, 2).await, None, "there is no such member");

    assert_eq!(
        world.put(json!({"id": "m1", "primary_phone": ANA, "email": "new@example.org"})).await,
        Written::Created
    );
    assert_eq!(world.opted_out("m1").await, channels(&[Channel::Email, Channel::WhatsApp]));
    assert_eq!(world.put(phone("m2", ANA)).await, Written::Created);
    assert_eq!(world.opted_out("m2").await, channels(&[Channel::WhatsApp]));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_organisation_moves_its_members_are_looked_up_under_their_new_numbers() {
    let world = World::start().await;
    world.put(phone("m1", "021 555 0100")).await;
    world.stop("+64215550100", Channel::Sms, 1).await;
    assert_eq!(world.opted_out_in("m1", "GB").await, channels(&[]));
    assert_eq!(world.opted_out_in("m1", "NZ").await, channels(&[Channel::Sms]));

    world.put(json!({"id": "m2", "primary_phone": "021 555 0100", "country": "NZ"})).await;
    assert_eq!(world.opted_out_in("m2", "GB").await, channels(&[Channel::Sms]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_writes_is_answered_in_its_order_and_equal_ids_are_written_in_theirs() {
    let world = World::start().await;
    let writes = [phone("m1", ANA), phone("m2", ANA), phone("m1", BEN), json!({"id": "m3"})];
    let mut writes: Vec<MemberWrite> = writes.map(|member| MemberWrite::Put(parse(member))).into();
    writes.push(MemberWrite::Delete(id("m2")));
    let written = world.store.write_members(&world.org, writes, COUNTRY, at(1)).await.unwrap();
    assert_eq!(
        written,
        [Written::Created, Written::Created, Written::Replaced, Written::Created, Written::Deleted]
    );
    world.check_copies(&[ANA, BEN]).await;
    assert_eq!(select(&world, None, 10).await, Selection::Members(vec![id("m1"), id("m3")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_members_may_share_an_address_and_no_more() {
    let world = World::start().await;
    let count = MAX_MEMBERS_PER_ADDRESS + 5;
    let writes = (0..count).map(|i| MemberWrite::Put(parse(phone(&format!("m{i}"), ANA)))).collect();
    let written = world.store.write_members(&world.org, writes, COUNTRY, at(1)).await.unwrap();
    assert!(written[..MAX_MEMBERS_PER_ADDRESS].iter().all(|one| *one == Written::Created));
    assert!(written[MAX_MEMBERS_PER_ADDRESS..].iter().all(|one| *one == Written::AddressFull));
    assert_eq!(world.put(phone("m0", ANA)).await, Written::Replaced, "who has it keeps it");
    world.stop(ANA, Channel::Sms, 1).await;
    world.check_copies(&[ANA]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_members_are_written_at_once_and_found_again() {
    let world = World::start().await;
    let member = |i: usize| {
        let home = i / 3; // Three to a household phone, everyone with a mailbox.
        parse(json!({
            "id": format!("m{i:04}"), "first_names": format!("N{}", i % 10), "email": format!("m{i}@example.org"),
            "primary_phone": format!("+4420794{home:05}"), "fields": {"seat": i.to_string()},
        }))
    };
    let writes = || (0..1_500).map(|i| MemberWrite::Put(member(i))).collect::<Vec<_>>();
    let written = world.store.write_members(&world.org, writes(), COUNTRY, at(1)).await.unwrap();
    assert!(written.iter().all(|one| *one == Written::Created));
    let again = world.store.write_members(&world.org, writes(), COUNTRY, at(2)).await.unwrap();
    assert!(again.iter().all(|one| *one == Written::Replaced));

    assert_eq!(select(&world, None, 1_499).await, Selection::TooMany);
    let Selection::Members(all) = select(&world, None, 1_500).await else { panic!("they fit") };
    assert_eq!(all.len(), 1_500);
    let Selection::Members(some) = select(&world, Some("n7"), 1_500).await else { panic!("they fit") };
    assert_eq!(some.len(), 150);
    let found = world.store.members_by_id(&world.org, &all, COUNTRY).await.unwrap();
    assert_eq!(found.len(), 1_500);

    let mut listed = 0;
    for shard in 0..MEMBER_SHARDS {
        let mut after = None;
        loop {
            let page =
                world.store.members_page(&world.org, shard, after.as_ref(), 40, COUNTRY).await.unwrap();
            listed += page.items.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    assert_eq!(listed, 1_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_changes_nothing_writes_nothing() {
    let world = World::start().await;
    let ana = json!({"id": "m1", "primary_phone": ANA, "email": "a@example.org"});
    world.put(ana.clone()).await;
    let version = async || world.store.member_item(&world.org, &id("m1")).await.unwrap().unwrap().version;
    let before = version().await;
    assert_eq!(world.put(ana).await, Written::Replaced);
    assert_eq!(version().await, before);
    world.put(json!({"id": "m1", "primary_phone": ANA, "email": "A@example.org"})).await;
    assert!(version().await > before, "the text changed, though not the address");
}
