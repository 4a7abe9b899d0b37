//! Lines for the developer. Progress goes to stderr, what was asked for to stdout.

/// One step of progress.
pub(crate) fn step(line: &str) {
    eprintln!("xtask: {line}");
}

/// Why it did not work.
pub(crate) fn error(line: &str) {
    eprintln!("xtask: error: {line}");
}

/// Part of the answer itself.
pub(crate) fn answer(line: &str) {
    println!("{line}");
}

/// The output of another program, as it is.
pub(crate) fn raw(text: &str) {
    eprintln!("{text}");
}
