//! What a request to send must look like. Templates themselves are not known here, so only shapes are checked.

use serde_json::Value;

use super::error::MetaError;
use super::wa_id;

const LONGEST_TEXT: usize = 4_096;
const LONGEST_CALLBACK_DATA: usize = 512;
const LONGEST_NAME: usize = 512;
const LONGEST_PARAMETER: usize = 1_024;

/// What Meta reads out of a request.
#[derive(Debug, PartialEq)]
pub(super) struct Draft {
    /// As it was given.
    pub(super) to: String,
    pub(super) wa_id: String,
    /// Free-form messages are allowed only inside the window.
    pub(super) is_template: bool,
    /// What a person would read, as far as the request tells.
    pub(super) text: Option<String>,
    pub(super) callback_data: Option<String>,
}

/// Checks a request.
///
/// # Errors
/// Meta's answer to what is missing or does not fit.
pub(super) fn check(request: &Value) -> Result<Draft, MetaError> {
    if required(request, "messaging_product")? != "whatsapp" {
        return Err(MetaError::invalid("messaging_product must be one of: whatsapp"));
    }
    if request.get("recipient_type").is_some_and(|kind| kind != "individual") {
        return Err(MetaError::invalid("recipient_type must be one of: individual"));
    }
    let to = required(request, "to")?;
    let wa_id = wa_id(to);
    let punctuation = |character: char| character.is_ascii_digit() || "+-() ".contains(character);
    if !(7..=15).contains(&wa_id.len()) || !to.chars().all(punctuation) {
        return Err(MetaError::parameter_value("The parameter to is not a valid WhatsApp number"));
    }
    let callback_data = optional(request, "biz_opaque_callback_data")?;
    if callback_data.is_some_and(|data| data.chars().count() > LONGEST_CALLBACK_DATA) {
        return Err(MetaError::invalid("biz_opaque_callback_data must be at most 512 characters long"));
    }
    let kind = optional(request, "type")?.unwrap_or("text");
    let text = match kind {
        "text" => Some(text(request)?),
        "template" => Some(template(object(request, "template")?)?),
        "image" | "video" | "audio" | "document" | "sticker" | "location" | "contacts" | "interactive"
        | "reaction" => {
            if request.get(kind).is_none() {
                return Err(MetaError::missing(kind));
            }
            None
        }
        other => return Err(MetaError::invalid(format!("type {other} is not one of the message types"))),
    };
    Ok(Draft {
        to: to.to_owned(),
        wa_id,
        is_template: kind == "template",
        text,
        callback_data: callback_data.map(str::to_owned),
    })
}

fn required<'a>(request: &'a Value, name: &str) -> Result<&'a str, MetaError> {
    optional(request, name)?.ok_or_else(|| MetaError::missing(name))
}

fn optional<'a>(request: &'a Value, name: &str) -> Result<Option<&'a str>, MetaError> {
    match request.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(MetaError::invalid(format!("{name} must be a string"))),
    }
}

fn object<'a>(request: &'a Value, name: &str) -> Result<&'a Value, MetaError> {
    match request.get(name) {
        Some(object @ Value::Object(_)) => Ok(object),
        Some(_) => Err(MetaError::invalid(format!("{name} must be an object"))),
        None => Err(MetaError::missing(name)),
    }
}

fn text(request: &Value) -> Result<String, MetaError> {
    let body =
        optional(object(request, "text")?, "body")?.ok_or_else(|| MetaError::missing("text['body']"))?;
    if body.chars().count() > LONGEST_TEXT {
        return Err(MetaError::invalid("Param text['body'] must be at most 4096 characters long."));
    }
    Ok(body.to_owned())
}

/// Checks a template and gives its name and the values that the request fills in.
fn template(template: &Value) -> Result<String, MetaError> {
    let name = optional(template, "name")?.ok_or_else(|| MetaError::missing("template['name']"))?;
    if name.len() > LONGEST_NAME {
        return Err(MetaError::invalid("template['name'] must be at most 512 characters long"));
    }
    let language = object(template, "language")?;
    let code =
        optional(language, "code")?.ok_or_else(|| MetaError::missing("template['language']['code']"))?;
    let components = match template.get("components") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(components)) => components,
        Some(_) => return Err(MetaError::invalid("template['components'] must be an array")),
    };
    let mut values = Vec::new();
    for one in components {
        component(one, &mut values)?;
    }
    let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
    Ok(format!("[{name} {code}]{values}"))
}

fn component(component: &Value, values: &mut Vec<String>) -> Result<(), MetaError> {
    let kind = optional(component, "type")?
        .ok_or_else(|| MetaError::parameter_missing("Component type is missing"))?;
    let is_button = match kind.to_ascii_lowercase().as_str() {
        "header" | "body" => false,
        "button" => true,
        other => {
            return Err(MetaError::invalid(format!(
                "Component type {other} is not one of header, body, button"
            )));
        }
    };
    if is_button {
        button(component)?;
    }
    let parameters = match component.get("parameters") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(parameters)) => parameters,
        Some(_) => return Err(MetaError::invalid("Component parameters must be an array")),
    };
    let named = parameters.iter().filter(|parameter| parameter.get("parameter_name").is_some()).count();
    if named != 0 && named != parameters.len() {
        return Err(MetaError::parameter_format("named and positional parameters are mixed"));
    }
    for one in parameters {
        values.extend(parameter(one)?);
    }
    Ok(())
}

