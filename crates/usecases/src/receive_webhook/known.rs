//! Organisations' senders and the secrets of their webhooks, remembered for a short while: a burst of receipts costs one read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::settings::ChannelSettings;
use domain::{Channel, OrgId, Timestamp};
use serde_json::Value;

use super::{ReceiveWebhook, forged};
use crate::secrets::SecretError;
use crate::{Error, Refused};

/// How long a changed channel may go unnoticed here.
const FRESH: Duration = Duration::from_secs(20);
/// The memory is emptied when it has grown to this many channels.
const REMEMBERED: usize = 1000;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Known {
    memory: Mutex<HashMap<(OrgId, Channel), Read>>,
}

/// Settings, and when they were read.
type Read = (Timestamp, Arc<ChannelSettings>);

impl Known {
    /// A channel's settings and its provider's secret. An organisation or channel that does not exist is answered like a forged call.
    pub(super) async fn sender(
        deps: &ReceiveWebhook,
        org: &OrgId,
        channel: Channel,
    ) -> Result<(Arc<ChannelSettings>, Value), Refused> {
        let now = deps.clock.now();
        let settings = match deps.known.find(org, channel, now) {
            Some(settings) => settings,
            None => deps.known.read(deps, org, channel, now).await?,
        };
        let name = settings.secret_ref.as_deref().ok_or_else(forged)?;
        match deps.secrets.secret(org, name).await {
            Ok(secret) => Ok((settings, secret)),
            Err(SecretError::NotFound) => Err(forged()),
            Err(error) => Err(Error::from(error).into()),
        }
    }

    fn find(&self, org: &OrgId, channel: Channel, now: Timestamp) -> Option<Arc<ChannelSettings>> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, settings) = memory.get(&(org.clone(), channel))?;
        (now < *read_at + FRESH).then(|| settings.clone())
    }

    async fn read(
        &self,
        deps: &ReceiveWebhook,
        org: &OrgId,
        channel: Channel,
        now: Timestamp,
    ) -> Result<Arc<ChannelSettings>, Refused> {
        let all = deps.store.channels(org).await?;
        let settings = all.into_iter().find(|settings| settings.channel == channel).map(Arc::new);
        let settings = settings.ok_or_else(forged)?;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= REMEMBERED {
            memory.clear();
        }
        memory.insert((org.clone(), channel), (now, settings.clone()));
        Ok(settings)
    }
}
