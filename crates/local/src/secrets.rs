//! `secrets.json`: the local stand-in for Secrets Manager, made at the first start with credentials of its own.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use crate::{
    clock,
    data::{DAMAGED, DataFolder},
};

/// The file's name in the data folder.
pub const FILE: &str = "secrets.json";

/// Secrets by `org_id/name`; the stage's own are under the organisation `-`.
pub type Secrets = BTreeMap<String, Json>;

/// Reads the secrets of a folder, and makes them at the first start.
///
/// # Errors
/// When the file cannot be read or written, or is not a JSON object.
pub fn load_or_create(data: &DataFolder) -> Result<Secrets> {
    if let Some(text) = data.read(FILE)? {
        return serde_json::from_str(&text)
            .with_context(|| format!("{} is not a JSON object; {DAMAGED}", data.join(FILE).display()));
    }
    let secrets = generate();
    data.write_private(FILE, &(serde_json::to_string_pretty(&secrets)? + "\n"))?;
    Ok(secrets)
}

/// Makes credentials of an organisation at Twilio and WhatsApp, named `twilio` and `whatsapp`, beside those that are there.
///
/// # Errors
/// As [`load_or_create`].
pub fn add_organisation(data: &DataFolder, org: &str) -> Result<()> {
    let mut secrets = load_or_create(data)?;
    secrets.extend(of_organisation(org));
    data.write_private(FILE, &(serde_json::to_string_pretty(&secrets)? + "\n"))
}

fn generate() -> Secrets {
    let keys = json!({"master": hex::encode(clock::random_bytes::<32>())});
    let mut secrets = Secrets::from([("-/keys".to_owned(), keys)]);
    secrets.extend(of_organisation("demo"));
    secrets
}

fn of_organisation(org: &str) -> [(String, Json); 2] {
    let hex = |bytes: &[u8]| hex::encode(bytes);
    [
        (
            format!("{org}/twilio"),
            json!({
                "account_sid": format!("AC{}", hex(&clock::random_bytes::<16>())),
                "auth_token": hex(&clock::random_bytes::<16>()),
            }),
        ),
        (
            format!("{org}/whatsapp"),
            json!({
                "access_token": format!("EAA{}", hex(&clock::random_bytes::<32>())),
                "app_secret": hex(&clock::random_bytes::<16>()),
                "verify_token": hex(&clock::random_bytes::<16>()),
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::create(folder.path()).unwrap();
        let first = load_or_create(&data).unwrap();
        assert_eq!(load_or_create(&data).unwrap(), first);
        assert_eq!(first["-/keys"]["master"].as_str().unwrap().len(), 64);
        assert_eq!(first["demo/twilio"]["account_sid"].as_str().unwrap().len(), 34);
    }
}
