//! Links the program at a fixed address: see docs/decisions/fixed-address.md.

use std::env::var;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| var(name).is_ok_and(|text| text.split(',').any(|word| word == value));
    if !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-no-pie");
    if is("CARGO_CFG_TARGET_FEATURE", "crt-static") {
        // rustc says `-static-pie`, which `-no-pie` takes back whole.
        println!("cargo::rustc-link-arg-bins=-static");
    }
}
