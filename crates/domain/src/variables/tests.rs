use proptest::prelude::*;

use super::*;

const PLENTY: Most = Most::Bytes(1_000_000);

fn values(pairs: &[(&str, &str)]) -> BTreeMap<Variable, String> {
    pairs.iter().map(|(path, value)| (path.parse().unwrap(), (*value).to_owned())).collect()
}

fn ana() -> BTreeMap<Variable, String> {
    values(&[
        ("member.first_names", "Ana"),
        ("member.last_names", "O'Neill & <Söhne>"),
        ("member.unit.name", "  "),
        ("member.fields.Shirt-size_2", "XL"),
        ("unsubscribe_url", "https://t.example/u?a=1&b=2"),
    ])
}

fn render(text: &str) -> String {
    Template::parse(text).unwrap().render(&ana(), Escape::None, PLENTY).unwrap()
}

fn error(text: &str) -> (VariableProblem, u32, u32, String) {
    let error = Template::parse(text).unwrap_err();
    (error.problem, error.line, error.column, error.text)
}

#[test]
fn variables_are_replaced_whatever_the_white_space_inside() {
    assert_eq!(render("Dear {{member.first_names}},"), "Dear Ana,");
    assert_eq!(render("{{  member.first_names\t}}{{\nmember.first_names\u{a0}}}"), "AnaAna");
    assert_eq!(render("{{member.fields.Shirt-size_2|default('M')}}"), "XL");
}

#[test]
fn a_default_stands_in_for_a_value_that_is_absent_or_blank() {
    assert_eq!(render("{{ org.name | default(\"us\") }}"), "us");
    assert_eq!(render("{{member.unit.name|default('your troop')}}"), "your troop");
    assert_eq!(render("{{ member.first_names | default ( 'friend' ) }}"), "Ana");
    assert_eq!(render("{{org.name|default('')}}!"), "!");
}

