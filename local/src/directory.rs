//! The data directory: what outlives the process, held by one process at a time, readable by its owner only.
//! Without a directory everything lives in memory, through the same calls.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Data, StartError};

/// The data directory, or none. Cheap to clone; the last clone to go frees it for another process.
#[derive(Clone)]
pub(crate) struct DataDirectory(Option<Arc<Held>>);

struct Held {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if it is missing, and takes hold of it.
    pub(crate) fn open(data: &Data) -> Result<Self, StartError> {
        let Data::Directory(path) = data else { return Ok(Self(None)) };
        let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
        created.map_err(StartError::unusable(path))?;
        let lock = private()
            .create(true)
            .append(true)
            .open(path.join("lock"))
            .map_err(StartError::unusable(path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self(Some(Arc::new(Held { path: path.clone(), _lock: lock })))),
            Err(TryLockError::WouldBlock) => Err(StartError::InUse(path.clone())),
            Err(TryLockError::Error(problem)) => Err(StartError::Unusable { path: path.clone(), problem }),
        }
    }

    /// Where a file of this name lives; `None` in memory.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.as_ref().map(|held| held.path.join(name))
    }

    /// The bytes of a file; `None` when it was never written.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StartError> {
        let Some(path) = self.path(name) else { return Ok(None) };
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(problem) => Err(StartError::Unusable { path, problem }),
        }
    }

    /// Replaces a file as a whole: a crash leaves the old content or the new, never half of it.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (Some(path), Some(new)) = (self.path(name), self.path(&format!("{name}.new"))) else {
            return Ok(());
        };
        private().create(true).write(true).truncate(true).open(&new)?.write_all(bytes)?;
        std::fs::rename(new, path)
    }

    /// Opens a list that only grows.
    pub(crate) fn journal<T: DeserializeOwned>(&self, name: &str) -> Result<Journal<T>, StartError> {
        let Some(path) = self.path(name) else {
            return Ok(Journal { entries: Mutex::default(), file: None });
        };
        let lines = self.read(name)?.unwrap_or_default();
        let entries: Result<Vec<T>, _> = serde_json::Deserializer::from_slice(&lines).into_iter().collect();
        let entries = entries.map_err(|error| StartError::corrupt(&path, &error))?;
        let file = private().create(true).append(true).open(&path).map_err(StartError::unusable(&path))?;
        Ok(Journal { entries: Mutex::new(entries), file: Some(file) })
    }
}

/// Files that only their owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// A list that only grows: one line of JSON for each entry.
pub(crate) struct Journal<T> {
    entries: Mutex<Vec<T>>,
    file: Option<File>,
}

impl<T: Serialize + Clone> Journal<T> {
    /// Adds an entry.
    pub(crate) fn append(&self, entry: T) -> io::Result<()> {
        // Written under the lock, so that the file has the order of the list.
        let mut entries = self.lock();
        if let Some(mut file) = self.file.as_ref() {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        entries.push(entry);
        Ok(())
    }

    /// All entries, oldest first.
    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A directory of its own for a test, removed at the end.
#[cfg(test)]
pub(crate) struct Scratch(PathBuf);

#[cfg(test)]
impl Scratch {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("usher-local-{}", crate::aws::new_id())))
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }

    pub(crate) fn data(&self) -> Data {
        Data::Directory(self.0.clone())
    }
}

#[cfg(test)]
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn one_process_holds_a_directory_at_a_time() {
        let scratch = Scratch::new();
        let held = DataDirectory::open(&scratch.data()).unwrap();
        let error = DataDirectory::open(&scratch.data()).err().unwrap().to_string();
        assert!(error.contains("is in use by another process"), "{error}");
        drop(held);
        assert!(DataDirectory::open(&scratch.data()).is_ok());
    }

    #[test]
    fn a_journal_is_found_again() {
        let scratch = Scratch::new();
        let open = || DataDirectory::open(&scratch.data()).unwrap().journal::<String>("mail.jsonl").unwrap();
        open().append("one".into()).unwrap();
        open().append("two\n".into()).unwrap();
        assert_eq!(open().all(), ["one", "two\n"]);
    }

    #[test]
    fn a_damaged_journal_is_told_in_one_sentence() {
        let scratch = Scratch::new();
        let directory = DataDirectory::open(&scratch.data()).unwrap();
        directory.write("mail.jsonl", b"{\"half\":").unwrap();
        let error = directory.journal::<serde_json::Value>("mail.jsonl").err().unwrap().to_string();
        assert!(error.contains("mail.jsonl` is damaged") && error.contains("begin anew"), "{error}");
    }

    #[test]
    fn files_are_their_owners_alone() {
        let scratch = Scratch::new();
        let directory = DataDirectory::open(&scratch.data()).unwrap();
        directory.write("master.key", b"secret").unwrap();
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(scratch.path().join("master.key")), 0o600);
        assert_eq!(mode(scratch.path().to_owned()), 0o700);
    }
}