fn button(component: &Value) -> Result<(), MetaError> {
    if optional(component, "sub_type")?.is_none() {
        return Err(MetaError::parameter_missing("Button sub_type is missing"));
    }
    let index = match component.get("index") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    if index.is_none_or(|index| index > 9) {
        return Err(MetaError::parameter_missing("Button index must be 0 to 9"));
    }
    Ok(())
}

fn parameter(parameter: &Value) -> Result<Option<String>, MetaError> {
    let missing = |kind: &str| {
        MetaError::parameter_missing(format!("Parameter of type {kind} is missing {kind} value"))
    };
    let kind = optional(parameter, "type")?
        .ok_or_else(|| MetaError::parameter_missing("Parameter type is missing"))?;
    if let Some(name) = optional(parameter, "parameter_name")? {
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.bytes().all(lower) {
            return Err(MetaError::parameter_format(
                "parameter_name must be lower case letters, digits and _",
            ));
        }
    }
    match kind {
        "text" | "payload" => {
            let value = optional(parameter, kind)?.ok_or_else(|| missing(kind))?;
            if value.chars().count() > LONGEST_PARAMETER {
                return Err(MetaError::too_long(format!("{kind} must be at most 1024 characters long")));
            }
            if kind == "text" && (value.contains(['\n', '\t']) || value.contains("     ")) {
                let details =
                    "Param text cannot have new-line/tab characters or more than 4 consecutive spaces";
                return Err(MetaError::invalid(details));
            }
            Ok((kind == "text").then(|| value.to_owned()))
        }
        "currency" | "date_time" | "image" | "video" | "document" | "location" | "action" | "coupon_code" => {
            parameter.get(kind).map(|_| None).ok_or_else(|| missing(kind))
        }
        other => Err(MetaError::invalid(format!("Parameter type {other} is not known"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code(request: &Value) -> u32 {
        check(request).map_or_else(|error| error.code(), |_| 0)
    }

    fn template(components: &Value) -> Value {
        json!({"messaging_product": "whatsapp", "to": "+16505551234", "type": "template",
               "template": {"name": "t", "language": {"code": "en_US"}, "components": components}})
    }

    #[test]
    fn the_documented_requests_are_accepted() {
        for sample in [
            include_str!("../../../../tests/fixtures/whatsapp/requests/doc-text.json"),
            include_str!("../../../../tests/fixtures/whatsapp/requests/doc-template-named.json"),
            include_str!("../../../../tests/fixtures/whatsapp/requests/doc-template-positional.json"),
        ] {
            let draft = check(&serde_json::from_str(sample).unwrap()).unwrap();
            assert_eq!((draft.to.as_str(), draft.wa_id.as_str()), ("+16505551234", "16505551234"));
            assert_eq!(draft.callback_data.as_deref(), Some("m=01J0000000000000000000000;a=1"));
        }
        let named = include_str!("../../../../tests/fixtures/whatsapp/requests/doc-template-named.json");
        let draft = check(&serde_json::from_str(named).unwrap()).unwrap();
        assert_eq!(draft.text.as_deref(), Some("[order_confirmation en_US]: Jessica, SKBUP2-4CPIG9"));
    }

    #[test]
    fn a_missing_field_is_code_100_and_named() {
        let text = json!({"messaging_product": "whatsapp", "to": "+16505551234", "type": "text", "text": {"body": "Hi"}});
        assert_eq!(code(&text), 0);
        for name in ["messaging_product", "to", "text"] {
            let mut without = text.clone();
            without.as_object_mut().unwrap().remove(name);
            let error = check(&without).unwrap_err();
            assert_eq!(error.code(), 100, "{name}");
            let message = error.body()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(name), "{message}");
        }
        let mut long = text.clone();
        long["text"]["body"] = json!("a".repeat(4_097));
        assert_eq!(code(&long), 100);
        let mut bad_number = text;
        bad_number["to"] = json!("Jessica");
        assert_eq!(code(&bad_number), 131_009);
    }

    #[test]
    fn parameters_of_templates_must_have_their_shape() {
        let body = |parameters: Value| template(&json!([{"type": "body", "parameters": parameters}]));
        assert_eq!(code(&template(&Value::Null)), 0);
        assert_eq!(code(&body(json!([{"type": "text", "text": "Jessica"}]))), 0);
        assert_eq!(code(&body(json!([{"type": "text", "text": ""}]))), 131_008);
        assert_eq!(code(&body(json!([{"text": "Jessica"}]))), 131_008);
        assert_eq!(code(&body(json!([{"type": "text", "text": "two\nlines"}]))), 100);
        let mixed =
            json!([{"type": "text", "text": "a"}, {"type": "text", "parameter_name": "b", "text": "b"}]);
        assert_eq!(code(&body(mixed)), 132_012);
        assert_eq!(code(&body(json!([{"type": "text", "parameter_name": "B", "text": "b"}]))), 132_012);
        let button =
            |index: Value| json!([{"type": "button", "sub_type": "url", "index": index, "parameters": []}]);
        assert_eq!(code(&template(&button(json!("0")))), 0);
        assert_eq!(code(&template(&button(json!("x")))), 131_008);
        assert_eq!(code(&template(&json!([{"type": "footer"}]))), 100);
    }
}
