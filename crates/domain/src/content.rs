//! What a send says: stored once per action, frozen, and rendered for each recipient.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::variables::{Escape, Missing, Template, Variable, VariableError};
use crate::{Channel, TemplateId};

/// The message of one channel, as it was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The template it came from, if it came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_id: Option<TemplateId>,
    /// The version of the renderer that the log must use to show what was received.
    pub renderer: u32,
    /// What it says.
    pub body: Body,
}

/// What a message says, with its variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// An SMS.
    Sms {
        /// The text.
        text: String,
    },
    /// Free text on WhatsApp, which Meta takes within 24 hours after the member wrote.
    WhatsAppText {
        /// The text.
        text: String,
    },
    /// A template that Meta knows.
    WhatsAppTemplate {
        /// Meta's name of the template.
        name: String,
        /// Meta's language code.
        language: String,
        /// The values for Meta's parameters.
        parameters: Vec<Parameter>,
        /// The template's text with Meta's placeholders `{{1}}` or `{{name}}`, to show what was received.
        text: String,
    },
    /// A mail.
    Email {
        /// The subject.
        subject: String,
        /// The plain-text part.
        text: String,
        /// The HTML part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        html: Option<String>,
    },
}

/// One value for a parameter of a WhatsApp template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Which parameter.
    #[serde(flatten)]
    pub slot: ParameterSlot,
    /// Which part of the template holds it.
    pub component: Component,
    /// Which button, counted from 0; for buttons only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u8>,
    /// The value, which may hold variables.
    pub value: String,
}

/// Meta's two ways to tell parameters apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterSlot {
    /// By position in the component, counted from 1.
    Position(u32),
    /// By name.
    Name(String),
}

impl ParameterSlot {
    /// The key under which a send gives the value, and what stands between the braces of the template's text.
    pub fn key(&self) -> String {
        match self {
            Self::Position(position) => position.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

/// A part of a WhatsApp template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// Above the text.
    Header,
    /// The text.
    Body,
    /// A button's URL suffix or payload.
    Button,
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

impl Body {
    /// The same body with nothing in it that anybody wrote.
    #[must_use]
    pub fn emptied(&self) -> Self {
        match self {
            Self::Sms { .. } => Self::Sms { text: String::new() },
            Self::WhatsAppText { .. } => Self::WhatsAppText { text: String::new() },
            Self::WhatsAppTemplate { name, language, .. } => Self::WhatsAppTemplate {
                name: name.clone(),
                language: language.clone(),
                parameters: Vec::new(),
                text: String::new(),
            },
            Self::Email { .. } => Self::Email { subject: String::new(), text: String::new(), html: None },
        }
    }

    /// The channel that such a body is for.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Sms { .. } => Channel::Sms,
            Self::WhatsAppText { .. } | Self::WhatsAppTemplate { .. } => Channel::WhatsApp,
            Self::Email { .. } => Channel::Email,
        }
    }

    /// The texts that may hold variables.
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Sms { text } | Self::WhatsAppText { text } => vec![text],
            Self::WhatsAppTemplate { parameters, .. } => {
                parameters.iter().map(|p| p.value.as_str()).collect()
            }
            Self::Email { subject, text, html } => {
                [Some(subject), Some(text), html.as_ref()].into_iter().flatten().map(String::as_str).collect()
            }
        }
    }

    /// The variables that the body uses: a row keeps the recipient's values of these and no others.
    ///
    /// # Errors
    /// If a text does not parse; bodies are checked when a send is accepted.
    pub fn variables(&self) -> Result<BTreeSet<Variable>, VariableError> {
        let mut all = BTreeSet::new();
        for text in self.texts() {
            all.extend(Template::parse(text)?.variables().cloned());
        }
        Ok(all)
    }

    /// Writes the message for one recipient.
    ///
    /// # Errors
    /// The variables that have neither a value nor a default.
    pub fn render(&self, values: &BTreeMap<Variable, String>) -> Result<Rendered, RenderError> {
        let fill = |text: &str, escape| -> Result<String, RenderError> {
            Ok(Template::parse(text)?.render(values, escape)?)
        };
        Ok(match self {
            Self::Sms { text } | Self::WhatsAppText { text } => Rendered::Text(fill(text, Escape::None)?),
            Self::Email { subject, text, html } => Rendered::Email {
                subject: fill(subject, Escape::Header)?,
                text: fill(text, Escape::None)?,
                html: html.as_deref().map(|html| fill(html, Escape::Html)).transpose()?,
            },
            Self::WhatsAppTemplate { name, language, parameters, text } => {
                let parameters: Vec<Parameter> = parameters
                    .iter()
                    .map(|p| Ok(Parameter { value: fill(&p.value, Escape::Header)?, ..p.clone() }))
                    .collect::<Result<_, RenderError>>()?;
                Rendered::Template {
                    name: name.clone(),
                    language: language.clone(),
                    text: as_read(text, &parameters),
                    parameters,
                }
            }
        })
    }
}

/// Meta's text with its placeholders replaced by the values of the body's parameters. Values are never parsed again.
fn as_read(text: &str, parameters: &[Parameter]) -> String {
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
    }
    out.push_str(rest);
    out
}

/// Why a message cannot be written for a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Variables without a value.
    #[error("no value for {}", .0.variables.join(", "))]
    Missing(Missing),
    /// The body does not parse, which its acceptance should have found.
    #[error("the body does not parse")]
    Body(#[source] VariableError),
}

impl From<Missing> for RenderError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<VariableError> for RenderError {
    fn from(error: VariableError) -> Self {
        Self::Body(error)
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(body.render(&values()).unwrap().text(), "Hi {{1}}, {{2}} and {{1}}");
    }

    #[test]
    fn a_value_neither_breaks_a_header_nor_becomes_markup() {
        let text = "{{member.first_names}}".to_owned();
        let body = Body::Email { subject: text.clone(), text: text.clone(), html: Some(text) };
        let Rendered::Email { subject, html, .. } = body.render(&values()).unwrap() else { panic!("a mail") };
        assert!(!subject.contains(['\r', '\n']));
        assert!(!html.unwrap().contains("<b>"));
    }

    #[test]
    fn a_body_knows_its_variables() {
        let body = Body::Sms { text: "{{org.name}} {{member.fields.seat}}".into() };
        let expected = BTreeSet::from([Variable::OrgName, Variable::Field("seat".into())]);
        assert_eq!(body.variables().unwrap(), expected);
    }
}
