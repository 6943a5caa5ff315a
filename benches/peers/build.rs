//! Links the system's C library wslay, and tells the program which compiler made it.

use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=WSLAY_VERSION");
    if env::var_os("CARGO_FEATURE_WSLAY").is_some() {
        println!("cargo:rustc-link-lib=wslay");
    }
    let output = env::var_os("RUSTC").and_then(|rustc| Command::new(rustc).arg("-V").output().ok());
    let version = output.and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo:rustc-env=RUSTC_VERSION={}", version.as_deref().unwrap_or("rustc").trim());
}
