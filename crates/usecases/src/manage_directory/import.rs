//! Importing members: good rows are kept, bad ones are told.

use std::collections::HashMap;

use domain::MemberId;
use domain::permission::Caller;
use store::directory::{MemberWrite, Written};
use wire::api::http::{Reply, Request};
use wire::api::member::{ImportError, ImportResult};
use wire::api::problem::FieldError;

use super::Directory;
use super::members::{address_full, country};
use super::rows::{self, ImportRow};
use crate::Refused;

/// Errors that are told of one row.
const MAX_PER_ROW: usize = 20;
/// Errors after which only the first of each row is told: an answer has to fit into the 6 MB of a function.
const PLENTY: usize = 5_000;

pub(super) async fn import(deps: &Directory, caller: &Caller, request: &Request) -> Result<Reply, Refused> {
    let rows = rows::read(&request.body, request.header("content-type"))?;
    let mut failed = Vec::new();
    let mut writes = Vec::new();
    let mut places = Vec::new();
    let mut known: HashMap<MemberId, usize> = HashMap::new();
    for (row, ImportRow { id, member }) in (1..).zip(rows) {
        match member {
            Err(errors) => failed.push((row, id, errors)),
            Ok(member) => {
                let first = *known.entry(member.id.clone()).or_insert(row);
                if first == row {
                    places.push((row, id));
                    writes.push(MemberWrite::Put(member));
                } else {
                    failed.push((row, id, vec![duplicate(first)]));
                }
            }
        }
    }
    let country = country(deps, &caller.org_id).await?;
    let written = deps.store.write_members(&caller.org_id, writes, &country, deps.clock.now()).await?;
    let mut imported = 0;
    for ((row, id), written) in places.into_iter().zip(written) {
        match written {
            Written::Created | Written::Replaced | Written::Deleted => imported += 1,
            Written::AddressFull => failed.push((row, id, vec![address_full()])),
            Written::Contended => failed.push((row, id, vec![contended()])),
        }
    }
    failed.sort_by_key(|(row, ..)| *row);
    tracing::info!(org_id = %caller.org_id, imported, failed = failed.len(), "members were imported");
    Ok(Reply::json(200, &ImportResult { imported, errors: told(failed) }))
}

fn told(failed: Vec<(usize, Option<String>, Vec<FieldError>)>) -> Vec<ImportError> {
    let mut all = Vec::new();
    for (row, id, errors) in failed {
        let most = if all.len() < PLENTY { MAX_PER_ROW } else { 1 };
        all.extend(errors.into_iter().take(most).map(|error| ImportError {
            row,
            id: id.clone(),
            field: (error.field != "(body)").then_some(error.field),
            code: error.code,
            message: error.message,
        }));
    }
    all
}

fn duplicate(first: usize) -> FieldError {
    FieldError::new("id", "duplicate", format!("row {first} has the same id and was taken"))
}

fn contended() -> FieldError {
    FieldError::new(
        "(body)",
        "contended",
        "others wrote the same member or address again and again; send it again",
    )
}
