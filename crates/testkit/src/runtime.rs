//! Async clean-up from `Drop`. A test's runtime may be single-threaded and is busy with the drop
//! itself, so the clean-up gets a thread and a runtime of its own.

use std::future::Future;

/// Runs `work` to its end and gives its error to the test's output; a failed clean-up must not hide
/// the test's own result.
pub(crate) fn run_in_drop<F>(what: &str, work: F)
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
    });
    let error = match thread.join() {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "panicked".to_owned(),
    };
    #[expect(clippy::print_stderr, reason = "read by whoever runs the test")]
    {
        eprintln!("testkit: {what}: {error}");
    }
}
