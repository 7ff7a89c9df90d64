//! Tests of the whole system: `it/` by behaviour, `fixtures/` real payloads.
