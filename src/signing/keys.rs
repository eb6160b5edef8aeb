//! The keys of tenants: a folder for each, with PKCS#12 files, or keys and chains as PEM. They are read at the start, and again when a file has
//! changed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::sleep;
use zeroize::Zeroizing;

use crate::pki::Certificate;
use crate::sign::key::{KeyError, Signer};
use crate::telemetry::with_causes;
use crate::tenant::Tenant;

/// Most bytes of one file.
const LARGEST: u64 = 1 << 20;
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// What ends the name of a file that holds a key.
const KEYS: [&str; 3] = ["p12", "pfx", "key"];
/// What ends the name of a file that belongs to one.
const BESIDE: [&str; 2] = ["pem", "password"];

/// A key can not be read. Nothing of it is told.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A folder or file can not be read.
    #[error("can not read `{}`", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is none that holds a key.
    #[error("`{}` is larger than 1 MiB, which no key and no chain is", .0.display())]
    Large(PathBuf),
    /// A key in PEM comes without its certificates.
    #[error("the key in `{}` is PEM, which needs a file with its certificates", .0.display())]
    Alone(PathBuf),
    /// Two files give the same name.
    #[error("`{}` and `{}` are two keys with one name; remove or rename one", .0.display(), .1.display())]
    Twice(PathBuf, PathBuf),
    /// What it holds is no key.
    #[error("`{}`", .path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
}

/// Reads a private key with its certificates: PKCS#12, or PEM with the certificates in a file of their own, that of the key first.
///
/// # Errors
/// See [`KeysError`].
pub fn read_signer(path: &Path, certificates: Option<&Path>, password: Option<&str>) -> Result<Signer, KeysError> {
    let key = read(path)?;
    let signer = if key.trim_ascii_start().starts_with(b"-----BEGIN") {
        let certificates = certificates.ok_or_else(|| KeysError::Alone(path.to_owned()))?;
        Signer::from_pem(&key, password, &read(certificates)?)
    } else {
        Signer::from_pkcs12(&key, password.unwrap_or_default())
    };
    signer.map_err(|source| KeysError::Key { path: path.to_owned(), source })
}

/// Reads certificates: one in DER, or a list in PEM.
///
/// # Errors
/// See [`KeysError`].
pub fn read_certificates(path: &Path) -> Result<Vec<Certificate>, KeysError> {
    let fault = |error| KeysError::Key { path: path.to_owned(), source: KeyError::Certificate(error) };
    Certificate::list(&read(path)?).map_err(fault)
}

/// A key of a folder, whether it can be read or not.
pub(super) struct Found {
    /// The name of its tenant.
    pub(super) tenant: String,
    /// Its own.
    pub(super) name: String,
    pub(super) signer: Result<Signer, KeysError>,
}

/// Looks through a folder. In it each tenant has a folder of its name (an organisation number, or `local`), with `NAME.p12`, or `NAME.key` and
/// `NAME.pem` (the certificate of the key first); and `NAME.password` for a key that has one. Other files are left alone.
pub(super) fn survey(folder: &Path) -> Result<Vec<Found>, KeysError> {
    let mut all = Vec::new();
    for tenant in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let mut named = BTreeMap::<String, Vec<PathBuf>>::new();
        for path in entries(&tenant)?.into_iter().filter(|path| ends_in(path, &KEYS)) {
            named.entry(stem(&path)).or_default().push(path);
        }
        for (name, paths) in named {
            let signer = match paths.as_slice() {
                [first, second, ..] => Err(KeysError::Twice(first.clone(), second.clone())),
                [path] => with_its_password(path),
                [] => continue,
            };
            let tenant = tenant.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.push(Found { tenant, name, signer });
        }
    }
    Ok(all)
}

fn with_its_password(path: &Path) -> Result<Signer, KeysError> {
    let beside = path.with_extension("password");
    let password = if beside.exists() { Some(read(&beside)?) } else { None };
    let password = password.as_ref().map(|bytes| Zeroizing::new(String::from_utf8_lossy(bytes).trim_end().to_owned()));
    read_signer(path, Some(&path.with_extension("pem")), password.as_ref().map(|text| text.as_str()))
}

