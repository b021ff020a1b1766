//! The migrations are embedded in the program: it is built anew when one is added or changed.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
