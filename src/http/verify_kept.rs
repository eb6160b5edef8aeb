//! Whether the service keeps a file that is verified: as a whole, as what it begins with, or as it was when fewer had signed.

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::document::Kind;
use crate::record::Records;
use crate::store::{FoundRecord, StoreError};
use crate::tenant::Tenant;

/// Most revisions, counted from the newest, of which it is asked whether a kept file ends with them; the first one is asked for as well.
const MOST_REVISIONS: usize = 32;
/// Most signed files that are opened to see whether they begin with this one.
const MOST_OPENED: usize = 4;

/// A version that has these bytes, or some of them.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "KeptVersion")]
pub(super) struct Kept {
    /// Id of the record.
    record: String,
    /// Kind of its document.
    kind: String,
    /// Number of the version.
    version: i64,
    /// Which of its files it is.
    file: KeptFile,
    /// How much of the one is in the other.
    extent: KeptExtent,
    /// Bytes from the beginning that both have.
    bytes: usize,
}

/// A file of a version.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum KeptFile {
    /// The one without signatures, as it was frozen.
    Document,
    /// The signed one, with the signatures that there are.
    Signed,
}

/// How a file and a kept one belong together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KeptExtent")]
enum KeptExtent {
    /// They have the same bytes.
    WholeFile,
    /// The file begins with the kept one, and something was added to it that is not kept here.
    Beginning,
    /// The kept one begins with the file, which is as it was when fewer had signed.
    Earlier,
}

/// The versions of a tenant's that a file is, begins with, or was; each once, by the file of it that has most in common. `ends` are those of its revisions.
pub(super) async fn kept(
    records: &Records,
    tenant: &Tenant,
    file: &[u8],
    ends: &[usize],
) -> Result<Vec<Kept>, StoreError> {
    let beginnings = beginnings(file, ends);
    let hashes: Vec<&[u8]> = beginnings.iter().map(|(_, hash)| &hash[..]).collect();
    let found = records.store().records_of_hashes(tenant.name(), &hashes).await?;
    let mut kept = Vec::new();
    let mut opened = 0;
    for found in &found {
        let Some(mut one) = Kept::of(found, &beginnings, file.len()) else { continue };
        let is_signed_on = one.file == KeptFile::Document && one.extent == KeptExtent::Beginning;
        if is_signed_on && found.version.signed_at.is_some() && opened < MOST_OPENED {
            opened += 1;
            if is_beginning_of_signed(records, tenant, found, file).await {
                (one.file, one.extent, one.bytes) = (KeptFile::Signed, KeptExtent::Earlier, file.len());
            }
        }
        kept.push(one);
    }
    Ok(kept)
}

/// Whether the signed file of a version begins with a file. One that can not be had is none.
async fn is_beginning_of_signed(records: &Records, tenant: &Tenant, found: &FoundRecord, file: &[u8]) -> bool {
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == found.record.kind) else { return false };
    let signed = records.signed(tenant, kind, &found.record.id, Some(found.version.number)).await;
    signed.is_ok_and(|signed| signed.delivered.bytes.starts_with(file))
}

impl Kept {
    /// The file of a version that has most of the beginnings of another.
    fn of(found: &FoundRecord, beginnings: &[(usize, [u8; 32])], whole: usize) -> Option<Self> {
        let FoundRecord { record, version } = found;
        let files = [(KeptFile::Document, &version.document_hash), (KeptFile::Signed, &version.signed_hash)];
        let same = files.into_iter().filter_map(|(file, hash)| {
            let hash = hash.as_deref()?;
            let (bytes, _) = beginnings.iter().find(|(_, beginning)| beginning == hash)?;
            Some((*bytes, file))
        });
        let (bytes, file) = same.max_by_key(|(bytes, _)| *bytes)?;
        let extent = if bytes == whole { KeptExtent::WholeFile } else { KeptExtent::Beginning };
        Some(Self {
            record: record.id.clone(),
            kind: record.kind.clone(),
            version: version.number,
            file,
            extent,
            bytes,
        })
    }
}

/// The SHA-256 of a file, and of what it begins with up to the end of each revision, with and without the end of the line.
fn beginnings(file: &[u8], ends: &[usize]) -> Vec<(usize, [u8; 32])> {
    let newest = ends.len().saturating_sub(MOST_REVISIONS).max(1);
    let asked = ends.iter().take(1).chain(ends.iter().skip(newest));
    let mut places: Vec<usize> = asked
        .flat_map(|end| {
            let line: &[usize] = match file.get(*end..).unwrap_or_default() {
                [b'\r', b'\n', ..] => &[0, 1, 2],
                [b'\r' | b'\n', ..] => &[0, 1],
                _ => &[0],
            };
            line.iter().map(move |more| end + more)
        })
        .filter(|place| *place < file.len())
        .collect();
    places.push(file.len());
    places.sort_unstable();
    places.dedup();
    let mut hasher = Sha256::new();
    let mut at = 0;
    places
        .into_iter()
        .map(|place| {
            hasher.update(file.get(at..place).unwrap_or_default());
            at = place;
            (place, hasher.clone().finalize().into())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_end_where_revisions_do() {
        let file = b"one%%EOF\r\ntwo%%EOF\nthree%%EOF";
        let places: Vec<usize> = beginnings(file, &[8, 18, 29]).into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, [8, 9, 10, 18, 19, 29]);
        for (place, hash) in beginnings(file, &[8, 18, 29]) {
            assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&file[..place])));
        }
        assert_eq!(beginnings(file, &[]).len(), 1);
        let many: Vec<usize> = (0..29).chain(std::iter::repeat_n(29, 100)).collect();
        assert!(beginnings(file, &many).len() <= 3 * (MOST_REVISIONS + 2));
        assert_eq!(beginnings(b"", &[0]).len(), 1);
    }
}
