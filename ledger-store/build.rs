//! Rebuilds the crate when a migration, which is embedded, is added or changed.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
