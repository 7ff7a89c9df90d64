//! Which members a list or a selection means.

use domain::member::Member;

/// Fewest digits with which a search looks into phone numbers as digits.
const MIN_DIGITS: usize = 3;

/// A filter of members; what is `None` does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberFilter {
    /// The id of their unit.
    pub unit_id: Option<String>,
    /// A part of their names, email or a phone; case does not matter, and of phones neither does punctuation.
    pub q: Option<String>,
}

impl MemberFilter {
    /// Whether everybody is meant.
    pub fn is_empty(&self) -> bool {
        self.unit_id.is_none() && self.q().is_none()
    }

    fn q(&self) -> Option<String> {
        let q = self.q.as_deref()?.trim().to_lowercase();
        (!q.is_empty()).then_some(q)
    }

    /// Whether `member` is meant.
    pub fn matches(&self, member: &Member) -> bool {
        let in_unit =
            self.unit_id.as_ref().is_none_or(|id| member.unit.as_ref().is_some_and(|unit| unit.id == *id));
        in_unit && self.q().is_none_or(|q| mentions(member, &q))
    }
}

fn mentions(member: &Member, q: &str) -> bool {
    let text = |part: &Option<String>| part.as_deref().unwrap_or_default().trim().to_lowercase();
    let (first, last) = (text(&member.first_names), text(&member.last_names));
    let phones = [text(&member.primary_phone), text(&member.secondary_phone)];
    let names = [format!("{first} {last}"), format!("{last} {first}"), format!("{last}, {first}")];
    let texts = names.iter().chain(&phones);
    texts.chain([&text(&member.email)]).any(|text| text.contains(q)) || has_digits(&phones, q)
}

/// Whether `q` is a part of a number that is typed with other punctuation.
fn has_digits(phones: &[String], q: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let is_number = q.chars().all(|c| c.is_ascii_digit() || " +-()./".contains(c));
    let wanted = digits(q);
    is_number && wanted.len() >= MIN_DIGITS && phones.iter().any(|phone| digits(phone).contains(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> Member {
        serde_json::from_value(serde_json::json!({
            "id": "m1", "first_names": "Ana María", "last_names": "ÖZ", "email": "Ana@Example.org",
            "primary_phone": "+44 (0)20 7946-0018", "unit": {"id": "u1", "name": "North"},
        }))
        .unwrap()
    }

    fn finds(q: &str) -> bool {
        MemberFilter { q: Some(q.into()), ..MemberFilter::default() }.matches(&ana())
    }

    #[test]
    fn a_search_looks_into_names_email_and_phones_whatever_the_case() {
        for q in [
            "ana",
            "ANA MAR",
            "öz",
            "maría öz",
            "öz, ana",
            "öz ana",
            "@example",
            "7946-0018",
            "79460018",
            "020 794",
            "  ana  ",
            "",
        ] {
            assert!(finds(q), "{q}");
        }
        for q in ["anna", "north", "m1", "12345", "+1"] {
            assert!(!finds(q), "{q}");
        }
    }

    #[test]
    fn a_unit_is_meant_by_its_exact_id() {
        let in_unit = |id: &str| MemberFilter { unit_id: Some(id.into()), q: None }.matches(&ana());
        assert!(in_unit("u1"));
        assert!(!in_unit("u"));
    }

    #[test]
    fn both_filters_have_to_match() {
        let filter =
            |unit: &str| MemberFilter { unit_id: Some(unit.into()), q: Some("ana".into()) }.matches(&ana());
        assert!(filter("u1"));
        assert!(!filter("u2"));
    }
}
