//! The few flags every binary of the process family takes. By hand: five flags need no parser library, and
//! services then link none.

use std::path::PathBuf;

/// A subcommand's name and what it does, for the help text.
pub(crate) type Described = (&'static str, &'static str);

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Version,
    Run(Invocation),
}

/// A run with its options.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) config: Option<PathBuf>,
    pub(crate) check_config: bool,
    pub(crate) command: Option<String>,
}

/// Reads the arguments after the program's name. The error is a sentence for the user.
pub(crate) fn parse(args: impl IntoIterator<Item = String>, commands: &[Described]) -> Result<Asked, String> {
    let mut args = args.into_iter();
    let mut run = Invocation::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--version" | "-V" => return Ok(Asked::Version),
            "--check-config" => run.check_config = true,
            "--config" => {
                let path = args.next().ok_or("--config needs a path")?;
                run.config = Some(PathBuf::from(path));
            }
            other => match other.strip_prefix("--config=") {
                Some(path) => run.config = Some(PathBuf::from(path)),
                None if run.command.is_none() && commands.iter().any(|(name, _)| *name == other) => {
                    run.command = Some(arg);
                }
                None => return Err(format!("unknown argument `{other}`")),
            },
        }
    }
    Ok(Asked::Run(run))
}

/// The help text.
pub(crate) fn help(name: &str, commands: &[Described]) -> String {
    let mut text = format!("{name} {}\n\nUsage: {name} [OPTIONS]", env!("CARGO_PKG_VERSION"));
    if !commands.is_empty() {
        text.push_str(" [COMMAND]\n\nCommands (without one, the process serves until it is told to end):\n");
        for (command, about) in commands {
            text.push_str("  ");
            text.push_str(command);
            text.push_str(": ");
            text.push_str(about);
            text.push('\n');
        }
    }
    text.push_str(concat!(
        "\n\nOptions:\n",
        "  --config PATH    TOML file (also PREMISE_CONFIG)\n",
        "  --check-config   print the merged configuration, secrets redacted, and exit\n",
        "  --version, -V    print the version\n",
        "  --help, -h       print this\n\n",
        "Every key can be set as PREMISE__SECTION__KEY, or read from a file as PREMISE__SECTION__KEY_FILE.\n",
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDS: &[Described] = &[("migrate", "applies the migrations")];

    fn read(args: &[&str]) -> Result<Asked, String> {
        parse(args.iter().map(|arg| (*arg).to_owned()), COMMANDS)
    }

    #[test]
    fn flags_and_commands_are_read_in_any_order() {
        for args in [
            ["migrate", "--config=a.toml", "--check-config"],
            ["--check-config", "--config=a.toml", "migrate"],
        ] {
            let expected = Invocation {
                config: Some(PathBuf::from("a.toml")),
                check_config: true,
                command: Some("migrate".to_owned()),
            };
            assert_eq!(read(&args).unwrap(), Asked::Run(expected));
        }
        assert_eq!(read(&["--config", "x", "-h"]).unwrap(), Asked::Help);
        assert_eq!(read(&[]).unwrap(), Asked::Run(Invocation::default()));
    }

    #[test]
    fn anything_else_is_a_usage_error_that_names_it() {
        for (args, named) in
            [(vec!["--conf"], "--conf"), (vec!["serve"], "serve"), (vec!["migrate", "migrate"], "migrate")]
        {
            assert!(read(&args).unwrap_err().contains(named));
        }
        assert!(read(&["--config"]).unwrap_err().contains("path"));
    }

    #[test]
    fn the_help_names_the_commands() {
        assert!(help("x", COMMANDS).contains("migrate"));
    }
}
