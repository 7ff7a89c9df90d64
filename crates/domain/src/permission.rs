//! What a caller's token allows.

use serde::Serialize;

use crate::OrgId;

/// The permissions that Tidings knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read members and opt-outs.
    MembersView,
    /// Write members and opt-outs; with [`Self::MessagingSend`], send.
    MembersEdit,
    /// Send, reply.
    MessagingSend,
    /// Read actions, the log, conversations.
    MessagingView,
    /// Configure channels, templates, the organisation.
    MessagingManage,
    /// Use a template that is not approved.
    TemplateOverride,
}

impl Permission {
    /// The name in a token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MembersView => "members.view",
            Self::MembersEdit => "members.edit",
            Self::MessagingSend => "messaging.send",
            Self::MessagingView => "messaging.view",
            Self::MessagingManage => "messaging.manage",
            Self::TemplateOverride => "messaging.template_override",
        }
    }
}

/// A caller, as the verified token describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person or system.
    pub sub: String,
    /// The organisation to which everything they do is scoped.
    pub org_id: OrgId,
    /// The permissions as the token names them, unknown ones included.
    pub permissions: Vec<String>,
}

/// What a caller lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Any one of these would have done.
    pub any_of: Vec<&'static str>,
}

impl Caller {
    /// Permissions from the claim: one string separated by spaces, or the form `[a b]` into which API Gateway turns an array.
    pub fn parse_permissions(claim: &str) -> Vec<String> {
        let inner = claim.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(claim);
        inner.split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// Whether the caller holds `permission`.
    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|name| name == permission.as_str())
    }

    /// # Errors
    /// Names the first permission that is missing.
    pub fn require_all(&self, permissions: &[Permission]) -> Result<(), Lacking> {
        match permissions.iter().find(|permission| !self.has(**permission)) {
            Some(missing) => Err(Lacking { any_of: vec![missing.as_str()] }),
            None => Ok(()),
        }
    }

    /// # Errors
    /// Names all permissions of which one would do, if the caller has none of them.
    pub fn require_any(&self, permissions: &[Permission]) -> Result<(), Lacking> {
        if permissions.iter().any(|permission| self.has(*permission)) {
            return Ok(());
        }
        Err(Lacking { any_of: permissions.iter().map(|permission| permission.as_str()).collect() })
    }

    /// What a UI should offer to this caller.
    pub fn may(&self) -> May {
        use Permission::{MembersEdit, MessagingManage, MessagingSend, MessagingView, TemplateOverride};
        let send_message = self.has(MembersEdit) && self.has(MessagingSend);
        May {
            send_message,
            override_template: send_message && self.has(TemplateOverride),
            reply: self.has(MessagingSend),
            view: self.has(MessagingView) || self.has(MessagingSend),
            manage: self.has(MessagingManage),
            edit_members: self.has(MembersEdit),
        }
    }
}

/// What a caller may do, for `GET /session`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the contract's answer is a list of flags")]
pub struct May {
    /// Send, preview, schedule, cancel, retry.
    pub send_message: bool,
    /// Use templates that are not approved.
    pub override_template: bool,
    /// Reply in conversations.
    pub reply: bool,
    /// Read actions, the log and conversations.
    pub view: bool,
    /// Configure channels, templates, the organisation.
    pub manage: bool,
    /// Write members and opt-outs.
    pub edit_members: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_claim_are_read() {
        let expected = vec!["members.edit".to_owned(), "messaging.send".to_owned()];
        assert_eq!(Caller::parse_permissions("members.edit messaging.send"), expected);
        assert_eq!(Caller::parse_permissions("[members.edit messaging.send]"), expected);
        assert!(Caller::parse_permissions("[]").is_empty());
    }

    #[test]
    fn sending_needs_both_permissions() {
        let caller = Caller {
            sub: "u".into(),
            org_id: "o".parse().unwrap(),
            permissions: vec!["messaging.send".into()],
        };
        assert!(!caller.may().send_message);
        assert_eq!(
            caller.require_all(&[Permission::MembersEdit, Permission::MessagingSend]),
            Err(Lacking { any_of: vec!["members.edit"] })
        );
    }
}
