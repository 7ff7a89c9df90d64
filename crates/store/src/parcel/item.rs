//! Parcels as items.

use domain::OrgId;
use domain::pace::Load;
use ulid::Ulid;

use super::{Claim, Parcel};
use crate::item::{Item, Reader, Writer, n, s, time};
use crate::{Result, keys};

/// The item of a parcel that is being created.
pub(crate) fn to_item(org: &OrgId, send: Ulid, parcel: &Parcel) -> Item {
    Writer::default()
        .set("pk", s(keys::send(org, send)))
        .set("sk", s(keys::parcel(parcel.chunk, parcel.channel)))
        .set("pass", n(parcel.pass))
        .set("mark", n(parcel.mark))
        .maybe("marked_at", parcel.marked_at.map(time))
        .set("gate1_at", time(parcel.gate1_at))
        .set("due_at", time(parcel.due_at))
        .maybe("expected_at", parcel.expected_at.map(time))
        .maybe("not_before", parcel.not_before.map(time))
        .set("messages", n(parcel.left.messages))
        .set("units", n(parcel.left.units))
        .set("driven_at", time(parcel.driven_at))
        .set("deaths", n(parcel.deaths))
        .done()
}

pub(super) fn from_item(item: &Item) -> Result<Parcel> {
    let read = Reader(item);
    let (chunk, channel) = read.parsed("sk", |sk| {
        let (chunk, channel) = sk.strip_prefix(keys::PARCEL)?.split_once('#')?;
        Some((chunk.parse().ok()?, channel.parse().ok()?))
    })?;
    let claim = match (read.text_opt("holder")?, read.time_opt("claim_until")?) {
        (Some(holder), Some(until)) => Some(Claim { holder: holder.to_owned(), until }),
        _ => None,
    };
    Ok(Parcel {
        chunk,
        channel,
        pass: read.number("pass")?,
        mark: read.number("mark")?,
        marked_at: read.time_opt("marked_at")?,
        gate1_at: read.time("gate1_at")?,
        due_at: read.time("due_at")?,
        expected_at: read.time_opt("expected_at")?,
        not_before: read.time_opt("not_before")?,
        left: Load {
            messages: read.number_opt("messages")?.unwrap_or(0),
            units: read.number_opt("units")?.unwrap_or(0),
        },
        driven_at: read.time("driven_at")?,
        repaired_at: read.time_opt("repaired_at")?,
        repairs: read.number_opt("repairs")?.unwrap_or(0),
        deaths: read.number("deaths")?,
        claim,
        done: read.flag("finished"),
    })
}
