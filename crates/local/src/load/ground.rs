//! What is measured on: a stack of its own with two organisations and as many members as are needed.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value as Json, json};

use super::{
    Options,
    account::{Account, Accountant},
};
use crate::{Binaries, Stack, StackOptions, api::Api, clock, data::DataFolder, jwt::Grant, secrets};

/// Members in one import (the API's limit).
const IMPORT: usize = 5_000;
/// Messages per second that the senders are allowed: more than this machine sends.
const RATE: u32 = 10_000;
/// How often reconcile runs, and how many minutes are waited for one in which it finds nothing to do.
pub(super) const TICK: Duration = Duration::from_mins(1);
const MINUTES: usize = 6;
/// Reads of a minute below which nothing of earlier sends is being counted any more.
const IDLE: f64 = 20.0;
/// What is sent by SMS and email.
pub(super) const BODY: &str = "Hi {{member.first_names}}, service is at 10:00";
/// The WhatsApp template.
const TEMPLATE: &str = "load";
/// How long tokens hold: longer than any run.
const TOKEN: Duration = Duration::from_hours(12);

/// An organisation.
pub(super) struct Tenant {
    pub(super) id: &'static str,
    pub(super) sms_sender: &'static str,
    pub(super) api: Api,
}

/// The stack with its organisations.
pub(super) struct Ground {
    pub(super) stack: Stack,
    pub(super) accountant: Accountant,
    /// The one that sends to many.
    pub(super) large: Tenant,
    /// Its neighbour.
    pub(super) small: Tenant,
    members: AtomicUsize,
    temporary: Option<PathBuf>,
}

impl Ground {
    /// Starts a stack on an empty folder and sets the organisations up.
    pub(super) async fn lay(options: &Options) -> Result<Self> {
        let folder = options.data.clone().unwrap_or_else(|| {
            std::env::temp_dir().join(format!("tidings-load-{}", hex::encode(clock::random_bytes::<6>())))
        });
        let occupied = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        ensure!(!occupied, "{} is not empty; the load harness needs a folder of its own", folder.display());
        let data = DataFolder::create(&folder)?;
        let ids = ["large", "small"];
        for id in ids {
            secrets::add_organisation(&data, id)?;
        }
        let accountant = Accountant::new();
        let stack = Stack::start(StackOptions {
            binaries: Binaries::Build,
            watch: Some(accountant.watch()),
            ..StackOptions::new(&folder)
        })
        .await?;
        let tenant = |id: &'static str, sms_sender: &'static str| {
            let permissions =
                ["members.edit", "members.view", "messaging.send", "messaging.view", "messaging.manage"];
            let permissions = permissions.map(str::to_owned).to_vec();
            let grant = Grant { org_id: id.into(), sub: "load".into(), permissions, ttl: TOKEN };
            anyhow::Ok(Tenant { id, sms_sender, api: Api::new(stack.base_url(), stack.token(&grant)?)? })
        };
        let (large, small) = (tenant(ids[0], "+64212419999")?, tenant(ids[1], "+64212419998")?);
        let temporary = options.data.is_none().then_some(folder);
        let ground = Self { stack, accountant, large, small, members: AtomicUsize::new(0), temporary };
        ground.set_up(options).await.context("the organisations cannot be set up")?;
        Ok(ground)
    }

    /// Stops the stack and takes a temporary folder away.
    pub(super) async fn leave(self) {
        self.stack.stop().await;
        if let Some(folder) = self.temporary
            && let Err(error) = std::fs::remove_dir_all(&folder)
        {
            tracing::warn!(%error, "{} is left over", folder.display());
        }
    }

    async fn set_up(&self, options: &Options) -> Result<()> {
        let latency = u64::try_from(options.latency.as_millis())?;
        for provider in ["twilio", "whatsapp", "ses"] {
            let behaviour = json!({"provider": provider, "latency_ms": latency, "callback": {"delay_ms": 0}});
            self.large.api.put("/sim/behaviour", &behaviour).await?;
        }
        for tenant in [&self.large, &self.small] {
            tenant.set_up().await?;
        }
        let neighbours: Vec<Json> = (0..10).map(|number| member(number, "157")).collect();
        import(&self.small.api, &neighbours).await
    }

