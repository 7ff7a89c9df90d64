//! Messages whose receipt window ended without a report: the provider is asked, where it can be, and what it does not know becomes
//! `unconfirmed`. See `infra/decisions/0008`.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::content::Prepared;
use domain::receipt::Report;
use domain::{Inquiry, MessageStatus, Timestamp};
use futures_util::{StreamExt, TryStreamExt, stream};
use store::action::Action;
use store::chunk::Chunk;
use store::content::FrozenContent;
use store::row::{Change, Changed, Row};
use telemetry::Drift;

use super::Reconcile;
use super::ask::{Ask, Line, open};
use super::inquire::{Answer, inquire};
use super::measure::{Tick, chunk_drifted};
use crate::notes::WRITE;
use crate::recount::{Windows, save};
use crate::{Error, apply_receipt};

/// How long after its window a message waits for the provider's answer. Then it is unconfirmed, asked or not.
pub(super) const PATIENCE: Duration = Duration::from_hours(1);
/// The first wait after a question without an answer; it doubles.
const FIRST_WAIT: Duration = Duration::from_mins(1);
/// Questions of one action that are under way at once.
const CONCURRENT: usize = 8;

/// The silence of one action.
pub(super) struct Silence<'a, A: Ask> {
    deps: &'a Reconcile<A>,
    tick: &'a Tick,
    action: &'a Action,
    windows: &'a Windows,
    /// What the messages say on the channel whose provider can be asked.
    said: Option<Prepared>,
    /// Opened when there is somebody to ask about.
    line: Option<Line<A::LookUp>>,
}

/// What becomes of a silent message.
enum Verdict {
    /// The provider told us something, and perhaps not what becomes of it.
    Found(Change),
    /// It stays silent.
    Unconfirmed(Option<Inquiry>),
    /// That cannot be told yet.
    Later(Timestamp),
}

impl Verdict {
    /// What came of asking, once that is decided.
    fn inquiry(&self) -> Option<Inquiry> {
        match self {
            Self::Found(_) => Some(Inquiry::Found),
            Self::Unconfirmed(inquiry) => *inquiry,
            Self::Later(_) => None,
        }
    }
}

impl<'a, A: Ask> Silence<'a, A> {
    pub(super) fn new(
        deps: &'a Reconcile<A>,
        tick: &'a Tick,
        action: &'a Action,
        content: &FrozenContent,
        windows: &'a Windows,
    ) -> Self {
        let said = content.message(A::CHANNEL).and_then(|message| message.body.prepare().ok());
        Self { deps, tick, action, windows, said, line: None }
    }

    /// Whether something is to become of silent messages of the chunk now.
    pub(super) fn is_over(&self, chunk: &Chunk, now: Timestamp) -> bool {
        chunk.silence_ends_at().is_some_and(|at| at <= now) && !self.waits_for_questions(chunk, now)
    }

    /// Whether the chunk is left for the next tick, unread, because nobody can be asked any more in this one.
    fn waits_for_questions(&self, chunk: &Chunk, now: Timestamp) -> bool {
        let asks = chunk.counts.get(&A::CHANNEL).is_some_and(|counts| counts.pending > 0);
        let given_up = chunk.window_ends_at.is_some_and(|end| end + PATIENCE <= now);
        asks && !given_up && !self.tick.questions.are_left(&self.action.org_id, now)
    }

    /// Ends the silence of a chunk, as far as that can be done now. Answers the chunk as it then is.
    ///
    /// # Errors
    /// If a service of ours gives no answer; repeating is safe.
    pub(super) async fn end(&mut self, chunk: Chunk) -> Result<Chunk, Error> {
        let (store, org, send) = (&self.deps.store, &self.action.org_id, self.action.id.ulid());
        let read_at = self.deps.clock.now();
        let mut rows = store.rows_of_chunk(org, send, chunk.number).await?;
        if chunk_drifted(store, org, send, &chunk, &rows).await? {
            self.tick.drifted(Drift::Chunk);
        }
        let now = self.deps.clock.now();
        let over = |row: &Row| self.windows.end_of(row).is_some_and(|end| end <= now);
        let silent: Vec<usize> = (0..rows.len()).filter(|i| rows.get(*i).is_some_and(over)).collect();
        if self.line.is_none()
            && silent.iter().any(|i| rows.get(*i).is_some_and(|row| row.channel == A::CHANNEL))
        {
            self.line = Some(open(self.deps, org).await?);
        }
        let verdicts = self.verdicts(&rows, &silent).await?;

        let mut seen = chunk;
        let mut others = seen.noted_until;
        if verdicts.values().any(|verdict| !matches!(verdict, Verdict::Later(_))) {
            let until = self.deps.clock.now() + WRITE;
            let Some(begun) = store.begin_count(org, send, &seen, until).await? else {
                // Somebody else is at it: what came of the questions is found again.
                return Ok(Chunk { noted_until: seen.noted_until.or(Some(now)), ..seen });
            };
            (seen, others) = (begun.chunk, begun.others);
        }
        // Our own promise is kept as soon as the counts are saved. Others' are over if they were before the rows were read.
        let clear = seen.noted_until.is_some() && others.is_none_or(|until| until < read_at);
        let again = verdicts.values().filter_map(|verdict| match verdict {
            Verdict::Later(at) => Some(*at),
            Verdict::Found(_) | Verdict::Unconfirmed(_) => None,
        });
        let again = again.min();
        self.make(&mut rows, verdicts).await?;
        let counted = self.windows.chunk_of(&seen, &rows, again, now);
        if counted == seen && !clear {
            return Ok(seen);
        }
        save(store, org, send, &seen, counted, clear, now).await
    }

