//! A body in the form in which it is written for many recipients.

use std::collections::{BTreeMap, BTreeSet};

use super::{Body, Component, MAX_PARAMETER, MAX_SMS, MAX_SUBJECT, MAX_WHATSAPP_TEXT, Parameter};
use crate::Channel;
use crate::variables::{Escape, Most, Template, Unwritable, Variable, VariableError};

/// Longest part of a mail as it leaves: what was typed has at most 100 KB. Two such parts in base64 are far below SES's 10 MB, and twenty such mails at once
/// below what a function has.
const MAIL_PART: Most = Most::Bytes(256 * 1024);
/// Longest text of a WhatsApp template with its values; Meta takes none that is nearly as long.
const TEMPLATE_TEXT: Most = Most::Characters(32_768);

/// A body whose texts are parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared(Parsed);

/// [`Body`], with templates where it has texts that may hold variables.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Parsed {
    Sms { text: Template },
    WhatsAppText { text: Template },
    WhatsAppTemplate { name: String, language: String, parameters: Vec<(Parameter, Template)>, text: String },
    Email { subject: Template, text: Template, html: Option<Template> },
}

impl Prepared {
    pub(super) fn new(body: &Body) -> Result<Self, VariableError> {
        Ok(Self(match body {
            Body::Sms { text } => Parsed::Sms { text: Template::parse(text)? },
            Body::WhatsAppText { text } => Parsed::WhatsAppText { text: Template::parse(text)? },
            Body::WhatsAppTemplate { name, language, parameters, text } => Parsed::WhatsAppTemplate {
                name: name.clone(),
                language: language.clone(),
                parameters: parameters
                    .iter()
                    .map(|parameter| Ok((parameter.clone(), Template::parse(&parameter.value)?)))
                    .collect::<Result<_, VariableError>>()?,
                text: text.clone(),
            },
            Body::Email { subject, text, html } => Parsed::Email {
                subject: Template::parse(subject)?,
                text: Template::parse(text)?,
                html: html.as_deref().map(Template::parse).transpose()?,
            },
        }))
    }

    /// The channel that it is for.
    pub fn channel(&self) -> Channel {
        match &self.0 {
            Parsed::Sms { .. } => Channel::Sms,
            Parsed::WhatsAppText { .. } | Parsed::WhatsAppTemplate { .. } => Channel::WhatsApp,
            Parsed::Email { .. } => Channel::Email,
        }
    }

    /// The variables that it uses: a row keeps the recipient's values of these and no others.
    pub fn variables(&self) -> BTreeSet<Variable> {
        let templates: Vec<&Template> = match &self.0 {
            Parsed::Sms { text } | Parsed::WhatsAppText { text } => vec![text],
            Parsed::WhatsAppTemplate { parameters, .. } => {
                parameters.iter().map(|(_, value)| value).collect()
            }
            Parsed::Email { subject, text, html } => [subject, text].into_iter().chain(html).collect(),
        };
        templates.into_iter().flat_map(Template::variables).cloned().collect()
    }

    /// Writes the message for one recipient.
    ///
    /// # Errors
    /// The variables that have neither a value nor a default; or that it would be longer than the channel takes.
    pub fn render(&self, values: &BTreeMap<Variable, String>) -> Result<Rendered, Unwritable> {
        Ok(match &self.0 {
            Parsed::Sms { text } => {
                Rendered::Text(text.render(values, Escape::None, Most::Characters(MAX_SMS))?)
            }
            Parsed::WhatsAppText { text } => {
                Rendered::Text(text.render(values, Escape::None, Most::Characters(MAX_WHATSAPP_TEXT))?)
            }
            Parsed::Email { subject, text, html } => Rendered::Email {
                subject: subject.render(values, Escape::Header, Most::Characters(MAX_SUBJECT))?,
                text: text.render(values, Escape::None, MAIL_PART)?,
                html: html.as_ref().map(|html| html.render(values, Escape::Html, MAIL_PART)).transpose()?,
            },
            Parsed::WhatsAppTemplate { name, language, parameters, text } => {
                let parameters: Vec<Parameter> = parameters
                    .iter()
                    .map(|(parameter, value)| {
                        let value = value.render(values, Escape::Header, Most::Characters(MAX_PARAMETER))?;
                        Ok(Parameter { value, ..parameter.clone() })
                    })
                    .collect::<Result<_, Unwritable>>()?;
                Rendered::Template {
                    name: name.clone(),
                    language: language.clone(),
                    text: as_read(text, &parameters)?,
                    parameters,
                }
            }
        })
    }
}

