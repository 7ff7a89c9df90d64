//! Message templates.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::content::{Component, ParameterSlot};
use crate::variables::{MAX_VARIABLES, Template, Variable, VariableError};
use crate::{Channel, TemplateId};

/// A template of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSettings {
    /// Its id, named by the organisation.
    pub id: TemplateId,
    /// What people call it; for WhatsApp Meta's name.
    pub name: String,
    /// Whether it may be used.
    pub status: TemplateStatus,
    /// What it says.
    pub content: TemplateContent,
}

/// Whether a template may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TemplateStatus {
    /// Offered and usable.
    Approved,
    /// Not decided yet.
    Pending,
    /// Refused.
    Rejected,
}

impl TemplateStatus {
    /// The names in the API.
    pub const NAMES: [(&'static str, Self); 3] =
        [("approved", Self::Approved), ("pending", Self::Pending), ("rejected", Self::Rejected)];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
        }
    }
}

/// What a template says. Texts hold our variables, except the text of a WhatsApp template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "channel", rename_all = "lowercase")]
pub enum TemplateContent {
    /// An SMS.
    Sms {
        /// The text.
        text: String,
        /// Its language, for those who choose among templates.
        language: Option<String>,
    },
    /// A template that Meta knows under the template's name.
    WhatsApp {
        /// The text with Meta's placeholders `{{1}}` or `{{name}}`.
        text: String,
        /// Meta's code of the language, e.g. `en_US`.
        language: String,
        /// What Meta's placeholders, headers and buttons take.
        parameters: Vec<TemplateParameter>,
    },
    /// A mail.
    Email {
        /// The subject.
        subject: String,
        /// The plain-text part.
        text: String,
        /// The HTML part.
        html: Option<String>,
        /// Its language, for those who choose among templates.
        language: Option<String>,
    },
}

/// One parameter of a WhatsApp template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateParameter {
    /// Which.
    #[serde(flatten)]
    pub slot: ParameterSlot,
    /// Which part of the template takes it.
    pub component: Component,
    /// Which button, counted from 0; for buttons only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u8>,
    /// The value for a send that gives none; may hold variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

impl TemplateContent {
    /// The channel that it is for.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Sms { .. } => Channel::Sms,
            Self::WhatsApp { .. } => Channel::WhatsApp,
            Self::Email { .. } => Channel::Email,
        }
    }

    /// Its language, if it has one.
    pub fn language(&self) -> Option<&str> {
        match self {
            Self::WhatsApp { language, .. } => Some(language),
            Self::Sms { language, .. } | Self::Email { language, .. } => language.as_deref(),
        }
    }

    /// The text, or the plain-text part of a mail.
    pub fn text(&self) -> &str {
        match self {
            Self::Sms { text, .. } | Self::WhatsApp { text, .. } | Self::Email { text, .. } => text,
        }
    }
}

/// Why a template cannot be used as it is. Each concerns one field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateProblem {
    /// A variable is not one.
    #[error("{0}")]
    Variable(VariableError),
    /// It holds more variables than can be filled in for everybody.
    #[error("holds {0} variables; a text may have at most {MAX_VARIABLES}")]
    TooManyVariables(usize),
    /// Only mails have an unsubscribe link.
    #[error("only the text of an email may hold {{{{unsubscribe_url}}}}")]
    UnsubscribeUrl,
    /// The text has a placeholder that no parameter of the body fills.
    #[error("the body has {{{{{0}}}}}, and no parameter of component body is that")]
    NoParameter(String),
    /// A parameter of the body has no placeholder.
    #[error("there is no {{{{{0}}}}} in the body")]
    NoPlaceholder(String),
    /// Two parameters are the same.
    #[error("{0} is given twice")]
    Twice(String),
}

impl TemplateSettings {
    /// The channel that it is for.
    pub fn channel(&self) -> Channel {
        self.content.channel()
    }
}

/// What would keep a text of a template from being written, if anything would. `may_unsubscribe`: whether it is the text of a mail.
pub fn text_problem(text: &str, may_unsubscribe: bool) -> Option<TemplateProblem> {
    match Template::parse(text) {
        Err(error) => Some(TemplateProblem::Variable(error)),
        Ok(parsed) if parsed.count() > MAX_VARIABLES => {
            Some(TemplateProblem::TooManyVariables(parsed.count()))
        }
        Ok(parsed) if !may_unsubscribe && parsed.variables().any(|v| *v == Variable::UnsubscribeUrl) => {
            Some(TemplateProblem::UnsubscribeUrl)
        }
        Ok(_) => None,
    }
}

/// How the text of a WhatsApp template and its parameters do not fit each other, with the name of the field. What could not be read is `None`, and
/// nothing is said that it might have answered.
pub fn placeholder_problems(
    text: Option<&str>,
    parameters: &[Option<TemplateParameter>],
) -> Vec<(String, TemplateProblem)> {
    let mut problems = Vec::new();
    let in_text = text.map(placeholders);
    let mut seen = BTreeSet::new();
    for (number, parameter) in parameters.iter().enumerate() {
        let Some(parameter) = parameter else { continue };
        let key = parameter.slot.key();
        let field = format!("parameters[{number}]");
        if !seen.insert((parameter.component, parameter.index, key.clone())) {
            problems.push((field.clone(), TemplateProblem::Twice(key.clone())));
        }
        let of_body = parameter.component == Component::Body;
        if of_body && in_text.as_ref().is_some_and(|keys| !keys.contains(key.as_str())) {
            problems.push((field, TemplateProblem::NoPlaceholder(key)));
        }
    }
    if parameters.iter().all(Option::is_some) {
        for key in in_text.into_iter().flatten() {
            if !seen.contains(&(Component::Body, None, key.to_owned())) {
                problems.push(("body".into(), TemplateProblem::NoParameter(key.to_owned())));
            }
        }
    }
    problems
}

/// Meta's placeholders in the text of a WhatsApp template: `1` and `name` of `{{1}}` and `{{name}}`.
pub fn placeholders(text: &str) -> BTreeSet<&str> {
    let inside = |piece: &'_ str| -> Option<usize> { piece.find("}}") };
    let is_key = |key: &&str| {
        !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    text.split("{{")
        .skip(1)
        .filter_map(|piece| Some(piece.get(..inside(piece)?)?.trim()))
        .filter(is_key)
        .collect()
}
