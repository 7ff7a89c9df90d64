//! The demo organisation, its channels and its templates.

use serde_json::{Value as Json, json};

/// Body of `PUT /organisation`.
pub(super) fn organisation() -> Json {
    json!({
        "name": "St Mark's, Harbourside",
        "country": "NZ",
        "time_zone": "Pacific/Auckland",
        "help_text": "St Mark's: call the office on 09 123 4567. Reply STOP to get no more messages.",
        "reply_to": "office@stmarks.example.org",
    })
}

/// Bodies of `PUT /channels/{channel}`. Windows are short and rates modest, so that every send settles while one
/// looks, and still takes long enough to be seen.
pub(super) fn channels() -> [(&'static str, Json); 3] {
    let settings = |sender: &str, secret: Option<&str>| json!({"sender": sender, "rate_per_second": 20, "receipt_window_s": 60, "secret_ref": secret});
    [
        ("sms", settings("+64212419999", Some("twilio"))),
        ("whatsapp", settings("106540352242922", Some("whatsapp"))),
        ("email", settings("St Mark's <office@stmarks.example.org>", None)),
    ]
}

/// Ids and bodies of `PUT /templates/{id}`.
pub(super) fn templates() -> [(&'static str, Json); 5] {
    let positions = |count: u32| -> Vec<Json> {
        (1..=count).map(|position| json!({"position": position, "component": "body"})).collect()
    };
    [
        (
            "service_reminder",
            json!({
                "channel": "whatsapp", "name": "service_reminder", "language": "en", "status": "approved",
                "body": "Hi {{1}}, the service is at {{2}}. See you there!", "parameters": positions(2),
            }),
        ),
        (
            "picnic_invitation",
            json!({
                "channel": "whatsapp", "name": "picnic_invitation", "language": "en", "status": "pending",
                "body": "Hi {{1}}, you are invited to our picnic.", "parameters": positions(1),
            }),
        ),
        (
            "sms_reminder",
            json!({
                "channel": "sms", "name": "Service reminder", "status": "approved",
                "body": "Hi {{member.first_names | default(\"friend\")}}, the service is at 10:00 on Sunday.",
            }),
        ),
        (
            "working_bee",
            json!({
                "channel": "sms", "name": "Working bee", "status": "approved",
                "body": "Hi {{member.first_names}}, {{member.unit.name}} is on for the working bee on Saturday at 9:00.",
            }),
        ),
        (
            "newsletter",
            json!({
                "channel": "email", "name": "Newsletter", "status": "approved",
                "subject": "News from {{org.name}}",
                "body": "Kia ora {{member.first_names | default(\"friend\")}},\n\nwe meet on Sunday at 10:00.\n\n\
                         To get no more of these: {{unsubscribe_url}}\n",
                "html": "<p>Kia ora {{member.first_names | default(\"friend\")}},</p>\
                         <p>we meet on Sunday at <b>10:00</b>.</p>\
                         <p><a href=\"{{unsubscribe_url}}\">Unsubscribe</a></p>",
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use domain::{Channel, settings::check_sender, variables::Template};

    use super::*;

    #[test]
    fn every_sender_is_one_that_its_channel_takes() {
        for (name, settings) in channels() {
            let channel: Channel = serde_json::from_value(json!(name)).unwrap();
            check_sender(channel, settings["sender"].as_str().unwrap()).unwrap();
        }
    }

    #[test]
    fn every_text_of_ours_has_variables_that_exist() {
        for (id, template) in templates() {
            // The text of a WhatsApp template is Meta's and has Meta's placeholders.
            let ours = ["subject", "body", "html"].iter().filter(|_| template["channel"] != "whatsapp");
            for text in ours.filter_map(|field| template[*field].as_str()) {
                assert!(Template::parse(text).is_ok(), "{id}: {text}");
            }
        }
    }
}
