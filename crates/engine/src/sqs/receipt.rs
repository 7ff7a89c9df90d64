//! Message ids and receipt handles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::refusal::{Fault, Refusal};

/// The id of a message as clients see it: a UUID made from the row's number.
///
/// The mapping has no two rows with one id and needs no randomness, so a run can be replayed exactly.
pub(super) fn message_id(row: i64) -> String {
    let mixed = mix(row.cast_unsigned());
    let more = mix(mixed);
    format!(
        "{:08x}-{:04x}-8{:03x}-9{:x}{:02x}-{:012x}",
        mixed >> 32,
        (mixed >> 16) & 0xffff,
        (mixed >> 4) & 0xfff,
        mixed & 0xf,
        more & 0xff,
        more >> 16,
    )
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014), a bijection of 64 bits.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What a receipt handle stands for: one receipt of one message from one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) queue: i64,
    pub(super) message: i64,
    /// The how manyeth receipt it was: a later one makes this one stale.
    pub(super) receive: i64,
}

impl Receipt {
    pub(super) fn handle(self) -> String {
        let mut bytes = [self.queue, self.message, self.receive].map(i64::to_be_bytes).concat();
        let check = Md5::digest(&bytes);
        bytes.extend_from_slice(&check[..6]);
        STANDARD.encode(bytes)
    }

    /// Reads a handle that `queue` gave.
    ///
    /// # Errors
    ///
    /// [`Fault::ReceiptHandleIsInvalid`] for anything else, also another queue's handle.
    pub(super) fn read(handle: Option<&str>, queue: i64) -> Result<Self, Refusal> {
        let handle = handle.ok_or_else(|| Refusal::missing("ReceiptHandle"))?;
        parse(handle).filter(|receipt| receipt.queue == queue).ok_or_else(|| {
            let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
            Refusal::new(Fault::ReceiptHandleIsInvalid, message)
        })
    }
}

fn parse(handle: &str) -> Option<Receipt> {
    let bytes = STANDARD.decode(handle).ok()?;
    let (numbers, check) = bytes.split_at_checked(24)?;
    if check != &Md5::digest(numbers)[..6] {
        return None;
    }
    let number = |at: usize| Some(i64::from_be_bytes(numbers.get(at..at + 8)?.try_into().ok()?));
    Some(Receipt { queue: number(0)?, message: number(8)?, receive: number(16)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_reads_back_for_its_own_queue_only() {
        let receipt = Receipt { queue: 7, message: 12, receive: 2 };
        assert_eq!(Receipt::read(Some(&receipt.handle()), 7).unwrap(), receipt);
        assert_eq!(
            Receipt::read(Some(&receipt.handle()), 8).unwrap_err().fault,
            Fault::ReceiptHandleIsInvalid
        );
    }

    #[test]
    fn a_handle_that_was_tampered_with_is_invalid() {
        let handle = Receipt { queue: 7, message: 12, receive: 2 }.handle();
        for bad in ["", "nonsense", &handle[1..], &handle.replacen('A', "B", 1)] {
            let fault = Receipt::read(Some(bad), 7).unwrap_err().fault;
            assert_eq!(fault, Fault::ReceiptHandleIsInvalid, "{bad}");
        }
    }

    #[test]
    fn message_ids_are_distinct_uuids() {
        let ids: std::collections::HashSet<_> = (1..10_000).map(message_id).collect();
        assert_eq!(ids.len(), 9_999);
        for id in ids {
            let parts: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        }
    }
}
