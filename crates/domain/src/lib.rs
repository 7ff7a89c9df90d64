//! The rules of Tidings: ids, channels, states and their transitions, failure codes, and how a message is written.
//!
//! Nothing here waits, calls or reads a clock. Time, randomness and ids come in as arguments, so every rule can be tested as a function.

pub mod channel;
pub mod content;
pub mod counts;
pub mod email;
pub mod failure;
pub mod gate;
pub mod histogram;
pub mod ids;
pub mod member;
pub mod opt_out;
pub mod pace;
pub mod permission;
pub mod phone;
pub mod rate_limit;
pub mod receipt;
pub mod segments;
pub mod settings;
pub mod sources;
mod spelled;
pub mod status;
pub mod time;
pub mod unconfirmed;
pub mod variables;

pub use channel::{Attribution, Channel, Dedupe, Routing, SendSource};
pub use failure::{FailureCode, Reason, SkipCode};
pub use ids::{BulkActionId, ConversationId, MemberId, MessageId, OrgId, TemplateId};
pub use sources::{Clock, Ids, Timer};
pub use status::{BulkActionStatus, MessageStatus};
pub use time::Timestamp;
pub use unconfirmed::{Inquiry, Unknown};
