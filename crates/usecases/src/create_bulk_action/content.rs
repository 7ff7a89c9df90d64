//! From what a caller gives to what is frozen: templates resolved, parameters filled, variables checked.

use domain::content::{Body, Component, Content, Parameter};
use domain::permission::{Caller, Permission};
use domain::settings::{
    ChannelSettings, DEFAULT_RECEIPT_WINDOW_S, TemplateContent, TemplateParameter, TemplateProblem,
    TemplateSettings, TemplateStatus, text_problem,
};
use domain::variables::RENDERER_VERSION;
use domain::{Channel, TemplateId};
use std::collections::{BTreeMap, BTreeSet};
use store::Store;
use wire::api::content::{MessageRequest, Says};
use wire::api::problem::{FieldError, Problem};

use crate::Refused;

/// The content of a send.
///
/// # Errors
/// 422 with everything that does not fit; 403 if a template is not approved and the caller may not use it.
pub(super) async fn freeze(
    store: &Store,
    caller: &Caller,
    channels: &[ChannelSettings],
    messages: &[MessageRequest],
) -> Result<Vec<Content>, Refused> {
    let mut errors = Vec::new();
    let mut frozen = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages[{index}].");
        if !channels.iter().any(|settings| settings.channel == message.channel) {
            errors.push(not_configured(&format!("{at}channel"), message.channel));
        }
        frozen.extend(content_of(store, caller, &at, message.channel, &message.says, &mut errors).await?);
    }
    if errors.is_empty() { Ok(frozen) } else { Err(Problem::invalid(errors).into()) }
}

/// The content of a single message.
///
/// # Errors
/// As [`freeze`].
pub(crate) async fn freeze_one(
    store: &Store,
    caller: &Caller,
    channels: &[ChannelSettings],
    message: &MessageRequest,
) -> Result<Content, Refused> {
    let mut errors = Vec::new();
    if !channels.iter().any(|settings| settings.channel == message.channel) {
        errors.push(not_configured("channel", message.channel));
    }
    let content = content_of(store, caller, "", message.channel, &message.says, &mut errors).await?;
    content.filter(|_| errors.is_empty()).ok_or_else(|| Problem::invalid(errors).into())
}

/// How long a message on `channel` waits for receipts, in seconds.
pub(crate) fn receipt_window(channels: &[ChannelSettings], channel: Channel) -> u32 {
    let settings = channels.iter().find(|settings| settings.channel == channel);
    settings.map_or(DEFAULT_RECEIPT_WINDOW_S, |settings| settings.receipt_window_s)
}

fn not_configured(field: &str, channel: Channel) -> FieldError {
    let message = format!("the organisation has not set up {}", channel.label());
    FieldError::new(field, "channel_not_configured", message)
}

/// `at` is what stands before the names of the message's fields.
async fn content_of(
    store: &Store,
    caller: &Caller,
    at: &str,
    channel: Channel,
    says: &Says,
    errors: &mut Vec<FieldError>,
) -> Result<Option<Content>, Refused> {
    let content = match says {
        Says::Typed(body) => {
            Some(Content { template_id: None, renderer: RENDERER_VERSION, body: body.clone() })
        }
        Says::Template { id, parameters, subject } => {
            let template = usable(store, caller, at, id, channel, errors).await?;
            template.map(|template| fill(at, template, parameters, subject.as_ref(), errors))
        }
    };
    errors.extend(content.iter().flat_map(|content| check_variables(at, &content.body)));
    Ok(content)
}

async fn usable(
    store: &Store,
    caller: &Caller,
    at: &str,
    id: &TemplateId,
    channel: Channel,
    errors: &mut Vec<FieldError>,
) -> Result<Option<TemplateSettings>, Refused> {
    let field = format!("{at}template_id");
    let Some(template) = store.template(&caller.org_id, id).await? else {
        errors.push(FieldError::new(field, "not_found", "there is no such template"));
        return Ok(None);
    };
    if template.channel() != channel {
        let message =
            format!("is a template for {}, not for {}", template.channel().label(), channel.label());
        errors.push(FieldError::new(field, "channel", message));
        return Ok(None);
    }
    if template.status != TemplateStatus::Approved {
        crate::permit(caller.require_all(&[Permission::TemplateOverride]))?;
    }
    Ok(Some(template))
}

fn fill(
    at: &str,
    template: TemplateSettings,
    given: &BTreeMap<String, String>,
    subject: Option<&String>,
    errors: &mut Vec<FieldError>,
) -> Content {
    let field = |name: &str| format!("{at}parameters.{name}");
    let mut used = BTreeSet::new();
    let body = match template.content {
        TemplateContent::Sms { text, .. } => Body::Sms { text },
        TemplateContent::Email { subject: own, text, html, .. } => {
            Body::Email { subject: subject.cloned().unwrap_or(own), text, html }
        }
        TemplateContent::WhatsApp { text, language, parameters } => {
            let mut filled = Vec::new();
            for parameter in parameters {
                let names = names_of(&parameter);
                let value = names.iter().find_map(|name| Some((name, given.get(name)?)));
                let value = match (value, &parameter.default) {
                    (Some((name, value)), _) => {
                        used.insert(name.clone());
                        value.clone()
                    }
                    (None, Some(default)) => default.clone(),
                    (None, None) => {
                        let name = names.last().map_or("", String::as_str);
                        errors.push(FieldError::new(
                            field(name),
                            "required",
                            "the template needs a value for it",
                        ));
                        continue;
                    }
                };
                let TemplateParameter { slot, component, index, .. } = parameter;
                filled.push(Parameter { slot, component, index, value });
            }
            Body::WhatsAppTemplate { name: template.name, language, parameters: filled, text }
        }
    };
    for name in given.keys().filter(|name| !used.contains(*name)) {
        errors.push(FieldError::new(field(name), "unknown", "the template has no such parameter"));
    }
    Content { template_id: Some(template.id), renderer: RENDERER_VERSION, body }
}

/// The names under which a parameter's value may be given: `header.1` or `button0.1` where a bare `1` would be the body's, then the bare one.
fn names_of(parameter: &TemplateParameter) -> [String; 2] {
    let key = parameter.slot.key();
    let place = match (parameter.component, parameter.index) {
        (Component::Header, _) => "header".to_owned(),
        (Component::Body, _) => "body".to_owned(),
        (Component::Button, index) => format!("button{}", index.unwrap_or(0)),
    };
    [format!("{place}.{key}"), key]
}

/// A variable that is none is found now, not when the message is written for somebody.
fn check_variables(at: &str, body: &Body) -> Vec<FieldError> {
    let texts: Vec<(String, &str, bool)> = match body {
        Body::Sms { text } | Body::WhatsAppText { text } => vec![("body".into(), text, false)],
        Body::Email { subject, text, html } => {
            let mut texts =
                vec![("subject".into(), subject.as_str(), false), ("body".into(), text.as_str(), true)];
            texts.extend(html.as_deref().map(|html| ("html".into(), html, true)));
            texts
        }
        Body::WhatsAppTemplate { parameters, .. } => parameters
            .iter()
            .map(|p| (format!("parameters.{}", p.slot.key()), p.value.as_str(), false))
            .collect(),
    };
    let check = |(field, text, may_unsubscribe): (String, &str, bool)| {
        let problem = text_problem(text, may_unsubscribe)?;
        let code =
            if matches!(problem, TemplateProblem::TooManyVariables(_)) { "too_many" } else { "variable" };
        Some(FieldError::new(format!("{at}{field}"), code, problem.to_string()))
    };
    texts.into_iter().filter_map(check).collect()
}
