//! The rules of `docs/STYLE.md` that a program can check. Each test lists all violations.

mod circles;
mod documents;
mod text;
mod tree;
