//! What `SendRawEmail` is given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::mail::Mail;
use super::xml::SesError;

/// 10 MB after decoding of the form: the limit counts base64.
const LARGEST_MESSAGE: usize = 10 * 1024 * 1024;
const MOST_RECIPIENTS: usize = 50;
const LONGEST_TAG: usize = 256;
/// RFC 5321, 4.5.3.1.6, with the line's end.
const LONGEST_LINE: usize = 1_000;

/// A decoded form of the query protocol.
#[derive(Debug)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The value of a field; an empty one counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// `name.1`, `name.2`, ... up to the first that is missing.
    fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        (1..).map_while(move |number| self.get(&format!("{name}.{number}")))
    }
}

/// A request that is well formed.
#[derive(Debug)]
pub(super) struct Input {
    /// As given, perhaps with a name.
    pub(super) source: String,
    /// Bare addresses, at least one.
    pub(super) destinations: Vec<String>,
    pub(super) configuration_set: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) raw: Vec<u8>,
    pub(super) mail: Mail,
}

impl Input {
    /// Reads and checks a request. What a parameter does not say is taken from the mail's headers.
    ///
    /// # Errors
    /// What SES answers to it.
    pub(super) fn read(fields: &Fields) -> Result<Self, SesError> {
        let raw = raw_message(fields)?;
        let mail = Mail::parse(&raw)
            .ok_or_else(|| SesError::invalid("Expected a message with headers and a body"))?;
        let source = fields
            .get("Source")
            .or_else(|| mail.header("From"))
            .ok_or_else(|| SesError::invalid("Missing required header 'From'."))?
            .to_owned();
        address(&source)?;
        let given: Vec<&str> = fields.list("Destinations.member").collect();
        let destinations = if given.is_empty() {
            mail.recipients.iter().map(|recipient| address(recipient)).collect::<Result<Vec<_>, _>>()?
        } else {
            given.into_iter().map(address).collect::<Result<Vec<_>, _>>()?
        };
        if destinations.is_empty() {
            return Err(SesError::invalid("Missing required header 'To'."));
        }
        if destinations.len() > MOST_RECIPIENTS {
            return Err(SesError::invalid(format!("Recipient count exceeds {MOST_RECIPIENTS}.")));
        }
        let set = fields.get("ConfigurationSetName").or_else(|| mail.header("X-SES-CONFIGURATION-SET"));
        let configuration_set = set.map(str::to_owned);
        let tags = tags(fields, &mail)?;
        Ok(Self { source, destinations, configuration_set, tags, raw, mail })
    }
}

fn raw_message(fields: &Fields) -> Result<Vec<u8>, SesError> {
    let Some(encoded) = fields.get("RawMessage.Data") else {
        let message = "1 validation error detected: Value null at 'rawMessage' failed to satisfy constraint: \
                       Member must not be null";
        return Err(SesError::refused("ValidationError", message));
    };
    if encoded.len() > LARGEST_MESSAGE {
        let message =
            format!("Message length is more than {LARGEST_MESSAGE} bytes long: '{}'.", encoded.len());
        return Err(SesError::invalid(message));
    }
    let raw = BASE64
        .decode(encoded)
        .map_err(|_| SesError::refused("MalformedInput", "RawMessage.Data is not base64"))?;
    if raw.split_inclusive(|byte| *byte == b'\n').any(|line| line.len() > LONGEST_LINE) {
        return Err(SesError::invalid(format!(
            "A line of the message is longer than {LONGEST_LINE} characters"
        )));
    }
    Ok(raw)
}

/// The bare address, if SES could send to or from it.
fn address(text: &str) -> Result<String, SesError> {
    let bare = match text.rsplit_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or("", |(address, _)| address),
        None => text,
    };
    let bare = bare.trim();
    let (local, domain) = bare.rsplit_once('@').unwrap_or((bare, ""));
    if local.is_empty() || domain.is_empty() {
        return Err(SesError::invalid("Missing final '@domain'"));
    }
    // There is no SMTPUTF8: domains come in punycode, and other characters of the local part not at all.
    if !local.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SesError::invalid("Local address contains control or whitespace"));
    }
    if !domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
        return Err(SesError::invalid("Domain contains illegal character"));
    }
    if domain.starts_with('.') || domain.ends_with('.') || domain.contains("..") {
        return Err(SesError::invalid("Domain starts with dot, ends with dot or has two in a row"));
    }
    Ok(bare.to_owned())
}

