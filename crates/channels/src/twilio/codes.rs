//! Twilio's error codes and their classes. The classes are those of `tests/fixtures/twilio/error_classes.json`, which a test holds this
//! table to; the codes are those of <https://www.twilio.com/docs/api/errors>.

use serde::Deserialize;

use crate::codes::find;

/// What a code is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// Too many requests or messages.
    Throttle,
    /// Twilio is closed for a moment.
    Maintenance,
    /// The sender has used up its day.
    DailyCap,
    /// A fault of Twilio's while it worked on the request.
    Server,
    /// Twilio does not know what became of the message.
    ProviderAmbiguous,
    /// A fault of Twilio's after it had accepted the message.
    ProviderInternalFailed,
    /// The recipient has opted out at Twilio.
    OptOut,
    /// The number is none, or no mobile.
    InvalidRecipient,
    /// This sender cannot reach the number.
    Unroutable,
    /// The phone could not be reached.
    TemporarilyUnreachable,
    /// A filter stopped the message.
    BlockedOrFiltered,
    /// Twilio's protection against traffic pumping stopped it.
    PumpingProtection,
    /// The recipient gets too many such messages.
    EcosystemLimit,
    /// The message itself is wrong.
    Content,
    /// The request is wrong.
    Request,
    /// Quiet hours or missing consent.
    Policy,
    /// Free text outside the reply window of a channel.
    Window,
    /// It waited in Twilio's queue for too long.
    ValidityExpired,
    /// Something about the account.
    Account,
    /// Something about the sending number or service.
    SenderConfig,
}

/// Every code that we know, in order.
pub(super) const CODES: &[(u32, Class)] = &[
    (10001, Class::Account),
    (14107, Class::Throttle),
    (20003, Class::Account),
    (20404, Class::Account),
    (20429, Class::Throttle),
    (20500, Class::Server),
    (20503, Class::Server),
    (21211, Class::InvalidRecipient),
    (21212, Class::SenderConfig),
    (21217, Class::InvalidRecipient),
    (21219, Class::Account),
    (21408, Class::Account),
    (21421, Class::InvalidRecipient),
    (21602, Class::Content),
    (21603, Class::SenderConfig),
    (21604, Class::InvalidRecipient),
    (21606, Class::SenderConfig),
    (21608, Class::Account),
    (21610, Class::OptOut),
    (21611, Class::Throttle),
    (21612, Class::Unroutable),
    (21614, Class::InvalidRecipient),
    (21617, Class::Content),
    (21618, Class::Content),
    (21620, Class::Content),
    (21624, Class::Request),
    (21703, Class::SenderConfig),
    (21704, Class::SenderConfig),
    (21705, Class::SenderConfig),
    (21730, Class::Maintenance),
    (30001, Class::Throttle),
    (30002, Class::Account),
    (30003, Class::TemporarilyUnreachable),
    (30004, Class::BlockedOrFiltered),
    (30005, Class::InvalidRecipient),
    (30006, Class::InvalidRecipient),
    (30007, Class::BlockedOrFiltered),
    (30008, Class::TemporarilyUnreachable),
    (30010, Class::Account),
    (30011, Class::Content),
    (30012, Class::Request),
    (30013, Class::Request),
    (30014, Class::Request),
    (30015, Class::Request),
    (30016, Class::Request),
    (30017, Class::Throttle),
    (30018, Class::Account),
    (30019, Class::Content),
    (30020, Class::ProviderInternalFailed),
    (30021, Class::ProviderInternalFailed),
    (30022, Class::Throttle),
    (30023, Class::DailyCap),
    (30024, Class::Account),
    (30027, Class::DailyCap),
    (30029, Class::Request),
    (30030, Class::Request),
    (30032, Class::Account),
    (30033, Class::Account),
    (30034, Class::Account),
    (30035, Class::Account),
    (30036, Class::ValidityExpired),
    (30410, Class::ProviderAmbiguous),
    (30450, Class::PumpingProtection),
    (30610, Class::Policy),
    (30640, Class::Policy),
    (63001, Class::Account),
    (63003, Class::InvalidRecipient),
    (63007, Class::Account),
    (63013, Class::Content),
    (63015, Class::Account),
    (63016, Class::Window),
    (63018, Class::Throttle),
    (63020, Class::Account),
    (63021, Class::Content),
    (63024, Class::InvalidRecipient),
    (63032, Class::BlockedOrFiltered),
    (63033, Class::BlockedOrFiltered),
    (63038, Class::DailyCap),
    (63049, Class::EcosystemLimit),
    (63051, Class::Account),
    (90007, Class::Request),
    (90010, Class::Account),
];

/// The class of a code, if we know the code.
pub(super) fn class_of(code: u32) -> Option<Class> {
    find(CODES, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::tests::{assert_agreed, assert_in_order};

    #[test]
    fn the_table_is_the_one_that_was_agreed() {
        assert_agreed(CODES, include_str!("../../../../tests/fixtures/twilio/error_classes.json"));
    }

    #[test]
    fn the_table_is_in_order_so_that_every_code_is_found() {
        assert_in_order(CODES);
        assert!(CODES.iter().all(|(code, class)| class_of(*code) == Some(*class)));
    }
}
