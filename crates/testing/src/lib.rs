//! A world to test in: the real store and queues on the embedded engine, the real use cases, a clock that is moved by hand, and providers
//! that do as they are told and keep a ledger of what they accepted.

pub mod conformance;
mod inbound;
mod provider;
mod sources;
pub mod transport;
mod world;

pub use inbound::{PUBLIC_BASE_URL, Writes, secret_of, twilio_status, whatsapp_status};
pub use provider::{Answer, Credentials, Provider, Question, Seen, Told};
pub use sources::{CountingIds, TestClock};
pub use world::{Contents, Functions, Redelivery, Snapshot, Wiring, World, queue_of, url_of};

use std::collections::BTreeMap;
use std::path::Path;

use local::template::Template;

/// `template.yaml`, read with parameters for a test.
///
/// # Errors
/// If it does not read.
pub fn template() -> anyhow::Result<Template> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let parameters = BTreeMap::from([
        ("Stage", "local".to_owned()),
        ("PublicBaseUrl", "https://tidings.test".to_owned()),
        ("JwtIssuer", "https://issuer.test".to_owned()),
        ("JwtAudience", "tidings".to_owned()),
    ]);
    Template::read(&path, &parameters)
}