/// The request's tags, or else those of the mail's own header.
fn tags(fields: &Fields, mail: &Mail) -> Result<Vec<(String, String)>, SesError> {
    let given = (1..).map_while(|number| {
        let name = fields.get(&format!("Tags.member.{number}.Name"))?;
        let value = fields.get(&format!("Tags.member.{number}.Value")).unwrap_or_default();
        Some((name.to_owned(), value.to_owned()))
    });
    let mut tags: Vec<(String, String)> = given.collect();
    if tags.is_empty() {
        let header = mail.header("X-SES-MESSAGE-TAGS").unwrap_or_default();
        tags = header
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
    }
    for (what, text) in tags.iter().flat_map(|(name, value)| [("name", name), ("value", value)]) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if text.is_empty() || text.len() > LONGEST_TAG || !text.bytes().all(allowed) {
            let message = format!(
                "Invalid tag {what} <{text}>: only alphanumeric ASCII characters, '_', and '-' are allowed, up to \
                 {LONGEST_TAG}."
            );
            return Err(SesError::invalid(message));
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "From: News <news@example.com>\r\nTo: to@example.com\r\nSubject: Hi\r\n\r\nHi\r\n";

    fn form(pairs: &[(&str, &str)], raw: &str) -> Fields {
        let encoded = BASE64.encode(raw);
        let pairs = pairs.iter().copied().chain([("RawMessage.Data", encoded.as_str())]);
        Fields::parse(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().as_bytes())
    }

    fn error(pairs: &[(&str, &str)], raw: &str) -> String {
        let error = Input::read(&form(pairs, raw)).unwrap_err();
        let (code, message) = error.code_and_message();
        format!("{code}: {message}")
    }

    #[test]
    fn the_sample_request_is_read() {
        let sample = include_str!("../../../../tests/fixtures/aws/samples/sendrawemail.request.form");
        let input = Input::read(&Fields::parse(sample.trim().as_bytes())).unwrap();
        assert_eq!(
            (input.source.as_str(), &input.destinations[..]),
            ("news@example.com", &["to@example.com".to_owned()][..])
        );
        assert_eq!(input.configuration_set.as_deref(), Some("bulk"));
        assert_eq!(input.tags, [("m".to_owned(), "01J0".to_owned())]);
        assert_eq!(input.mail.subject.as_deref(), Some("Hi"));
    }

    #[test]
    fn headers_say_what_parameters_do_not() {
        let headers = "X-SES-CONFIGURATION-SET: bulk\r\nX-SES-MESSAGE-TAGS: a=1, b=2\r\n";
        let input = Input::read(&form(&[], &format!("{headers}{MESSAGE}"))).unwrap();
        assert_eq!(input.source, "News <news@example.com>");
        assert_eq!(input.destinations, ["to@example.com"]);
        assert_eq!(input.configuration_set.as_deref(), Some("bulk"));
        assert_eq!(input.tags.len(), 2);
        let given =
            [("Tags.member.1.Name", "c"), ("Tags.member.1.Value", "3"), ("Destinations.member.1", "x@y.org")];
        let input = Input::read(&form(&given, &format!("{headers}{MESSAGE}"))).unwrap();
        assert_eq!(
            (input.tags, input.destinations),
            (vec![("c".to_owned(), "3".to_owned())], vec!["x@y.org".to_owned()])
        );
    }

    #[test]
    fn what_ses_refuses_is_refused() {
        assert!(error(&[("Destinations.member.1", "nobody")], MESSAGE).contains("Missing final '@domain'"));
        assert!(
            error(&[("Destinations.member.1", "jos\u{e9}@example.com")], MESSAGE).contains("Local address")
        );
        assert!(error(&[("Destinations.member.1", "a@b\u{fc}cher.de")], MESSAGE).contains("Domain contains"));
        assert!(error(&[("Destinations.member.1", "a b@example.com")], MESSAGE).contains("Local address"));
        assert!(error(&[("Destinations.member.1", "a@example..com")], MESSAGE).contains("Domain"));
        assert!(error(&[], "To: to@example.com\r\n\r\nHi").contains("'From'"));
        assert!(error(&[], "From: a@example.com\r\n\r\nHi").contains("'To'"));
        assert!(
            error(&[("Tags.member.1.Name", "a b"), ("Tags.member.1.Value", "1")], MESSAGE)
                .contains("tag name")
        );
        assert!(error(&[], &format!("{MESSAGE}{}", "a".repeat(1_001))).contains("line"));
        let names: Vec<String> = (1..=51).map(|n| format!("Destinations.member.{n}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "a@b.org")).collect();
        assert!(error(&many, MESSAGE).contains("exceeds 50"));
        let none = Input::read(&Fields::parse(b"Action=SendRawEmail")).unwrap_err();
        assert_eq!(none.code_and_message().0, "ValidationError");
        let spoilt = Input::read(&Fields::parse(b"RawMessage.Data=%25%25")).unwrap_err();
        assert_eq!(spoilt.code_and_message().0, "MalformedInput");
    }
}
