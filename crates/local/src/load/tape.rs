//! Calls as they come by, kept for the replay at as little cost as can be: what is timed must not pay for being watched.

use std::{ops::Range, time::Instant};

use axum::{body::Bytes, http::HeaderMap};
use engine::Service;

/// What is kept of the calls for one recipient, in bytes: a little more than it was ever seen to be.
const ROOM: usize = 12 * 1024;

/// One call, as it is replayed.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// Of DynamoDB or SQS, and how many messages it got.
    Aws { service: Service, operation: String, request: Bytes, messages: usize },
    /// Of a provider.
    Provider { path: String, headers: HeaderMap, body: Bytes },
}

/// A call, when it was answered, and what it consumed.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) at: Instant,
    pub(super) call: Call,
    pub(super) reads: f64,
    pub(super) writes: f64,
}

impl Call {
    fn body(&mut self) -> &mut Bytes {
        match self {
            Self::Aws { request, .. } => request,
            Self::Provider { body, .. } => body,
        }
    }
}

/// The bodies stand one after the other in memory that was touched before: to get it from the system while a send runs
/// took more time than all else that is done to watch it.
pub(super) struct Tape {
    bodies: Vec<u8>,
    calls: Vec<(Kept, Range<usize>)>,
}

impl Tape {
    /// For a send to so many. What comes beyond its room only costs more.
    pub(super) fn with_room(recipients: usize) -> Self {
        let mut bodies = vec![1; recipients * ROOM];
        bodies.clear();
        Self { bodies, calls: Vec::new() }
    }

    /// Keeps a call and its body: a copy, because a view of what was read would keep the whole buffer of its reader.
    pub(super) fn write(&mut self, kept: Kept, body: &[u8]) {
        let from = self.bodies.len();
        self.bodies.extend_from_slice(body);
        self.calls.push((kept, from..self.bodies.len()));
    }

    /// All calls with their bodies.
    pub(super) fn cut(self) -> Vec<Kept> {
        let bodies = Bytes::from(self.bodies);
        let with_body = |(mut kept, range): (Kept, Range<usize>)| {
            *kept.call.body() = bodies.slice(range);
            kept
        };
        self.calls.into_iter().map(with_body).collect()
    }
}