#[test]
fn a_default_may_hold_quotes_backslashes_braces_and_line_breaks() {
    assert_eq!(
        render(r#"{{org.name | default("a \"b\" 'c' \\ \'d\' }} {{ |\\n")}}"#),
        r#"a "b" 'c' \ 'd' }} {{ |\n"#
    );
    assert_eq!(render(r#"{{org.name | default('a "b" \'c\'')}}"#), r#"a "b" 'c'"#);
    assert_eq!(render("{{org.name | default('a\nb')}}"), "a\nb");
}

#[test]
fn every_other_text_stays_as_typed() {
    let text = "{%if%} {# note #} {member.first_names} }} } { 50% $1 \\ {-\r\n<style>a{b{c:d}}</style>\u{0}";
    assert_eq!(render(text), text);
    assert_eq!(render(""), "");
}

#[test]
fn values_are_never_read_as_variables() {
    let nested = values(&[("member.first_names", "{{org.name}}"), ("org.name", "Org")]);
    let template = Template::parse("{{member.first_names}}").unwrap();
    assert_eq!(template.render(&nested, Escape::None, PLENTY).unwrap(), "{{org.name}}");
}

#[test]
fn a_recipient_without_a_value_fails_with_the_names_of_all_that_is_missing() {
    let template = Template::parse(
        "{{org.name}} {{member.unit.name}} {{org.name}} {{member.fields.x}} {{member.fields.y|default('')}}",
    );
    let missing = template.unwrap().render(&ana(), Escape::None, PLENTY).unwrap_err();
    assert_eq!(missing.to_string(), "no value for org.name, member.unit.name, member.fields.x");
}

#[test]
fn a_text_that_its_values_blow_up_stops_at_its_limit_and_still_names_what_is_missing() {
    let long = values(&[("org.name", &"ö".repeat(1_000))]);
    let text = "{{org.name}}".repeat(100_000);
    let template = Template::parse(&text).unwrap();
    for most in [Most::Characters(1_600), Most::Bytes(256 * 1024)] {
        assert_eq!(template.render(&long, Escape::Html, most), Err(Unwritable::TooLong(most)));
    }
    let template = Template::parse(&format!("{text}{{{{member.first_names}}}}")).unwrap();
    let missing = Unwritable::Missing(vec!["member.first_names".into()]);
    assert_eq!(template.render(&long, Escape::None, Most::Characters(10)), Err(missing));
    let fits = Template::parse("{{org.name}}").unwrap();
    assert!(fits.render(&long, Escape::None, Most::Characters(1_000)).is_ok());
    assert!(fits.render(&long, Escape::None, Most::Bytes(1_999)).is_err());
}

#[test]
fn variables_are_counted_as_often_as_they_stand_in_the_text() {
    assert_eq!(Template::parse("{{org.name}} {{org.name}} {{ nobody").map(|t| t.count()).ok(), None);
    assert_eq!(Template::parse("{{org.name}} {{org.name}} { }").unwrap().count(), 2);
}

#[test]
fn a_value_that_shows_nothing_counts_as_none() {
    let template = Template::parse("{{org.name}}").unwrap();
    for blank in ["", " \t\r\n", "\u{a0}", "\u{200b}\u{feff}", "\u{0}\u{7}", "\u{200f}\u{ad}"] {
        assert!(template.render(&values(&[("org.name", blank)]), Escape::None, PLENTY).is_err(), "{blank:?}");
    }
    assert_eq!(template.render(&values(&[("org.name", " a ")]), Escape::None, PLENTY).unwrap(), " a ");
}

#[test]
fn html_escapes_values_and_defaults_and_leaves_the_text_alone() {
    let template = Template::parse(
        "<a href=\"{{unsubscribe_url}}\">{{member.last_names}}</a> & {{org.name|default('<b>')}}",
    );
    assert_eq!(
        template.unwrap().render(&ana(), Escape::Html, PLENTY).unwrap(),
        "<a href=\"https://t.example/u?a=1&amp;b=2\">O&#39;Neill &amp; &lt;Söhne&gt;</a> & &lt;b&gt;"
    );
}

#[test]
fn a_value_or_default_cannot_add_a_line_to_a_header() {
    let hostile = values(&[("member.first_names", "Ana\r\nBcc: x@example.com\u{2028}\u{85}\0")]);
    let template = Template::parse("Hi {{member.first_names}}{{org.name|default('\r\n.')}}").unwrap();
    assert_eq!(
        template.render(&hostile, Escape::Header, PLENTY).unwrap(),
        "Hi Ana  Bcc: x@example.com     ."
    );
}

#[test]
fn an_unknown_variable_is_named_with_its_line_and_column() {
    use VariableProblem::UnknownVariable;
    assert_eq!(error("Dear {{member.name}}"), (UnknownVariable, 1, 8, "member.name".into()));
    assert_eq!(error("Größe ñ\r\n\n é{{ x }}"), (UnknownVariable, 3, 6, "x".into()));
    assert_eq!(error("{{Member.First_Names}}"), (UnknownVariable, 1, 3, "Member.First_Names".into()));
    for path in ["member.fields.", "member.fields.a.b", "member.fields.ü", "member", "members.first_names"] {
        assert_eq!(error(&format!("{{{{{path}}}}}")), (UnknownVariable, 1, 3, path.into()));
    }
}

#[test]
fn mistakes_inside_the_braces_are_told_apart() {
    use VariableProblem::{BadDefault, NoVariable, Unexpected, UnknownFilter};
    assert_eq!(error("{{}}"), (NoVariable, 1, 3, String::new()));
    assert_eq!(error("{{ {org.name}}}"), (NoVariable, 1, 4, "{org.name".into()));
    assert_eq!(error("{{org.name or 'x'}}"), (Unexpected, 1, 12, "or 'x'".into()));
    assert_eq!(error("{{org.name} }}"), (Unexpected, 1, 11, "} ".into()));
    assert_eq!(error("{{org.name | upper}}"), (UnknownFilter, 1, 14, "upper".into()));
    assert_eq!(error("{{org.name | }}"), (UnknownFilter, 1, 14, String::new()));
    assert_eq!(error("{{org.name | default}}"), (BadDefault, 1, 14, "default".into()));
    for call in [
        "default()",
        "default(x)",
        "default(“x”)",
        "default(&quot;x&quot;)",
        "default('x)",
        "default('x'",
        "default('x', 'y')",
        r"default('\n')",
    ] {
        assert_eq!(error(&format!("{{{{org.name | {call}}}}}")), (BadDefault, 1, 14, call.into()), "{call}");
    }
    assert_eq!(error("{{org.name|default('a')|default('b')}}").0, Unexpected);
}

#[test]
fn braces_that_are_never_closed_are_told_at_the_place_where_they_open() {
    use VariableProblem::Unclosed;
    assert_eq!(error("a\nb {{org.name"), (Unclosed, 2, 3, "{{org.name".into()));
    assert_eq!(error("{{org.name}} {{"), (Unclosed, 1, 14, "{{".into()));
    assert_eq!(error("see {{ my notes\nmore"), (Unclosed, 1, 5, "{{ my notes".into()));
    assert_eq!(error(&format!("{{{{{}", "é".repeat(200))).3.chars().count(), 60);
}

#[test]
fn an_error_reads_as_a_sentence_about_its_place() {
    let error = Template::parse("Hi {{member.nam}}").unwrap_err();
    assert_eq!(error.to_string(), "line 1, column 6: there is no such variable: member.nam");
}

#[test]
fn a_text_tells_which_variables_it_uses_and_which_it_cannot_do_without() {
    let template = Template::parse(
        "{{org.name}}{{member.first_names|default('x')}}{{org.name|default('y')}}{{member.fields.b}}",
    )
    .unwrap();
    let paths =
        |variables: Vec<&Variable>| variables.iter().map(|v| v.path().into_owned()).collect::<Vec<_>>();
    assert_eq!(paths(template.variables().collect()), ["member.first_names", "member.fields.b", "org.name"]);
    assert_eq!(paths(template.required().collect()), ["member.fields.b", "org.name"]);
}

#[test]
fn variables_are_written_as_their_paths() {
    let json = r#"{"member.first_names":"Ana","member.fields.a":"1"}"#;
    let read: BTreeMap<Variable, String> = serde_json::from_str(json).unwrap();
    assert_eq!(read, values(&[("member.first_names", "Ana"), ("member.fields.a", "1")]));
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    assert!(serde_json::from_str::<Variable>("\"member.nam\"").is_err());
}

#[test]
fn a_field_name_has_1_to_64_letters_digits_underscores_and_hyphens() {
    assert!(is_field_name(&"a".repeat(64)) && is_field_name("A_b-9"));
    assert!(
        !is_field_name(&"a".repeat(65)) && !is_field_name("") && !is_field_name("é") && !is_field_name("a.b")
    );
}

fn any_path() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "member.first_names",
            "member.last_names",
            "member.unit.name",
            "org.name",
            "unsubscribe_url"
        ])
        .prop_map(str::to_owned),
        "member\\.fields\\.[A-Za-z0-9_-]{1,64}",
    ]
}

