//! Developer tasks.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "guard") {
        return ExitCode::from(premise_local_stack::guard::run(arguments.collect()));
    }
    ExitCode::FAILURE
}
