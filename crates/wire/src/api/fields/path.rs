//! Where a field stands. Written out only when there is an error, so that reading 100,000 ids costs no texts.

use std::fmt;

/// Longest name that an error repeats, in characters: the name may be the caller's own.
const MAX_NAME: usize = 64;

/// A place in a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The body itself.
    Root,
    /// A field of an object.
    Name(&'a Path<'a>, &'a str),
    /// An element of an array.
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("(body)"),
            Self::Name(Self::Root, name) => write_name(f, name),
            Self::Name(parent, name) => {
                write!(f, "{parent}.")?;
                write_name(f, name)
            }
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let short: String = name.chars().take(MAX_NAME).collect();
    write!(f, "{}", short.escape_debug())
}