proptest! {
    #[test]
    fn text_without_two_open_braces_is_unchanged(text in any::<String>()) {
        prop_assume!(!text.contains("{{"));
        for escape in [Escape::None, Escape::Html, Escape::Header] {
            let template = Template::parse(&text).unwrap();
            prop_assert_eq!(template.render(&values(&[]), escape, PLENTY).unwrap(), text.clone());
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "([{}|()'\"\\\\ \n]|org.name|default|\\PC){0,40}") {
        let parsed = Template::parse(&text);
        if let Err(error) = parsed {
            let line = text.split('\n').nth(error.line as usize - 1).unwrap();
            prop_assert!(error.column as usize <= line.chars().count() + 1);
            prop_assert!(text.contains(&error.text));
        }
    }

    #[test]
    fn a_known_variable_is_rendered_or_missing_and_never_left_in_the_text(
        path in any_path(), before in "[^{}]{0,20}", after in "[^{}]{0,20}", value in prop::option::of("[^{}]{0,10}"),
    ) {
        let text = format!("{before}{{{{ {path} }}}}{after}");
        let given = value.as_deref().map_or_else(|| values(&[]), |value| values(&[(&path, value)]));
        match Template::parse(&text).unwrap().render(&given, Escape::None, PLENTY) {
            Ok(rendered) => prop_assert_eq!(rendered, format!("{before}{}{after}", value.unwrap())),
            Err(missing) => {
                prop_assert_eq!(missing, Unwritable::Missing(vec![path]));
                prop_assert!(value.is_none_or(|value| is_blank(&value)));
            }
        }
    }

    #[test]
    fn a_quoted_default_comes_out_as_it_was_meant(meant in any::<String>(), quote in prop::sample::select(vec!['"', '\''])) {
        let escaped = meant.replace('\\', "\\\\").replace(quote, &format!("\\{quote}"));
        let template = Template::parse(&format!("{{{{org.name|default({quote}{escaped}{quote})}}}}")).unwrap();
        prop_assert_eq!(template.render(&values(&[]), Escape::None, PLENTY).unwrap(), meant);
    }

    #[test]
    fn an_html_value_never_opens_a_tag_or_ends_an_attribute(value in "\\PC*[<>\"'&]\\PC*") {
        let template = Template::parse("{{org.name|default('-')}}").unwrap();
        let rendered = template.render(&values(&[("org.name", &value)]), Escape::Html, PLENTY).unwrap();
        prop_assert!(!rendered.contains(['<', '>', '"', '\'']));
    }

    #[test]
    fn a_header_value_has_no_control_characters(value in any::<String>()) {
        let template = Template::parse("{{org.name|default('-')}}").unwrap();
        let rendered = template.render(&values(&[("org.name", &value)]), Escape::Header, PLENTY).unwrap();
        prop_assert!(!rendered.chars().any(char::is_control));
    }
}
