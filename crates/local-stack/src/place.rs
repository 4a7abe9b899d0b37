//! Where one stack keeps its files, and the memory of what it has started.
//!
//! The state folder lies in the clone (`target/local`, `target/test-stack-…`) and holds a lock, the
//! logs and `instance.json`. The lock is held as long as the owner lives, so a state folder whose
//! lock is free belongs to nobody: what its `instance.json` names is swept before the next start.
//!
//! Server data lies in the state folder too, unless the unprivileged user can't get there (a clone
//! under `/root`); then in a private folder below the system's temporary one, remembered here.

mod record;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use self::record::{OUTSIDE, RECORD, Record, pause, read, remove_file, remove_folder, sweep};
use crate::user::RunAs;
use crate::{Error, ProcessId};

/// A state folder that this process owns.
#[derive(Debug)]
pub struct Place {
    state: PathBuf,
    data: PathBuf,
    run_as: Option<RunAs>,
    record: Mutex<Record>,
    /// Released by the system when this process ends, however it ends.
    _lock: Flock<File>,
}

impl Place {
    /// Takes the state folder, creating it and sweeping what an earlier owner left.
    /// [`Error::Busy`] when its owner still runs.
    pub fn claim(state: &Path) -> Result<Self, Error> {
        fs::create_dir_all(state)?;
        let state = state.canonicalize()?;
        let lock = lock_patiently(&state)?;
        sweep(&state)?;
        remove_folder(&state.join("logs"))?;
        fs::create_dir(state.join("logs"))?;
        let run_as = RunAs::unprivileged()?;
        let data = data_folder(&state, run_as)?;
        let owner = ProcessId::of(std::process::id());
        let record = Record { owner, data: Some(data.clone()), processes: BTreeMap::new() };
        write_private(&state.join(RECORD), &serde_json::to_vec_pretty(&record)?)?;
        Ok(Self { state, data, run_as, record: Mutex::new(record), _lock: lock })
    }

    /// The process that owns the state folder, if one runs.
    pub fn owner(state: &Path) -> Result<Option<ProcessId>, Error> {
        if !state.exists() || lock(state).is_ok() {
            return Ok(None);
        }
        Ok(read(state)?.and_then(|record| record.owner))
    }

    /// Everything that the owner of the state folder has started, by name; some may have ended.
    pub fn processes(state: &Path) -> Result<BTreeMap<String, ProcessId>, Error> {
        Ok(read(state)?.unwrap_or_default().processes)
    }

    /// Ends and removes what a dead owner has left below `state`; nothing when it still runs.
    pub fn clean_up_after_dead_owner(state: &Path) -> Result<(), Error> {
        if !state.exists() {
            return Ok(());
        }
        match lock(state) {
            Ok(_lock) => sweep(state),
            Err(Error::Busy) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Folder for the data of the servers, owned by the user they run as, mode 0700.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The user the servers run as; ourselves when absent.
    pub fn run_as(&self) -> Option<RunAs> {
        self.run_as
    }

    /// The log file of a process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.state.join("logs").join(format!("{name}.log"))
    }

    /// Creates an empty folder below the data folder for the servers' user.
    pub(crate) fn data_subfolder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.data.join(name);
        fs::create_dir(&folder)?;
        self.hand_over(&folder, 0o700)?;
        Ok(folder)
    }

    /// Writes a file for the servers' user only.
    pub(crate) fn data_file(&self, path: &Path, mode: u32, content: &str) -> Result<(), Error> {
        fs::write(path, content)?;
        self.hand_over(path, mode)
    }

    fn hand_over(&self, path: &Path, mode: u32) -> Result<(), Error> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        if let Some(user) = self.run_as {
            user.own(path)?;
        }
        Ok(())
    }

    /// Remembers a process, so that it is found if we are killed.
    pub(crate) fn remember(&self, name: &str, pid: u32) -> Result<(), Error> {
        let Some(process) = ProcessId::of(pid) else { return Ok(()) };
        let mut record = self.record.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        record.processes.insert(name.to_owned(), process);
        write_private(&self.state.join(RECORD), &serde_json::to_vec_pretty(&*record)?)
    }

    /// Removes the data, when everything that used it has ended. Logs stay.
    pub fn remove_data(self) -> Result<(), Error> {
        remove_folder(&self.data)?;
        remove_file(&self.state.join(RECORD))
    }
}

fn lock(state: &Path) -> Result<Flock<File>, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(state.join("lock"))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => Error::Busy,
        other => Error::Io(other.into()),
    })
}

/// Whoever only looks whether there is an owner holds the lock for a moment as well.
fn lock_patiently(state: &Path) -> Result<Flock<File>, Error> {
    for _ in 0..10 {
        match lock(state) {
            Err(Error::Busy) => pause(),
            other => return other,
        }
    }
    lock(state)
}

fn data_folder(state: &Path, run_as: Option<RunAs>) -> Result<PathBuf, Error> {
    // Erlang's scripts split paths at white space.
    let splits = state.to_string_lossy().contains(char::is_whitespace);
    let reachable = run_as.map_or(Ok(true), |user| user.can_reach(state))?;
    let data = if reachable && !splits {
        let data = state.join("data");
        fs::create_dir(&data)?;
        data
    } else {
        temporary_folder(run_as)?
    };
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
    if let Some(user) = run_as {
        user.own(&data)?;
    }
    Ok(data)
}

fn temporary_folder(run_as: Option<RunAs>) -> Result<PathBuf, Error> {
    let own = std::env::temp_dir();
    let reachable = run_as.is_none_or(|user| user.can_reach(&own).unwrap_or(false));
    let parent = if reachable { own } else { PathBuf::from("/tmp") };
    Ok(tempfile::Builder::new().prefix(OUTSIDE).tempdir_in(parent)?.keep())
}

/// Writes a file that only its owner can read, in one step: a reader sees the old or the new one.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
