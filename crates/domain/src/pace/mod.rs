//! How fast a sender may call its provider: slots on a grid, a meter that gives them out, a limit for 24 hours. See `infra/decisions/0010`.

mod day;
mod grid;
mod meter;
mod outlook;

pub use day::{Day, QUARTER};
pub use grid::{Grid, TOLERANCE};
pub use meter::{Ahead, Meter, Slowed, Taking, Terms};
pub use outlook::{Load, Outlook};
