//! What a send says: stored once per action, frozen, and rendered for each recipient.

mod prepared;

use serde::{Deserialize, Serialize};

use crate::variables::VariableError;
use crate::{Channel, TemplateId};

pub use prepared::{Prepared, Rendered};

/// Longest SMS, in characters, typed as well as with its values: Twilio's limit for a body (error 21617).
pub const MAX_SMS: usize = 1_600;
/// Longest free text on WhatsApp, in characters, typed as well as with its values: Meta's limit for a body.
pub const MAX_WHATSAPP_TEXT: usize = 4_096;
/// Longest subject, in characters: a header line of RFC 5322, 2.1.1.
pub const MAX_SUBJECT: usize = 998;
/// Longest value of a WhatsApp template's parameter, in characters, typed as well as with its values.
pub const MAX_PARAMETER: usize = 1_024;

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

    /// Parses the texts, once for all recipients.
    ///
    /// # Errors
    /// If a text does not parse; bodies are checked when a send is accepted.
    pub fn prepare(&self) -> Result<Prepared, VariableError> {
        Prepared::new(self)
    }
}
