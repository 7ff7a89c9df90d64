//! The demo organisation's members: mostly ordinary ones, and one of each kind that a send has to cope with.

use serde_json::{Value as Json, json};

/// The member who is opted out of SMS.
pub(super) const OPTED_OUT: &str = "m066";

const UNITS: &[(&str, &str)] = &[
    ("choir", "Choir"),
    ("youth", "Youth group"),
    ("welcome", "Welcome team"),
    ("parish", "Parish council"),
    ("playgroup", "Playgroup"),
];

const NAMES: &[(&str, &str)] = &[
    ("Aroha", "Parata"),
    ("Ben", "Thompson"),
    ("Charlotte", "Ngata"),
    ("Daniel", "Fonoti"),
    ("Eleni", "Papadopoulos"),
    ("Finn", "O'Connor"),
    ("Grace", "Tuilagi"),
    ("Hēmi", "Walker"),
    ("Isla", "Campbell"),
    ("Jack", "Harris"),
    ("Kiri", "Paewai"),
    ("Liam", "Murphy"),
    ("Mārama", "Rangi"),
    ("Noah", "Clarke"),
    ("Olivia", "Singh"),
    ("Priya", "Patel"),
    ("Quentin", "Reid"),
    ("Ruby", "Morgan"),
    ("Sione", "Taufa"),
    ("Tess", "van Dijk"),
    ("Una", "Robertson"),
    ("Viliami", "Moala"),
    ("William", "Scott"),
    ("Xanthe", "Baker"),
    ("Yusuf", "Rahman"),
    ("Zoe", "Mitchell"),
    ("Anahera", "Hohepa"),
    ("Brodie", "Stewart"),
    ("Cora", "Bennett"),
    ("Dylan", "Kaur"),
    ("Emma", "Wilson"),
    ("Faith", "Leota"),
    ("George", "Anderson"),
    ("Hana", "Kim"),
    ("Ioane", "Sua"),
    ("Julia", "Schmidt"),
    ("Kahu", "Edwards"),
    ("Lucy", "Chen"),
    ("Mateo", "García"),
    ("Nina", "Novak"),
    ("Oscar", "Young"),
    ("Phoebe", "Ward"),
    ("Rāwiri", "Taylor"),
    ("Sofia", "Rossi"),
    ("Tāne", "Cooper"),
    ("Uma", "Nair"),
    ("Victor", "Lee"),
    ("Wiremu", "Hughes"),
    ("Yvonne", "Martin"),
    ("Zac", "Evans"),
    ("Amelia", "Gray"),
    ("Bruno", "Costa"),
];

/// All members, as `POST /members/import` takes them.
pub(super) fn all() -> Vec<Json> {
    let mut members: Vec<Json> =
        NAMES.iter().enumerate().map(|(place, name)| ordinary(place, *name)).collect();
    members.extend(fixed_behaviour());
    members.extend(gaps());
    members.extend(household());
    members
}

fn ordinary(place: usize, (first, last): (&str, &str)) -> Json {
    let (unit, unit_name) = UNITS[place % UNITS.len()];
    json!({
        "id": format!("m{:03}", place + 1),
        "first_names": first,
        "last_names": last,
        "email": email(first, last),
        "primary_phone": phone(place),
        "country": country(place),
        "unit": {"id": unit, "name": unit_name},
        "fields": {"table": (place % 12 + 1).to_string()},
    })
}

/// Most have a New Zealand number, written in one way or another; some live or roam elsewhere.
fn phone(place: usize) -> String {
    let local = 2_410_100 + place * 137;
    match (country(place), place % 4) {
        ("AU", _) => format!("+614{:08}", 12_345_100 + place * 91),
        ("GB", _) => format!("+44 7400 {:06}", 123_100 + place * 77),
        (_, 1) => format!("021 {} {:04}", local / 10_000, local % 10_000),
        (_, 3) => format!("+64 21 {} {:04}", local / 10_000, local % 10_000),
        _ => format!("+6421{local}"),
    }
}

fn country(place: usize) -> &'static str {
    match place % 13 {
        6 => "AU",
        11 => "GB",
        _ => "NZ",
    }
}

fn email(first: &str, last: &str) -> String {
    let plain = |text: &str| -> String {
        let letters = text.to_lowercase();
        let letters = letters.chars().map(|letter| match letter {
            'ā' => 'a',
            'ē' => 'e',
            'ī' | 'í' => 'i',
            'ō' => 'o',
            'ū' => 'u',
            other => other,
        });
        letters.filter(char::is_ascii_alphanumeric).collect()
    };
    format!("{}.{}@example.org", plain(first), plain(last))
}

fn special(number: usize, first: &str, last: &str, email: Option<&str>, phone: Option<&str>) -> Json {
    json!({
        "id": format!("m{number:03}"), "first_names": first, "last_names": last, "email": email,
        "primary_phone": phone, "country": "NZ", "unit": {"id": "cases", "name": "Special cases"},
    })
}

