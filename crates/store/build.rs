//! Migrations are embedded; a new one must be noticed without another change in this crate.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
