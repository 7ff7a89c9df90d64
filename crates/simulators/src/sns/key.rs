//! The key that signs notifications and its certificate, made at first start and kept with the ledger.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::StartError;
use crate::database::{Database, keep_setting, setting};

const KEY: &str = "sns.key";
const CERTIFICATE: &str = "sns.certificate";
/// The name in the certificates of SNS.
const COMMON_NAME: &str = "sns.amazonaws.com";

/// See the module.
pub(super) struct Key {
    pair: RsaKeyPair,
    certificate_pem: String,
}

impl Key {
    pub(super) async fn open(database: &Database) -> Result<Self, StartError> {
        let kept = database
            .run(|connection| Ok((setting(connection, KEY)?, setting(connection, CERTIFICATE)?)))
            .await?;
        let (der, certificate_pem) = if let (Some(key), Some(certificate_pem)) = kept {
            (BASE64.decode(key).map_err(|error| StartError::Key(error.to_string()))?, certificate_pem)
        } else {
            // Finding primes takes a moment, in which other tasks should go on.
            let made = tokio::task::spawn_blocking(make)
                .await
                .map_err(|error| StartError::Key(error.to_string()))?;
            let (der, certificate_pem) = made.map_err(|error| StartError::Key(error.to_string()))?;
            let (key, certificate) = (BASE64.encode(&der), certificate_pem.clone());
            database
                .run(move |connection| {
                    keep_setting(connection, KEY, &key)?;
                    keep_setting(connection, CERTIFICATE, &certificate)
                })
                .await?;
            (der, certificate_pem)
        };
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|error| StartError::Key(error.to_string()))?;
        Ok(Self { pair, certificate_pem })
    }

    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Signature version 2: RSA with SHA-256, in base64.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        match self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature) {
            Ok(()) => BASE64.encode(signature),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a notification could not be signed"
                );
                String::new()
            }
        }
    }
}

fn make() -> Result<(Vec<u8>, String), rcgen::Error> {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut params = CertificateParams::new(vec![COMMON_NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    let certificate = params.self_signed(&pair)?;
    Ok((pair.serialize_der(), certificate.pem()))
}