/// Addresses by whose ending the simulators always behave in one way.
fn fixed_behaviour() -> Vec<Json> {
    let people = [
        ("Albert", "Refused"),
        ("Bella", "Bounces"),
        ("Carl", "Silent"),
        ("Dora", "Stops"),
        ("Edgar", "Lost-Answer"),
        ("Flora", "Complains"),
    ];
    let member = |(place, (first, last)): (usize, (&str, &str))| {
        let ending = place + 1;
        let mail = format!("{}.{ending:04}@example.org", first.to_lowercase());
        // The sixth behaviour is one of mail alone.
        let phone = if ending == 6 { "+64212410106".to_owned() } else { format!("+6421241{ending:04}") };
        special(53 + place, first, last, Some(&mail), Some(&phone))
    };
    people.into_iter().enumerate().map(member).collect()
}

/// Members of whom something is missing or wrong, and one who wants no SMS.
fn gaps() -> Vec<Json> {
    let mut nameless = special(64, "", "Nameless", Some("nameless@example.org"), Some("+64212418001"));
    nameless["first_names"] = Json::Null;
    vec![
        special(59, "Gus", "Landline-Only", Some("gus.landline@example.org"), None),
        special(60, "Heidi", "No-Phone", Some("heidi.nophone@example.org"), None),
        special(61, "Ivan", "Typo", Some("ivan.typo@example.org"), Some("021 12")),
        special(62, "Jill", "No-Mail", None, Some("+64212418002")),
        special(63, "Kurt", "Odd-Mail", Some("kurt at example"), Some("+64212418003")),
        nameless,
        special(65, "Lena", "Unreachable", None, None),
        special(66, "Max", "Wants-No-SMS", Some("max.nosms@example.org"), Some("+64212418004")),
    ]
}

/// Three people with one phone; two of them share the mailbox, too.
fn household() -> Vec<Json> {
    let member = |number: usize, first: &str, mail: &str| {
        let mut member = special(number, first, "Tamihana", Some(mail), Some("+64212418100"));
        member["unit"] = json!({"id": "playgroup", "name": "Playgroup"});
        member
    };
    vec![
        member(67, "Moana", "tamihana@example.org"),
        member(68, "Pete", "tamihana@example.org"),
        member(69, "Rosie", "rosie.tamihana@example.org"),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use domain::{email::parse_email, phone::parse_phone};

    use super::*;

    fn text<'a>(member: &'a Json, field: &str) -> Option<&'a str> {
        member[field].as_str()
    }

    #[test]
    fn there_are_at_least_sixty_and_their_ids_differ() {
        let ids: BTreeSet<String> = all().iter().map(|member| member["id"].to_string()).collect();
        assert_eq!(ids.len(), member_count());
        assert!(ids.len() >= 60);
        assert!(ids.contains(&format!("\"{OPTED_OUT}\"")));
    }

    fn member_count() -> usize {
        all().len()
    }

    #[test]
    fn all_phones_but_the_wrong_one_are_real_numbers() {
        let mut wrong = Vec::new();
        for member in all() {
            let Some(phone) = text(&member, "primary_phone") else { continue };
            if let Err(problem) = parse_phone(phone, text(&member, "country")) {
                wrong.push(format!("{} {phone}: {problem}", member["id"]));
            }
        }
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].contains("m061"), "{wrong:?}");
    }

    #[test]
    fn all_mail_addresses_but_the_wrong_one_are_valid() {
        let wrong: Vec<String> = all()
            .iter()
            .filter(|member| text(member, "email").is_some_and(|email| parse_email(email).is_err()))
            .map(|member| member["id"].to_string())
            .collect();
        assert_eq!(wrong, ["\"m063\""]);
    }

    #[test]
    fn only_the_household_shares_a_phone() {
        let mut holders: BTreeMap<String, usize> = BTreeMap::new();
        for member in all() {
            if let Some(phone) = text(&member, "primary_phone")
                && let Ok(number) = parse_phone(phone, text(&member, "country"))
            {
                *holders.entry(number.as_str().to_owned()).or_default() += 1;
            }
        }
        let shared: Vec<usize> = holders.into_values().filter(|count| *count > 1).collect();
        assert_eq!(shared, [3]);
    }

    #[test]
    fn ordinary_addresses_have_no_ending_that_means_something_to_the_simulators() {
        let members = all();
        let ordinary = members.iter().filter(|member| member["unit"]["id"] != "cases");
        for member in ordinary {
            let digits: String =
                text(member, "primary_phone").unwrap().chars().filter(char::is_ascii_digit).collect();
            assert!(!digits[digits.len() - 4..].starts_with("000"), "{member}");
        }
    }
}
