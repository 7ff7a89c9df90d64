#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (tests::parsers::property("api_bodies").holds)(bytes));
