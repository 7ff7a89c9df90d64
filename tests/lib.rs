//! Tests of the whole system: `it/` by behaviour, `stack/` on real processes, `fixtures/` real payloads; here, what must hold of every parser of bytes from
//! outside, for the properties in `it/` and the fuzz targets in `fuzz/` alike.

pub mod parsers;
