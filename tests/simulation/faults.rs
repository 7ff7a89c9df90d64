//! What may go wrong in one simulation. Each seed has its own mixture: some faults not at all, some often, so that rare combinations are not
//! drowned by the common ones.

use super::dice::Dice;

/// The probability of each fault, per call or per event.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Faults {
    /// A call of AWS does not get there.
    pub(crate) not_reached: f64,
    /// It is carried out, and the answer is lost.
    pub(crate) lost: f64,
    /// The caller gives up, and it is carried out later.
    pub(crate) late: f64,
    /// The SDK repeats it: it is carried out twice, and the second answer counts.
    pub(crate) twice: f64,
    /// DynamoDB or SQS is busy.
    pub(crate) throttled: f64,
    /// A 5xx: carried out or not.
    pub(crate) server_error: f64,
    /// Another's transaction holds the item.
    pub(crate) conflict: f64,
    /// A batch is carried out in part.
    pub(crate) partly: f64,
    /// A read that is not consistent does not know of a write yet.
    pub(crate) lagging: f64,
    /// A call takes seconds.
    pub(crate) slow: f64,
    /// A function is killed somewhere in its run.
    pub(crate) kill: f64,
    /// SQS delivers a message twice.
    pub(crate) redelivery: f64,
    /// A message is delivered late, and so out of order.
    pub(crate) delivered_late: f64,
    /// The deletion of a message that was worked off is lost.
    pub(crate) delete_lost: f64,
    /// All queues are purged so many times.
    pub(crate) purges: usize,
    /// Two reconciles run at once.
    pub(crate) two_reconciles: f64,
    /// By how much the clock of a function may be wrong, in milliseconds.
    pub(crate) skew_ms: u64,
    /// What providers do.
    pub(crate) provider: ProviderFaults,
    /// What becomes of their reports.
    pub(crate) receipts: ReceiptFaults,
}

/// What goes wrong with a provider, per message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProviderFaults {
    /// Accepted, the answer lost.
    pub(crate) answer_lost: f64,
    /// Not accepted, and no answer either.
    pub(crate) no_answer: f64,
    /// Refused for the moment.
    pub(crate) throttled: f64,
    /// The connection does not stand.
    pub(crate) not_reached: f64,
    /// Answers after seconds.
    pub(crate) slow: f64,
    /// The sender is refused as a whole for a while.
    pub(crate) sender_refused: bool,
}

/// What goes wrong with reports, per message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ReceiptFaults {
    /// None ever comes.
    pub(crate) silent: f64,
    /// It comes twice.
    pub(crate) twice: f64,
    /// It comes after the window.
    pub(crate) late: f64,
    /// It comes before the answer to our request.
    pub(crate) early: f64,
    /// They come in another order.
    pub(crate) shuffled: f64,
    /// Somebody makes one up.
    pub(crate) hostile: f64,
}

impl Faults {
    /// The mixture of a seed. One in ten has no fault at all: then everything must go through at the first try.
    pub(crate) fn drawn(dice: &Dice) -> Self {
        if dice.happens(0.1) {
            return Self::default();
        }
        let rate = |most: f64| {
            if dice.happens(0.45) {
                let steps = u32::try_from(dice.between(1, 10)).unwrap_or(1);
                most * f64::from(steps) / 10.0
            } else {
                0.0
            }
        };
        Self {
            not_reached: rate(0.05),
            lost: rate(0.08),
            late: rate(0.05),
            twice: rate(0.15),
            throttled: rate(0.05),
            server_error: rate(0.05),
            conflict: rate(0.1),
            partly: rate(0.2),
            lagging: rate(0.3),
            slow: rate(0.1),
            kill: rate(0.3),
            redelivery: rate(0.4),
            delivered_late: rate(0.3),
            delete_lost: rate(0.2),
            purges: if dice.happens(0.3) { dice.count(1, 3) } else { 0 },
            two_reconciles: rate(0.5),
            skew_ms: if dice.happens(0.5) { dice.mostly_small(1, 1000) } else { 0 },
            provider: ProviderFaults {
                answer_lost: rate(0.2),
                no_answer: rate(0.1),
                throttled: rate(0.2),
                not_reached: rate(0.2),
                slow: rate(0.2),
                sender_refused: dice.happens(0.1),
            },
            receipts: ReceiptFaults {
                silent: rate(0.3),
                twice: rate(0.5),
                late: rate(0.2),
                early: rate(0.5),
                shuffled: rate(0.5),
                hostile: rate(0.3),
            },
        }
    }

    /// Whether nothing goes wrong at all.
    pub(crate) fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether receipts that we have taken may be lost before they are applied.
    pub(crate) fn loses_receipts(&self) -> bool {
        self.purges > 0
    }
}