/// What one recipient gets.
#[derive(Clone, PartialEq, Eq)]
pub enum Rendered {
    /// Plain text: an SMS, or free text on WhatsApp.
    Text(String),
    /// A WhatsApp template with its values filled in.
    Template {
        /// Meta's name of the template.
        name: String,
        /// Meta's language code.
        language: String,
        /// The values, in the template's order.
        parameters: Vec<Parameter>,
        /// How it reads.
        text: String,
    },
    /// A mail.
    Email {
        /// The subject, on one line.
        subject: String,
        /// The plain-text part.
        text: String,
        /// The HTML part.
        html: Option<String>,
    },
}

impl Rendered {
    /// The text as the recipient reads it.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Template { text, .. } | Self::Email { text, .. } => text,
        }
    }
}

/// Meta's text with its placeholders replaced by the values of the body's parameters. Values are never parsed again.
fn as_read(text: &str, parameters: &[Parameter]) -> Result<String, Unwritable> {
    let values: BTreeMap<String, &str> = parameters
        .iter()
        .filter(|p| p.component == Component::Body)
        .map(|p| (p.slot.key(), p.value.as_str()))
        .collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let placeholder = from.find("}}").and_then(|end| Some((end, from.get(2..end)?.trim())));
        if let Some((end, value)) = placeholder.and_then(|(end, key)| Some((end, values.get(key)?))) {
            out.push_str(value);
            rest = &from[end + 2..];
        } else {
            out.push_str("{{");
            rest = &from[2..];
        }
        if TEMPLATE_TEXT.is_exceeded_by(&out) {
            return Err(Unwritable::TooLong(TEMPLATE_TEXT));
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::ParameterSlot;
    use super::*;

    fn values() -> BTreeMap<Variable, String> {
        BTreeMap::from([(Variable::FirstNames, "Ana <b>\r\nBcc: x".to_owned())])
    }

    #[test]
    fn a_whatsapp_template_reads_as_its_recipient_reads_it() {
        let body = Body::WhatsAppTemplate {
            name: "service".into(),
            language: "en".into(),
            parameters: vec![Parameter {
                slot: ParameterSlot::Position(1),
                component: Component::Body,
                index: None,
                value: "{{member.last_names | default(\"{{1}}\")}}".into(),
            }],
            text: "Hi {{1}}, {{2}} and {{ 1 }}".into(),
        };
        assert_eq!(body.prepare().unwrap().render(&values()).unwrap().text(), "Hi {{1}}, {{2}} and {{1}}");
    }

    #[test]
    fn a_value_neither_breaks_a_header_nor_becomes_markup() {
        let text = "{{member.first_names}}".to_owned();
        let body = Body::Email { subject: text.clone(), text: text.clone(), html: Some(text) };
        let Rendered::Email { subject, html, .. } = body.prepare().unwrap().render(&values()).unwrap() else {
            panic!("a mail")
        };
        assert!(!subject.contains(['\r', '\n']));
        assert!(!html.unwrap().contains("<b>"));
    }

    #[test]
    fn values_that_blow_a_message_up_are_refused_on_every_channel() {
        let values = BTreeMap::from([(Variable::OrgName, "<".repeat(1_000))]);
        let many = |times| "{{org.name}}".repeat(times);
        let parameter = Parameter {
            slot: ParameterSlot::Position(1),
            component: Component::Body,
            index: None,
            value: many(1),
        };
        let template = |text: String, value| Body::WhatsAppTemplate {
            name: "t".into(),
            language: "en".into(),
            parameters: vec![Parameter { value, ..parameter.clone() }],
            text,
        };
        let mail = |subject, text, html| Body::Email { subject, text, html: Some(html) };
        for (body, fits) in [
            (Body::Sms { text: many(1) }, true),
            (Body::Sms { text: many(2) }, false),
            (Body::WhatsAppText { text: many(4) }, true),
            (Body::WhatsAppText { text: many(5) }, false),
            (mail(many(0), many(262), many(65)), true),
            (mail(many(1), many(0), many(0)), false),
            (mail(many(0), many(263), many(0)), false),
            // In HTML a `<` has four characters.
            (mail(many(0), many(0), many(66)), false),
            (template("{{1}}".repeat(32), many(1)), true),
            (template("{{1}}".repeat(33), many(1)), false),
            (template("{{1}}".into(), many(2)), false),
        ] {
            assert_eq!(body.prepare().unwrap().render(&values).is_ok(), fits, "{body:?}");
        }
    }

    #[test]
    fn a_body_knows_its_variables() {
        let body = Body::Sms { text: "{{org.name}} {{member.fields.seat}}".into() };
        let expected = BTreeSet::from([Variable::OrgName, Variable::Field("seat".into())]);
        assert_eq!(body.prepare().unwrap().variables(), expected);
    }
}
