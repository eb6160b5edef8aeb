//! Copies of a SQLite store, made while it is used and put back while it is not. PostgreSQL has tools of its own.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::Row;

use super::{Role, Settings, Store, StoreError, beside, lock};

/// Why there is no copy, or why it is not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store is no file.
    #[error("the store is a PostgreSQL: use `pg_dump` and `pg_restore`, see docs/backup.md")]
    NotAFile,
    /// There is a file already.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// The file is no whole copy of a store.
    #[error("`{}` is no whole copy of a store: {reason}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The store can not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file can not be read or written.
    #[error("can not read or write `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn file_fault(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path, source }
}

/// Makes what was written to a file and its name in the folder last.
fn settle(part: &Path, file: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, file)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl Store {
    /// Copies the store into a new file, as it is at one moment, while others read and write. The copy is for its
    /// owner alone, and whole or not there.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn backup(&self, to: &Path) -> Result<(), BackupError> {
        if !self.is_sqlite {
            return Err(BackupError::NotAFile);
        }
        if to.exists() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let part = beside(to, ".part");
        // SQLite fills a file that is empty, and leaves its rights as they are.
        let made = File::options().create(true).write(true).truncate(true).mode(0o600).open(&part);
        made.map_err(file_fault(&part))?;
        let copied = sqlx::query("VACUUM INTO $1").bind(part.display().to_string()).execute(&self.pool).await;
        let settled = match copied {
            Ok(_) => settle(&part, to).map_err(file_fault(to)),
            Err(error) => Err(StoreError::from(error).into()),
        };
        if settled.is_err() {
            // What is not whole is not left behind; there may be nothing.
            drop(fs::remove_file(&part));
        }
        settled
    }

    /// Puts a copy in the place of the store of some settings, after a look whether it is whole. No service may use that
    /// store. What is there is kept beside it, under the name with `.before`.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub async fn restore(from: &Path, settings: &Settings) -> Result<(), BackupError> {
        let file = super::sqlite_file(&settings.url).ok_or(BackupError::NotAFile)?;
        let _lock = lock(&file)?;
        let (part, before) = (beside(&file, ".part"), beside(&file, ".before"));
        if before.exists() {
            return Err(BackupError::Exists(before));
        }
        // A copy of a copy: looking brings its tables up to date.
        let bytes = fs::read(from).map_err(file_fault(from))?;
        let mut made = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)
            .map_err(file_fault(&part))?;
        io::Write::write_all(&mut made, &bytes).map_err(file_fault(&part))?;
        let checked = check(&part, from).await;
        let replaced = checked.and_then(|()| replace(&part, &file, &before).map_err(file_fault(&file)));
        if replaced.is_err() {
            for end in ["", "-wal", "-shm"] {
                // Not all of them are there.
                drop(fs::remove_file(beside(&part, end)));
            }
        }
        replaced
    }
}

fn replace(part: &Path, file: &Path, before: &Path) -> io::Result<()> {
    if file.exists() {
        for end in ["-wal", "-shm"] {
            // What was not yet in the file goes with it.
            let journal = beside(file, end);
            if journal.exists() {
                fs::rename(&journal, beside(before, end))?;
            }
        }
        fs::rename(file, before)?;
    }
    settle(part, file)
}

/// Whether a file is a whole store with a whole audit log.
async fn check(part: &Path, from: &Path) -> Result<(), BackupError> {
    let broken = |reason: String| BackupError::Broken { path: from.to_owned(), reason };
    let settings = Settings { url: format!("sqlite:{}", part.display()).into(), connections: 1, key: None };
    let store = Store::open(&settings, Role::Command).await.map_err(|error| broken(error.to_string()))?;
    let told =
        sqlx::query("PRAGMA integrity_check").fetch_one(&store.pool).await.and_then(|row| row.try_get::<String, _>(0));
    let log = store.verify_audit().await;
    store.close().await;
    match (told, log) {
        (Ok(told), Ok(Ok(_))) if told == "ok" => Ok(()),
        (Ok(told), Ok(Ok(_))) => Err(broken(told)),
        (_, Ok(Err(fault))) => Err(broken(fault.to_string())),
        (Err(error), _) => Err(broken(error.to_string())),
        (_, Err(error)) => Err(broken(error.to_string())),
    }
}
