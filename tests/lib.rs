//! Tests of the whole system: `it/` by behaviour, `stack/` on real processes, `fixtures/` real payloads. Here is what several programs share: the
//! simulation, for `cargo test` and the program `simulate`; and what must hold of every parser of bytes from outside, for the properties in `it/` and
//! the fuzz targets in `fuzz/`.

pub mod parsers;
pub mod simulation;
