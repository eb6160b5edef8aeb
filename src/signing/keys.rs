//! The keys of tenants: a folder for each, with PKCS#12 files, or keys and chains as PEM.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::sign::key::{KeyError, Signer};
use crate::tenant::Tenant;

/// Most bytes of one file.
const LARGEST: u64 = 1 << 20;

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
        source: std::io::Error,
    },
    /// A file is none that holds a key.
    #[error("`{}` is larger than 1 MiB, which no key is", .0.display())]
    Large(PathBuf),
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

/// Keys by tenant and name.
#[derive(Default)]
pub struct Keys(BTreeMap<(String, String), Signer>);

impl Keys {
    /// Reads a folder. In it each tenant has a folder of its name (an organisation number, or `local`), with `NAME.p12`, or `NAME.key` and `NAME.pem`
    /// (the certificate of the key first); and `NAME.password` for a key that has one. Other files are left alone.
    ///
    /// # Errors
    /// The first that can not be read.
    pub fn read(folder: &Path) -> Result<Self, KeysError> {
        let mut keys = BTreeMap::new();
        for tenant in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            for path in entries(&tenant)? {
                let Some(signer) = signer(&path)? else { continue };
                keys.insert((name(&tenant), name(&path)), signer);
            }
        }
        Ok(Self(keys))
    }

    /// The key of a tenant.
    #[must_use]
    pub fn get(&self, tenant: &Tenant, name: &str) -> Option<&Signer> {
        self.0.get(&(tenant.name().to_owned(), name.to_owned()))
    }
}

fn name(path: &Path) -> String {
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

/// The key in a file, if it is one of those that hold a key.
fn signer(path: &Path) -> Result<Option<Signer>, KeysError> {
    let is_pem = match path.extension().and_then(|extension| extension.to_str()) {
        Some("p12" | "pfx") => false,
        Some("key") => true,
        _ => return Ok(None),
    };
    let beside = path.with_extension("password");
    let password = if beside.exists() { Some(read(&beside)?) } else { None };
    let password = password.as_ref().map(|bytes| Zeroizing::new(String::from_utf8_lossy(bytes).trim_end().to_owned()));
    let password = password.as_ref().map(|text| text.as_str());
    let key = read(path)?;
    let signer = if is_pem {
        Signer::from_pem(&key, password, &read(&path.with_extension("pem"))?)
    } else {
        Signer::from_pkcs12(&key, password.unwrap_or_default())
    };
    signer.map(Some).map_err(|source| KeysError::Key { path: path.to_owned(), source })
}
