//! Meta's error codes and their classes. The classes are those of `tests/fixtures/whatsapp/error_classes.json`, which a test holds this
//! table to; the codes are those of
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>.

use serde::Deserialize;

use crate::codes::find;

/// What a code is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// The token is wrong, has expired or may not do this.
    Auth,
    /// A fault of Meta's; the message may have gone out.
    TransientAmbiguous,
    /// Too many messages or requests.
    Throttle,
    /// The number or the business account cannot send.
    Account,
    /// The request is wrong.
    Request,
    /// Meta does not carry messages from this sender to this recipient.
    RecipientPolicy,
    /// The number is not on WhatsApp.
    InvalidRecipient,
    /// Free text outside the 24 hours.
    Window,
    /// The recipient gets too many marketing messages.
    EcosystemLimit,
    /// The recipient has stopped marketing messages.
    OptOut,
    /// The template, or what was filled into it, is wrong.
    TemplateRequest,
    /// The template rests because of its quality.
    TemplatePaused,
    /// The template is gone for good because of its quality.
    TemplateDisabled,
}

/// Every code that we know, in order. 200 stands for 200 to 299.
pub(super) const CODES: &[(u32, Class)] = &[
    (0, Class::Auth),
    (1, Class::TransientAmbiguous),
    (2, Class::TransientAmbiguous),
    (3, Class::Auth),
    (4, Class::Throttle),
    (10, Class::Auth),
    (33, Class::Account),
    (100, Class::Request),
    (190, Class::Auth),
    (200, Class::Auth),
    (368, Class::Account),
    (80007, Class::Throttle),
    (130_403, Class::RecipientPolicy),
    (130_429, Class::Throttle),
    (130_472, Class::RecipientPolicy),
    (130_497, Class::RecipientPolicy),
    (131_000, Class::TransientAmbiguous),
    (131_005, Class::Auth),
    (131_008, Class::Request),
    (131_009, Class::Request),
    (131_016, Class::TransientAmbiguous),
    (131_021, Class::RecipientPolicy),
    (131_026, Class::InvalidRecipient),
    (131_030, Class::RecipientPolicy),
    (131_031, Class::Account),
    (131_037, Class::Account),
    (131_042, Class::Account),
    (131_045, Class::Account),
    (131_047, Class::Window),
    (131_048, Class::Account),
    (131_049, Class::EcosystemLimit),
    (131_050, Class::OptOut),
    (131_051, Class::Request),
    (131_052, Class::Request),
    (131_053, Class::Request),
    (131_055, Class::TemplateRequest),
    (131_056, Class::Throttle),
    (131_057, Class::TransientAmbiguous),
    (131_061, Class::RecipientPolicy),
    (131_062, Class::RecipientPolicy),
    (131_063, Class::TemplateRequest),
    (131_064, Class::Account),
    (132_000, Class::TemplateRequest),
    (132_001, Class::TemplateRequest),
    (132_005, Class::TemplateRequest),
    (132_007, Class::TemplateRequest),
    (132_008, Class::TemplateRequest),
    (132_012, Class::TemplateRequest),
    (132_015, Class::TemplatePaused),
    (132_016, Class::TemplateDisabled),
    (132_018, Class::TemplateRequest),
    (132_068, Class::TemplateRequest),
    (132_069, Class::TemplateRequest),
    (133_004, Class::TransientAmbiguous),
    (133_010, Class::Account),
    (133_016, Class::Account),
    (134_100, Class::TemplateRequest),
    (134_101, Class::TemplateRequest),
    (134_102, Class::TemplateRequest),
    (135_000, Class::Request),
    (2_494_100, Class::TransientAmbiguous),
];

/// The class of a code, if we know the code.
pub(super) fn class_of(code: u32) -> Option<Class> {
    let code = if (200..300).contains(&code) { 200 } else { code };
    find(CODES, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::tests::{assert_agreed, assert_in_order};

    #[test]
    fn the_table_is_the_one_that_was_agreed() {
        assert_agreed(CODES, include_str!("../../../../tests/fixtures/whatsapp/error_classes.json"));
    }

    #[test]
    fn the_table_is_in_order_so_that_every_code_is_found() {
        assert_in_order(CODES);
        assert!(CODES.iter().all(|(code, class)| class_of(*code) == Some(*class)));
        assert_eq!((class_of(299), class_of(300)), (Some(Class::Auth), None));
    }
}
