//! Wall-clock time and ids of this machine, in the one place where they are read.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the edge of the system: this is where time comes in")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// `N` bytes that nobody can guess.
///
/// # Panics
/// When the operating system gives no randomness, without which nothing here is safe.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new id in the form that AWS gives invocations and requests (a version 4 UUID). It tells them apart and is no secret.
pub fn request_id() -> String {
    static FIRST: LazyLock<([u8; 8], AtomicU64)> =
        LazyLock::new(|| (random_bytes(), AtomicU64::new(u64::from_be_bytes(random_bytes()))));
    let (start, rest) = &*FIRST;
    let mut start = *start;
    start[6] = (start[6] & 0x0f) | 0x40;
    let rest = (rest.fetch_add(1, Ordering::Relaxed) & (u64::MAX >> 2)) | (1 << 63);
    let start = hex::encode(start);
    format!(
        "{}-{}-{}-{:04x}-{:012x}",
        &start[..8],
        &start[8..12],
        &start[12..],
        rest >> 48,
        rest & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_look_like_those_of_aws() {
        let id = request_id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert_ne!(id, request_id());
    }
}
