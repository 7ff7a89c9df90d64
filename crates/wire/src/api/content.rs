//! What a caller wants to say on a channel: typed, or from a template.

use std::collections::BTreeMap;

use domain::content::{Body as ContentBody, MAX_PARAMETER, MAX_SMS, MAX_SUBJECT, MAX_WHATSAPP_TEXT};
use domain::{Channel, TemplateId};

use super::fields::{Fields, Text};

/// The longest part of a mail, in bytes.
pub const MAX_EMAIL_BYTES: usize = 100 * 1024;

/// What a send says on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRequest {
    /// The channel.
    pub channel: Channel,
    /// What it says.
    pub says: Says,
}

/// Typed or from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// Typed by the sender.
    Typed(ContentBody),
    /// From a template.
    Template {
        /// Which.
        id: TemplateId,
        /// Values for its parameters.
        parameters: BTreeMap<String, String>,
        /// Another subject than the template's, for mails.
        subject: Option<String>,
    },
}

/// Whether WhatsApp takes free text: only as an answer to what the member wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhatsAppText {
    /// A template is needed.
    No,
    /// Free text is an answer.
    Yes,
}

/// The channel of a message, which decides what else it has.
pub(super) fn channel(f: &Fields<'_>) -> Option<Channel> {
    f.required("channel").choice(&Channel::ALL.map(|channel| (channel.as_str(), channel)))
}

/// What a message says on `channel`; `None` where that is not known.
pub(super) fn says(f: &Fields<'_>, channel: Option<Channel>, free: WhatsAppText) -> Option<Says> {
    if f.has("template_id") {
        return from_template(f, channel);
    }
    let Some(channel) = channel else {
        // What else it may have depends on the channel; that it says something does not.
        for name in ["subject", "html"] {
            f.ignore(name);
        }
        if f.optional("body").value().is_none() {
            f.fail("body", "required", "give a body or a template_id");
        }
        return None;
    };
    let body = match channel {
        Channel::Sms => {
            let text = f.required("body").said(Text::block(MAX_SMS));
            ContentBody::Sms { text: text? }
        }
        Channel::Email => {
            let part = Text::block(MAX_EMAIL_BYTES).max_bytes(MAX_EMAIL_BYTES);
            let subject = f.required("subject").said(Text::line(MAX_SUBJECT));
            let text = f.required("body").said(part);
            let html = f.optional("html").text(part);
            ContentBody::Email { subject: subject?, text: text?, html }
        }
        Channel::WhatsApp if free == WhatsAppText::Yes => {
            let text = f.required("body").said(Text::block(MAX_WHATSAPP_TEXT));
            ContentBody::WhatsAppText { text: text? }
        }
        Channel::WhatsApp => {
            f.ignore("body");
            f.fail("template_id", "required", "WhatsApp needs an approved template");
            return None;
        }
    };
    Some(Says::Typed(body))
}

fn from_template(f: &Fields<'_>, channel: Option<Channel>) -> Option<Says> {
    let id = f.required("template_id").id::<TemplateId>();
    let parameters = f.optional("parameters").map(64, Text::line(MAX_PARAMETER), |_| Ok(()));
    let subject = f.optional("subject").text(Text::line(MAX_SUBJECT));
    for typed in ["body", "html"] {
        f.ignore(typed);
        if f.has(typed) {
            f.fail(typed, "conflict", "comes from the template; leave it out");
        }
    }
    if f.has("subject") && channel.is_some_and(|channel| channel != Channel::Email) {
        f.fail("subject", "conflict", "only mails have a subject");
    }
    Some(Says::Template { id: id?, parameters: parameters.unwrap_or_default(), subject })
}
