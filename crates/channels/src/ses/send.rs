//! Handing a mail to SES: `SendRawEmail` of the API of 2010-12-01.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_ses::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ses::config::retry::RetryConfig;
use aws_sdk_ses::config::timeout::TimeoutConfig;
use aws_sdk_ses::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ses::error::BoxError;
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::{MessageTag, RawMessage};
use domain::FailureCode;
use domain::content::Rendered;

use super::mailbox::Mailbox;
use super::mime::{self, Mail, Unwritable};
use super::{MESSAGE_TAG, ORG_TAG, errors};
use crate::{Outcome, Outgoing, Problem, REQUEST_TIMEOUT, Sender};

/// The part of a request's time that may go by until the connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Makes a client's configuration fit for sending: no retries, and an end to every call.
///
/// By default the SDK sends a request up to three times, also after a time-out, when SES may have taken the first.
#[must_use]
pub fn client_config(builder: aws_sdk_ses::config::Builder) -> aws_sdk_ses::config::Builder {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(REQUEST_TIMEOUT).build();
    builder.retry_config(RetryConfig::disabled()).timeout_config(timeouts)
}

/// One sender of mail.
#[derive(Debug, Clone)]
pub struct SesConfig {
    /// Who mails come from: an identity that SES has verified.
    pub from: Mailbox,
    /// Who gets the replies, if not the sender.
    pub reply_to: Option<Mailbox>,
    /// The configuration set that publishes events to our topic. Without one there are no reports.
    pub configuration_set: Option<String>,
}

/// Sends mail from one address.
#[derive(Debug, Clone)]
pub struct SesSender {
    client: aws_sdk_ses::Client,
    config: SesConfig,
}

impl SesSender {
    /// A sender that uses `client`, whose configuration went through [`client_config`].
    pub fn new(client: aws_sdk_ses::Client, config: SesConfig) -> Self {
        Self { client, config }
    }

    fn mail<'a>(&'a self, message: &Outgoing<'a>) -> Option<Mail<'a>> {
        let Rendered::Email { subject, text, html } = message.content else { return None };
        Some(Mail {
            message_id: message.message_id,
            from: &self.config.from,
            reply_to: self.config.reply_to.as_ref(),
            to: message.to.as_str(),
            subject,
            text,
            html: html.as_deref(),
            unsubscribe_url: message.unsubscribe_url,
        })
    }

    async fn hand_over(&self, message: &Outgoing<'_>, raw: RawMessage, tags: Vec<MessageTag>) -> Outcome {
        let transmitted = Transmitted::default();
        let result = self
            .client
            .send_raw_email()
            .source(self.config.from.address().as_str())
            .destinations(message.to.as_str())
            .raw_message(raw)
            .set_tags(Some(tags))
            .set_configuration_set_name(self.config.configuration_set.clone())
            .customize()
            .interceptor(transmitted.clone())
            .send()
            .await;
        match result {
            Ok(output) if output.message_id().is_empty() => {
                Outcome::Unknown { problem: Problem::ours("The provider did not name the mail") }
            }
            Ok(output) => {
                Outcome::Accepted { provider_message_id: output.message_id().to_owned(), segments: None }
            }
            Err(error) => errors::failure(&error, transmitted.0.load(Ordering::Relaxed)),
        }
    }
}

impl Sender for SesSender {
    async fn send(&self, message: &Outgoing<'_>) -> Outcome {
        let Some(mail) = self.mail(message) else {
            return refused(FailureCode::InternalError, "Only a mail can be sent by email");
        };
        let bytes = match mime::write(&mail) {
            Ok(bytes) => bytes,
            Err(Unwritable::Recipient) => {
                return refused(
                    FailureCode::InvalidEmail,
                    "The address has characters that no mail can carry",
                );
            }
            Err(Unwritable::UnsubscribeUrl) => {
                return refused(FailureCode::InternalError, "The unsubscribe link is not a link");
            }
        };
        let tags = [(MESSAGE_TAG, message.message_id.to_string()), (ORG_TAG, message.org_id.to_string())]
            .into_iter()
            .map(|(name, value)| MessageTag::builder().name(name).value(value).build())
            .collect::<Result<_, _>>();
        let raw = RawMessage::builder().data(Blob::new(bytes)).build();
        match (raw, tags) {
            (Ok(raw), Ok(tags)) => self.hand_over(message, raw, tags).await,
            (Err(_), _) | (_, Err(_)) => {
                refused(FailureCode::InternalError, "The request could not be written")
            }
        }
    }

    fn timeout(&self) -> Duration {
        REQUEST_TIMEOUT
    }
}

fn refused(code: FailureCode, text: &'static str) -> Outcome {
    Outcome::Refused { code, problem: Problem::ours(text) }
}

/// Notes that a request begins to leave. What fails before, such as finding the credentials, has certainly not sent anything; the
/// SDK's error alone does not tell.
#[derive(Debug, Clone, Default)]
struct Transmitted(Arc<AtomicBool>);

impl Intercept for Transmitted {
    fn name(&self) -> &'static str {
        "Transmitted"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}
