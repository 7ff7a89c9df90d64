//! Mail over Amazon SES.
//!
//! Each mail carries our id and the organisation's as message tags, which SES repeats in every event of it (with a configuration set;
//! without one SES reports nothing that we could attribute). Events come through SNS, whose signature is checked in [`sns`].

mod certificate;
mod errors;
mod mailbox;
mod mime;
mod send;
pub mod sns;
pub mod webhook;

pub use aws_sdk_ses::Client as SesClient;
pub use certificate::CertificateCache;
pub use mailbox::{Mailbox, MailboxProblem};
pub use send::{SesConfig, SesSender, client_config};

/// The message tag that holds our id of the message.
const MESSAGE_TAG: &str = "message_id";
/// The message tag that holds the organisation's id.
const ORG_TAG: &str = "org_id";
