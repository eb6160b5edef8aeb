//! Where files lie that were fetched a moment ago, so that fetching them again asks nobody.

use std::time::Duration;

use super::File;
use crate::document::Kind;
use crate::store::Store;

/// How long a place is known without asking. It is forgotten at once when a record changes; this is for a change that was cut off while it was
/// written, of which it is not known when it came to be.
const LIFE: Duration = Duration::from_secs(1);
/// Places that are known at most.
const MOST: u64 = 10_000;

/// What was asked for: by whom, of which kind, which record, which version, which file.
pub(super) type Asked = (String, Kind, String, Option<i64>, &'static str);

/// Where it lies.
#[derive(Clone)]
pub(super) struct Place {
    /// Number of the version.
    pub(super) number: i64,
    /// The file.
    pub(super) file: File,
    mark: u64,
}

/// Places of files.
pub(super) struct Seen(moka::sync::Cache<Asked, Place>);

impl Seen {
    pub(super) fn new() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(MOST).time_to_live(LIFE).build())
    }

    /// Where a file lies, if no record has changed since it was seen there.
    pub(super) fn place(&self, store: &Store, asked: &Asked) -> Option<Place> {
        let mark = store.records_mark()?;
        self.0.get(asked).filter(|place| place.mark == mark)
    }

    /// Notes where a file lies. `mark` is that of the store before it was asked.
    pub(super) fn note(&self, mark: Option<u64>, asked: Asked, number: i64, file: File) {
        if let Some(mark) = mark {
            self.0.insert(asked, Place { number, file, mark });
        }
    }
}
