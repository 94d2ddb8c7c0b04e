//! All targets in one program of libFuzzer; `LAUNCHER_FUZZ_TARGET` says which one runs.

#![no_main]

use std::sync::LazyLock;

use launcher_fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("LAUNCHER_FUZZ_TARGET").unwrap_or_default();
    Target::named(&name).unwrap_or_else(|| panic!("LAUNCHER_FUZZ_TARGET names no target: {name:?}"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