    async fn verdicts(&self, rows: &[Row], silent: &[usize]) -> Result<BTreeMap<usize, Verdict>, Error> {
        stream::iter(silent)
            .filter_map(async |place| Some((*place, rows.get(*place)?)))
            .map(async |(place, row)| Ok((place, self.verdict(row).await?)))
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await
    }

    async fn verdict(&self, row: &Row) -> Result<Verdict, Error> {
        if row.channel != A::CHANNEL {
            return Ok(Verdict::Unconfirmed(None));
        }
        let now = self.deps.clock.now();
        let end = self.windows.end_of(row).unwrap_or(now);
        let last = end + PATIENCE;
        let line = match &self.line {
            Some(Line::Open(line)) => line,
            Some(Line::Down) => return Ok(later(end, last, now, Inquiry::NotAsked)),
            Some(Line::Closed) | None => return Ok(Verdict::Unconfirmed(Some(Inquiry::NotAsked))),
        };
        if !self.tick.questions.take(&self.action.org_id, now) {
            let next =
                if now < last { Verdict::Later(now) } else { Verdict::Unconfirmed(Some(Inquiry::NotAsked)) };
            return Ok(next);
        }
        let answer = inquire(&self.deps.store, line, self.said.as_ref(), row, now).await?;
        let now = self.deps.clock.now();
        Ok(match answer {
            Answer::Found(known) => {
                let accepted_at = known.accepted_at.or(row.sent_at).unwrap_or(now);
                match known.report {
                    // Nothing new: it has it, and that is all that is known.
                    None | Some(Report::Sent) if row.status == MessageStatus::Sent => {
                        Verdict::Unconfirmed(Some(Inquiry::OnItsWay))
                    }
                    report => Verdict::Found(Change::Found {
                        provider_message_id: known.provider_message_id,
                        segments: known.segments,
                        accepted_at,
                        report,
                        provider_code: known.provider_code,
                        at: now,
                    }),
                }
            }
            Answer::Nothing(inquiry) => Verdict::Unconfirmed(Some(inquiry)),
            Answer::NotYet(at) if at < last => Verdict::Later(at),
            Answer::NotYet(_) => Verdict::Unconfirmed(Some(Inquiry::NotAsked)),
            Answer::None => later(end, last, now, Inquiry::NoAnswer),
        })
    }

    /// Makes the changes, and `rows` what they then are.
    async fn make(&self, rows: &mut [Row], verdicts: BTreeMap<usize, Verdict>) -> Result<(), Error> {
        let at = self.deps.clock.now();
        let mut unconfirmed: BTreeMap<MessageStatus, Vec<(usize, Change)>> = BTreeMap::new();
        for (place, verdict) in verdicts {
            let Some(row) = rows.get_mut(place) else { continue };
            if let Some(inquiry) = verdict.inquiry() {
                self.tick.inquired(inquiry);
            }
            match verdict {
                Verdict::Found(change) => {
                    self.found(row, &change).await?;
                    if row.status == MessageStatus::Sent {
                        let change = Change::Unconfirmed { at, inquiry: Some(Inquiry::OnItsWay) };
                        unconfirmed.entry(row.status).or_default().push((place, change));
                    }
                }
                Verdict::Unconfirmed(inquiry) => {
                    unconfirmed
                        .entry(row.status)
                        .or_default()
                        .push((place, Change::Unconfirmed { at, inquiry }));
                }
                Verdict::Later(_) => {}
            }
        }
        for (status, changes) in unconfirmed {
            self.record(rows, status, changes).await?;
        }
        Ok(())
    }

    async fn found(&self, row: &mut Row, change: &Change) -> Result<(), Error> {
        let (store, org) = (&self.deps.store, &self.action.org_id);
        match store.change_row(org, row.id, change).await? {
            Changed::Yes => {
                tracing::info!(org_id = %org, message_id = %row.id, "a provider was asked about a message and has it");
                if matches!(change, Change::Found { report: Some(Report::OptedOut), .. }) {
                    let clock = self.deps.clock.as_ref();
                    apply_receipt::opt_out_recipient(store, clock, org, row.id).await?;
                }
                if let Some(changed) = store.row(org, row.id).await? {
                    *row = changed;
                }
            }
            Changed::AlreadyPast(current) => *row = *current,
            Changed::Missing => {}
        }
        Ok(())
    }

    async fn record(
        &self,
        rows: &mut [Row],
        seen: MessageStatus,
        changes: Vec<(usize, Change)>,
    ) -> Result<(), Error> {
        let (places, changes): (Vec<usize>, Vec<_>) = changes
            .into_iter()
            .filter_map(|(place, change)| Some((place, (rows.get(place)?.id, change))))
            .unzip();
        let outcomes = self.deps.store.record(&self.action.org_id, seen, &changes).await?;
        for (place, changed) in places.into_iter().zip(outcomes) {
            let Some(row) = rows.get_mut(place) else { continue };
            match changed {
                Changed::Yes => row.status = MessageStatus::Unconfirmed,
                Changed::AlreadyPast(current) => *row = *current,
                Changed::Missing => {}
            }
        }
        Ok(())
    }
}

/// To be asked again, each time after twice as long, until it is late enough to give up.
fn later(end: Timestamp, last: Timestamp, now: Timestamp, given_up: Inquiry) -> Verdict {
    if now >= last {
        return Verdict::Unconfirmed(Some(given_up));
    }
    Verdict::Later((now + now.since(end).max(FIRST_WAIT)).min(last))
}