type Named = BTreeMap<(String, String), Arc<Signer>>;

/// Keys by tenant and name.
#[derive(Default)]
pub(super) struct Keys {
    folder: Option<PathBuf>,
    /// The files as they were before they were read.
    seen: Vec<Stamp>,
    held: RwLock<Named>,
}

impl Keys {
    /// Reads a folder; without one there are no keys.
    ///
    /// # Errors
    /// The first that can not be read, or has the name of another: a service that has not all keys it is meant to have does not start.
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, KeysError> {
        let Some(folder) = folder else { return Ok(Self::default()) };
        let seen = stamps(folder);
        let mut held = Named::new();
        for Found { tenant, name, signer } in survey(folder)? {
            held.insert((tenant, name), Arc::new(signer?));
        }
        Ok(Self { folder: Some(folder.to_owned()), seen, held: RwLock::new(held) })
    }

    /// The key of a tenant.
    pub(super) fn get(&self, tenant: &Tenant, name: &str) -> Option<Arc<Signer>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.get(&(tenant.name().to_owned(), name.to_owned())).cloned()
    }

    /// Reads the folder again whenever a file has changed, until it is told to stop.
    pub(super) async fn follow(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let Some(folder) = self.folder.clone() else { return };
        let (mut seen, mut faults) = (self.seen.clone(), Vec::new());
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
            let (keys, place, before) = (Arc::clone(&self), folder.clone(), seen.clone());
            // What could not be read may be readable now without having changed: its permissions may have.
            let again = !faults.is_empty();
            let looking = tokio::task::spawn_blocking(move || {
                let now = stamps(&place);
                (now != before || again).then(|| (now, keys.read_again(&place)))
            });
            let Ok(Some((now, found))) = looking.await else { continue };
            if found != faults {
                for fault in &found {
                    tracing::warn!(
                        fault,
                        "a signing key has changed and can not be used; going on with the one at hand"
                    );
                }
            }
            if now != seen {
                tracing::info!("the signing keys were read again");
            }
            (seen, faults) = (now, found);
        }
    }

    /// Takes the keys as they are now, and tells of those that can not be read. Of these the ones at hand go on; a key whose file is gone does not.
    fn read_again(&self, folder: &Path) -> Vec<String> {
        let found = match survey(folder) {
            Ok(found) => found,
            Err(KeysError::File { path, source }) if path == folder && source.kind() == io::ErrorKind::NotFound => {
                Vec::new()
            }
            Err(error) => return vec![with_causes(&error)],
        };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let (mut now, mut faults) = (Named::new(), Vec::new());
        for Found { tenant, name, signer } in found {
            let named = (tenant, name);
            let signer = match signer {
                Ok(signer) => Some(Arc::new(signer)),
                Err(error) => {
                    faults.push(with_causes(&error));
                    held.get(&named).cloned()
                }
            };
            now.extend(signer.map(|signer| (named, signer)));
        }
        *held = now;
        faults
    }
}

/// A file, its size and when it was changed.
type Stamp = (PathBuf, u64, Option<SystemTime>);

/// The files that keys are made of; what can not be looked at is left out.
fn stamps(folder: &Path) -> Vec<Stamp> {
    let tenants = entries(folder).unwrap_or_default();
    let files = tenants.into_iter().flat_map(|tenant| entries(&tenant).unwrap_or_default());
    let files = files.filter(|path| ends_in(path, &KEYS) || ends_in(path, &BESIDE));
    let stamp = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, metadata.len(), metadata.modified().ok()))
    };
    files.filter_map(stamp).collect()
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, KeysError> {
    let fault = |source| KeysError::File { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        paths.push(entry.map_err(fault)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let fault = |source| KeysError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(fault)?.len() > LARGEST {
        return Err(KeysError::Large(path.to_owned()));
    }
    std::fs::read(path).map(Zeroizing::new).map_err(fault)
}
