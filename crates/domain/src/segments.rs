//! How many segments a text message takes, and so what it costs and how much of a sender's rate it uses.
//!
//! A message whose characters are all in the GSM 7-bit alphabet (3GPP TS 23.038, section 6.2.1) takes 160 units in one
//! segment and 153 in each of several; any other is UCS-2, with 70 and 67. A segment never ends inside a character as
//! people see it: the two units of an extension character, a surrogate pair, a letter with its combining marks and a
//! joined emoji stay together. That is what Twilio's own calculator does, to whose results this is held; the bill
//! follows Twilio's `NumSegments`. Twilio's knows an older Unicode: where newer rules keep more together (conjuncts of
//! Indic scripts), this may count a segment more.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

/// The GSM 7-bit default alphabet without its escape: one unit each.
const GSM_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                         ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table: an escape and a character, two units.
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How the characters of a text message are written on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// UTF-16, two octets a unit.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl Encoding {
    /// Units that fit into the only segment of a message.
    pub const fn single_segment(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units that fit into each segment of several, beside the six octets that join them.
    pub const fn joined_segment(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }
}

/// The size of a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Segments {
    /// The encoding of the whole message: one character outside the GSM alphabet makes it UCS-2.
    pub encoding: Encoding,
    /// Segments, at least 1 (an empty message takes one).
    pub segments: u32,
    /// Units of the text without the joining headers: septets in GSM-7, UTF-16 units in UCS-2.
    pub units: u32,
}

/// Counts the segments of a text message as Twilio sends it, without "smart encoding" (which only a messaging service
/// may have switched on, and which only ever makes a message shorter).
pub fn count(body: &str) -> Segments {
    let septets: Option<Vec<u32>> = body.chars().map(gsm_units).collect();
    match septets {
        Some(costs) => pack(Encoding::Gsm7, costs.into_iter()),
        None => pack(Encoding::Ucs2, body.graphemes(true).flat_map(ucs2_pieces)),
    }
}

/// Septets of a character; `None` if the GSM alphabet does not have it.
fn gsm_units(character: char) -> Option<u32> {
    // Nearly every character is one of these, and the table is searched from its start.
    if character.is_ascii_alphanumeric() || character == ' ' || GSM_BASIC.contains(character) {
        Some(1)
    } else if GSM_EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// The pieces of a grapheme that stay together, in UTF-16 units: the grapheme itself, unless it is a line break of two
/// characters or so long that no segment holds it.
fn ucs2_pieces(grapheme: &str) -> impl Iterator<Item = u32> {
    let units: u32 = grapheme.chars().map(utf16_units).sum();
    let whole = grapheme != "\r\n" && units <= Encoding::Ucs2.joined_segment();
    let parts = if whole { "" } else { grapheme };
    whole.then_some(units).into_iter().chain(parts.chars().map(utf16_units))
}

fn utf16_units(character: char) -> u32 {
    if character.len_utf16() == 2 { 2 } else { 1 }
}

fn pack(encoding: Encoding, pieces: impl Iterator<Item = u32>) -> Segments {
    let capacity = encoding.joined_segment();
    let (mut units, mut segments, mut used) = (0_u32, 1_u32, 0_u32);
    for piece in pieces {
        units = units.saturating_add(piece);
        if used + piece > capacity {
            segments = segments.saturating_add(1);
            used = 0;
        }
        used += piece;
    }
    if units <= encoding.single_segment() {
        segments = 1;
    }
    Segments { encoding, segments, units }
}

#[cfg(test)]
mod tests;
