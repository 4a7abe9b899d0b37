//! Where the servers' programs lie. Neither Debian nor Homebrew puts all of them on `PATH`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Homebrew's three possible homes.
const BREW: [&str; 3] = ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"];

/// The Postgres programs a private instance needs: one folder with `initdb` and `postgres`.
#[derive(Clone, Debug)]
pub(crate) struct PostgresPrograms {
    /// That folder.
    pub(crate) bin: PathBuf,
}

/// The `RabbitMQ` programs a private node needs.
#[derive(Clone, Debug)]
pub(crate) struct RabbitPrograms {
    /// The start script that any user may run (not Debian's wrapper in `/usr/sbin`, which insists
    /// on root or the rabbitmq user).
    pub(crate) server: PathBuf,
    /// Erlang's port mapper; without it the node starts one itself.
    pub(crate) epmd: Option<PathBuf>,
    /// Folder of `erl` when it is not on `PATH`.
    pub(crate) erlang_bin: Option<PathBuf>,
}

/// The newest Postgres on this machine, if there is one.
pub(crate) fn postgres() -> Option<PostgresPrograms> {
    let mut folders = numbered("/usr/lib/postgresql", "", "bin");
    folders.extend(numbered("/usr", "pgsql-", "bin"));
    for home in BREW {
        folders.extend(numbered(&format!("{home}/opt"), "postgresql@", "bin"));
        folders.push(Path::new(home).join("opt/postgresql/bin"));
    }
    folders.extend(path_folders());
    let complete = |bin: &PathBuf| is_program(&bin.join("initdb")) && is_program(&bin.join("postgres"));
    folders.into_iter().find(complete).map(|bin| PostgresPrograms { bin })
}

/// The `RabbitMQ` on this machine, if there is one.
pub(crate) fn rabbitmq() -> Option<RabbitPrograms> {
    let mut folders = vec![PathBuf::from("/usr/lib/rabbitmq/bin")];
    folders.extend(BREW.map(|home| Path::new(home).join("opt/rabbitmq/sbin")));
    folders.extend(path_folders().filter(|folder| folder != Path::new("/usr/sbin")));
    let server =
        folders.into_iter().map(|folder| folder.join("rabbitmq-server")).find(|path| is_program(path))?;
    let erlang: Vec<PathBuf> = path_folders()
        .chain(BREW.map(|home| Path::new(home).join("opt/erlang/bin")))
        .chain([PathBuf::from("/usr/lib/erlang/bin"), PathBuf::from("/usr/lib64/erlang/bin")])
        .collect();
    let find = |name: &str| erlang.iter().map(|folder| folder.join(name)).find(|path| is_program(path));
    let erl = find("erl")?;
    let erlang_bin = erl.parent().filter(|bin| !path_folders().any(|on_path| on_path == *bin));
    Some(RabbitPrograms { server, epmd: find("epmd"), erlang_bin: erlang_bin.map(Path::to_owned) })
}

/// A program on `PATH` or in the folders of administrators' programs.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    path_folders()
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

/// Folders `root/<prefix><number>/<below>`, highest number first.
fn numbered(root: &str, prefix: &str, below: &str) -> Vec<PathBuf> {
    let number = |name: &OsStr| -> Option<u32> {
        let version = name.to_str()?.strip_prefix(prefix)?;
        version.split('.').next()?.parse().ok()
    };
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> =
        entries.filter_map(|entry| Some((number(&entry.file_name())?, entry.path().join(below)))).collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9.6", "15", "17", "common", "pg_config"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let found = numbered(root.path().to_str().unwrap(), "", "bin");
        let names: Vec<_> = found.iter().map(|path| path.parent().unwrap().file_name().unwrap()).collect();
        assert_eq!(names, ["17", "15", "9.6"]);
    }
}
