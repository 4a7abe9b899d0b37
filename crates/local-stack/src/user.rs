//! The user that private servers run as. Postgres refuses to run as root, and nothing private needs
//! root, so a root owner lends them `nobody`.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::unistd::{Gid, Uid, User};
use serde::{Deserialize, Serialize};

/// A user and group id, both numeric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl RunAs {
    /// The unprivileged user to lend to servers: none when we are one ourselves.
    pub fn unprivileged() -> io::Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let nobody = User::from_name("nobody")?
            .ok_or_else(|| io::Error::other("there is no user `nobody` to run Postgres and RabbitMQ as"))?;
        Ok(Some(Self { uid: nobody.uid.as_raw(), gid: nobody.gid.as_raw() }))
    }

    /// Gives a file or folder to this user.
    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        Ok(nix::unistd::chown(path, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?)
    }

    /// Whether this user can pass through every folder down to `path`, which must exist.
    /// Judged by mode bits; access lists that forbid more show up when the server starts.
    pub(crate) fn can_reach(self, path: &Path) -> io::Result<bool> {
        let real = path.canonicalize()?;
        for folder in real.ancestors() {
            let meta = fs::metadata(folder)?;
            let shift = if meta.uid() == self.uid {
                6
            } else if meta.gid() == self.gid {
                3
            } else {
                0
            };
            if (meta.permissions().mode() >> shift) & 1 == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_ancestor_hides_what_is_below() {
        let root = tempfile::tempdir_in("/tmp").unwrap();
        let inner = root.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let stranger = RunAs { uid: 65_534, gid: 65_534 };
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!stranger.can_reach(&inner).unwrap());
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o711)).unwrap();
        assert!(stranger.can_reach(&inner).unwrap());
    }
}
