//! The providers' accounts, as the local secrets file describes them.
//!
//! Its entries are `"org_id/name": {...}`. What an entry is for is told by its fields, because the names are free.

use serde_json::Value;

/// One organisation's account at Twilio.
#[derive(Clone, Debug)]
pub(crate) struct TwilioAccount {
    pub(crate) org: String,
    pub(crate) account_sid: String,
    pub(crate) auth_token: String,
}

/// One organisation's app and token at Meta.
#[derive(Clone, Debug)]
pub(crate) struct WhatsAppAccount {
    pub(crate) org: String,
    pub(crate) access_token: String,
    pub(crate) app_secret: String,
    /// The number that the token may use; any, if the file does not say.
    pub(crate) phone_number_id: Option<String>,
}

impl WhatsAppAccount {
    pub(crate) fn owns(&self, phone_number_id: &str) -> bool {
        self.phone_number_id.as_deref().is_none_or(|own| own == phone_number_id)
    }
}

/// The accounts at this moment: read anew for each request, because secrets are changed while the stack runs.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    twilio: Vec<TwilioAccount>,
    whatsapp: Vec<WhatsAppAccount>,
}

impl Accounts {
    /// Entries that lack a field, or whose key is not `org_id/name`, are no accounts.
    pub(crate) fn read(secrets: &Value) -> Self {
        let mut accounts = Self::default();
        for (key, fields) in secrets.as_object().into_iter().flatten() {
            let Some((org, _)) = key.split_once('/') else { continue };
            let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
            if let (Some(account_sid), Some(auth_token)) = (text("account_sid"), text("auth_token")) {
                accounts.twilio.push(TwilioAccount { org: org.to_owned(), account_sid, auth_token });
            }
            if let (Some(access_token), Some(app_secret)) = (text("access_token"), text("app_secret")) {
                let phone_number_id = text("phone_number_id");
                let org = org.to_owned();
                accounts.whatsapp.push(WhatsAppAccount { org, access_token, app_secret, phone_number_id });
            }
        }
        accounts
    }

    /// The account that these credentials open.
    pub(crate) fn twilio_login(&self, account_sid: &str, auth_token: &str) -> Option<&TwilioAccount> {
        self.twilio
            .iter()
            .find(|account| account.account_sid == account_sid && account.auth_token == auth_token)
    }

    pub(crate) fn twilio_of(&self, org: Option<&str>) -> Option<&TwilioAccount> {
        self.twilio.iter().find(|account| org.is_none_or(|org| account.org == org))
    }

    /// The account whose token signs a message's callbacks; of the organisation that sent it, if that still has one.
    pub(crate) fn twilio_by_sid(&self, account_sid: &str, org: &str) -> Option<&TwilioAccount> {
        let mut owners = self.twilio.iter().filter(|account| account.account_sid == account_sid).peekable();
        let first = owners.peek().copied();
        owners.find(|account| account.org == org).or(first)
    }

    /// The account of a token; the one that owns the number, if several share a token.
    pub(crate) fn whatsapp_login(
        &self,
        access_token: &str,
        phone_number_id: &str,
    ) -> Option<&WhatsAppAccount> {
        let mut holders =
            self.whatsapp.iter().filter(|account| account.access_token == access_token).peekable();
        let first = holders.peek().copied();
        holders.find(|account| account.owns(phone_number_id)).or(first)
    }

    /// An organisation's account for a number, else any that it has.
    pub(crate) fn whatsapp_of(
        &self,
        org: Option<&str>,
        phone_number_id: Option<&str>,
    ) -> Option<&WhatsAppAccount> {
        let mut own =
            self.whatsapp.iter().filter(|account| org.is_none_or(|org| account.org == org)).peekable();
        let first = own.peek().copied();
        own.find(|account| phone_number_id.is_some_and(|id| account.phone_number_id.as_deref() == Some(id)))
            .or(first)
    }

    /// The account to which the file gives this number.
    pub(crate) fn whatsapp_by_number(
        &self,
        org: Option<&str>,
        is_it: impl Fn(&str) -> bool,
    ) -> Option<&WhatsAppAccount> {
        self.whatsapp.iter().find(|account| {
            org.is_none_or(|org| account.org == org) && account.phone_number_id.as_deref().is_some_and(&is_it)
        })
    }

    /// The account, if there is but one, or the organisation has but one.
    pub(crate) fn only_whatsapp_of(&self, org: Option<&str>) -> Option<&WhatsAppAccount> {
        let mut own = self.whatsapp.iter().filter(|account| org.is_none_or(|org| account.org == org));
        own.next().filter(|_| own.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn accounts() -> Accounts {
        Accounts::read(&json!({
            "b/sms": {"account_sid": "AC2", "auth_token": "t2"},
            "a/anything": {"account_sid": "AC1", "auth_token": "t1"},
            "a/meta": {"access_token": "w1", "app_secret": "s1", "verify_token": "v", "phone_number_id": "100"},
            "b/meta": {"access_token": "w1", "app_secret": "s2", "phone_number_id": "200"},
            "a/half": {"account_sid": "AC3"},
            "no-slash": {"account_sid": "AC4", "auth_token": "t4"},
        }))
    }

    #[test]
    fn an_entry_is_known_by_its_fields_and_its_organisation_by_its_key() {
        let accounts = accounts();
        assert_eq!(accounts.twilio_login("AC1", "t1").unwrap().org, "a");
        assert!(accounts.twilio_login("AC1", "t2").is_none());
        assert!(accounts.twilio_login("AC3", "").is_none());
        assert!(accounts.twilio_login("AC4", "t4").is_none());
        assert_eq!(accounts.twilio_of(Some("b")).unwrap().account_sid, "AC2");
    }

    #[test]
    fn a_token_that_two_organisations_share_is_told_apart_by_the_number() {
        let accounts = accounts();
        assert_eq!(accounts.whatsapp_login("w1", "200").unwrap().org, "b");
        assert_eq!(accounts.whatsapp_login("w1", "100").unwrap().org, "a");
        assert!(accounts.whatsapp_login("w2", "100").is_none());
    }
}
