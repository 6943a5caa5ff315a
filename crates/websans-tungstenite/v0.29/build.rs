//! The one source is for tungstenite 0.29 with this: see `../src/version.rs`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(tungstenite_0_29)");
    println!("cargo::rustc-cfg=tungstenite_0_29");
}
