//! Fetching the certificates that SNS signs with, once each.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;

use super::sns::{Confirmation, Envelope, SnsError};

/// A certificate has about 2 KB.
const MAX_BYTES: usize = 16 * 1024;
/// SNS has one certificate per region and changes it once a year; more would be somebody trying.
const MAX_CERTIFICATES: usize = 8;

/// The certificates seen so far. One per process; Amazon gives every certificate a URL of its own, so that none goes stale.
#[derive(Debug)]
pub struct CertificateCache {
    http: reqwest::Client,
    allowed_local_host: Option<String>,
    /// The latest last.
    known: Mutex<Vec<(String, Arc<[u8]>)>>,
}

impl CertificateCache {
    /// An empty cache. `allowed_local_host` as for [`super::sns::cert_url_is_allowed`].
    pub fn new(http: reqwest::Client, allowed_local_host: Option<String>) -> Self {
        Self { http, allowed_local_host, known: Mutex::new(Vec::new()) }
    }

    /// Whether SNS signed `envelope`, fetching its certificate if it is new. To be called after [`Envelope::check`].
    ///
    /// # Errors
    /// [`SnsError::Url`], or those of [`Envelope::verify`].
    pub async fn verify(&self, envelope: &Envelope, now: Timestamp) -> Result<(), SnsError> {
        let url = envelope.certificate_url(self.allowed_local_host.as_deref())?;
        if let Some(pem) = self.find(url) {
            return envelope.verify(&pem, now);
        }
        let pem = self.fetch(url).await?;
        let verdict = envelope.verify(&pem, now);
        // Only what has verified a message is worth a place.
        if verdict.is_ok() {
            self.keep(url, pem);
        }
        verdict
    }

    /// Confirms a subscription that was verified; see [`super::sns::confirm`].
    ///
    /// # Errors
    /// As [`super::sns::confirm`].
    pub async fn confirm(&self, confirmation: &Confirmation) -> Result<(), SnsError> {
        super::sns::confirm(&self.http, confirmation, self.allowed_local_host.as_deref()).await
    }

    async fn fetch(&self, url: &str) -> Result<Arc<[u8]>, SnsError> {
        let mut answer = self.http.get(url).send().await.map_err(|_| SnsError::Unavailable)?;
        if answer.status().is_client_error() {
            // SNS has no such certificate: whoever names it is not SNS.
            return Err(SnsError::Url);
        }
        if !answer.status().is_success() {
            return Err(SnsError::Unavailable);
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|_| SnsError::Unavailable)? {
            if bytes.len() + piece.len() > MAX_BYTES {
                return Err(SnsError::Certificate);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.into())
    }

    fn find(&self, url: &str) -> Option<Arc<[u8]>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(of, _)| of == url).map(|(_, pem)| Arc::clone(pem))
    }

    fn keep(&self, url: &str, pem: Arc<[u8]>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(of, _)| of != url);
        if known.len() == MAX_CERTIFICATES {
            known.remove(0);
        }
        known.push((url.to_owned(), pem));
    }
}
