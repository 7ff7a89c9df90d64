//! Organisations, channels, templates, members, addresses and opt-outs.

/// Keys that keep addresses out of keys.
#[derive(Debug, Clone)]
pub struct AddressKeys;
