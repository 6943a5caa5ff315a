//! Links the C library that `bindings/c/run` has installed, and the system's wslay.

fn main() {
    let lib = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/prefix/lib");
    println!("cargo:rustc-link-search=native={lib}");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    println!("cargo:rustc-link-lib=dylib=websans");
    println!("cargo:rustc-link-lib=dylib=wslay");
}