    /// Waits until reconcile has counted what earlier sends left behind, and answers the read units of a minute after that.
    pub(super) async fn idle_tick(&self) -> Result<f64> {
        tell("waiting for a minute in which nothing is due");
        let read = || self.accountant.look(Account::reads);
        let mut before = read();
        for _ in 0..MINUTES {
            tokio::time::sleep(TICK).await;
            let reads = read() - before;
            if reads < IDLE {
                return Ok(reads);
            }
            before += reads;
        }
        bail!("reconcile found something to do for {MINUTES} minutes")
    }

    /// Makes sure that the large organisation has the members `m0`, `m1`, ... up to `count`.
    pub(super) async fn import(&self, count: usize) -> Result<()> {
        let there = self.members.fetch_max(count, Ordering::Relaxed);
        tell(&format!("importing {} members", count.saturating_sub(there)));
        for first in (there..count).step_by(IMPORT) {
            let numbers = first..count.min(first + IMPORT);
            import(&self.large.api, &numbers.map(|number| member(number, "151")).collect::<Vec<_>>()).await?;
        }
        Ok(())
    }
}

impl Tenant {
    async fn set_up(&self) -> Result<()> {
        let organisation = json!({"name": self.id, "country": "DE", "time_zone": "Europe/Berlin"});
        self.api.put("/organisation", &organisation).await?;
        self.channel("sms", 86_400).await?;
        let whatsapp =
            json!({"sender": "106540352242922", "secret_ref": "whatsapp", "rate_per_second": RATE});
        self.api.put("/channels/whatsapp", &whatsapp).await?;
        let email = json!({"sender": "Load <office@load.example.org>", "rate_per_second": RATE});
        self.api.put("/channels/email", &email).await?;
        let template = json!({
            "channel": "whatsapp", "name": "load", "language": "en", "status": "approved",
            "body": "Hi {{1}}, the service is at {{2}}.",
            "parameters": [{"position": 1, "component": "body"}, {"position": 2, "component": "body"}],
        });
        self.api.put(&format!("/templates/{TEMPLATE}"), &template).await?;
        Ok(())
    }

    /// Sets the SMS channel up with this receipt window, in seconds.
    pub(super) async fn channel(&self, channel: &str, receipt_window_s: u64) -> Result<()> {
        let settings = json!({
            "sender": self.sms_sender, "secret_ref": "twilio", "rate_per_second": RATE,
            "receipt_window_s": receipt_window_s,
        });
        self.api.put(&format!("/channels/{channel}"), &settings).await?;
        Ok(())
    }
}

/// Puts members in; all of them have to be good.
pub(super) async fn import(api: &Api, members: &[Json]) -> Result<()> {
    let answer = api.post("/members/import", &json!({"members": members})).await?;
    ensure!(answer["imported"] == members.len(), "members were refused: {}", answer["errors"]);
    Ok(())
}

/// Nobody whose address has an ending that means something to the simulators.
pub(super) fn member(number: usize, prefix: &str) -> Json {
    json!({
        "id": format!("m{number}"), "first_names": "Ana", "last_names": format!("Member {number}"),
        "email": format!("member{number}x@example.org"), "primary_phone": format!("+49{prefix}{number:07}7"),
    })
}

/// The body of a send to members of these ids.
pub(super) fn request(channel: &str, targets: &[String]) -> Json {
    let message = match channel {
        "whatsapp" => json!({
            "channel": channel, "template_id": TEMPLATE, "parameters": {"1": "{{member.first_names}}", "2": "10:00"},
        }),
        "email" => json!({"channel": channel, "subject": "Sunday", "body": BODY}),
        _ => json!({"channel": channel, "body": BODY}),
    };
    json!({"type": "send_message", "target_ids": targets, "messages": [message]})
}

/// The ids of members by number.
pub(super) fn ids(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("m{number}")).collect()
}

/// One line of progress.
pub(super) fn tell(what: &str) {
    eprintln!("  {what}");
}

/// Writes to the disk what came before, so that it is not busy with that while something is measured.
pub(super) fn settle_disk() {
    nix::unistd::sync();
}
