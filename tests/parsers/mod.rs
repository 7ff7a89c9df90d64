//! What must hold of every parser of bytes from outside, whatever the bytes: each function here gives them to its parsers and panics where something does not
//! hold. A panic of a parser is one of its own.

mod api;
mod inside;
mod texts;
mod webhooks;

use std::path::{Path, PathBuf};

use domain::Timestamp;

/// A parser or some of one kind, and what must hold of them.
#[derive(Clone, Copy)]
pub struct Property {
    /// Its name: that of the fuzz target, too.
    pub name: &'static str,
    /// Gives bytes to the parsers.
    pub holds: fn(&[u8]),
    /// Folders and files of `fixtures` with what the parsers are for.
    pub seeds: &'static [&'static str],
}

/// Every parser of bytes from outside.
pub const ALL: &[Property] = &[
    Property { name: "api_bodies", holds: api::bodies, seeds: &["api"] },
    Property { name: "imports", holds: api::imports, seeds: &["import"] },
    Property { name: "twilio_webhooks", holds: webhooks::twilio, seeds: &["twilio"] },
    Property {
        name: "whatsapp_webhooks",
        holds: webhooks::whatsapp,
        seeds: &["whatsapp/status", "whatsapp/inbound", "whatsapp/webhooks-other"],
    },
    Property {
        name: "sns_envelopes",
        holds: webhooks::sns,
        seeds: &["aws/sns", "vectors/sns_test_cert.pem"],
    },
    Property {
        name: "ses_events",
        holds: webhooks::ses,
        seeds: &["aws/ses-events", "aws/ses-notifications"],
    },
    Property { name: "tokens", holds: inside::tokens, seeds: &["tokens"] },
    Property { name: "queue_bodies", holds: inside::queue_bodies, seeds: &["queue"] },
    Property { name: "lambda_events", holds: inside::lambda_events, seeds: &["lambda"] },
    Property { name: "variables", holds: texts::variables, seeds: &["texts"] },
    Property { name: "addresses", holds: texts::addresses, seeds: &["texts"] },
];

/// The property of this name.
///
/// # Panics
/// If there is none.
pub fn property(name: &str) -> Property {
    *ALL.iter().find(|property| property.name == name).expect("a property of that name")
}

impl Property {
    /// What its parsers are for, from the fixtures.
    ///
    /// # Panics
    /// If a fixture cannot be read.
    pub fn samples(&self) -> Vec<Vec<u8>> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let files = self.seeds.iter().flat_map(|seed| files(&fixtures.join(seed)));
        files.map(|file| std::fs::read(file).expect("a fixture")).collect()
    }
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).expect("a folder of fixtures");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a fixture").path()).collect();
    files.sort();
    files
}

/// When everything here comes in.
fn now() -> Timestamp {
    Timestamp::from_secs(1_796_115_600)
}
