//! What the cache keeps: a document's bytes, and a label that the cache does not read.

use bytes::Bytes;

/// A document in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What the owner of the cache says of the document.
    pub label: Bytes,
    /// The document.
    pub body: Bytes,
    /// Second since 1970 at which it is forgotten.
    pub until: u64,
    /// Stands for the tenant.
    pub(super) tenant: [u8; 8],
}

/// How the body is written.
const PLAIN: u8 = 0;
const LZ4: u8 = 1;
/// Bytes of a head: way of writing, end, length of the label.
const HEAD: usize = 1 + 8 + 4;
/// Compressing pays when it takes off an eighth; a PDF is compressed already.
const WORTH: usize = 8;

impl Stored {
    /// Bytes that it takes in memory, about.
    pub(super) fn weight(&self) -> u32 {
        u32::try_from(self.body.len() + self.label.len() + 200).unwrap_or(u32::MAX)
    }

    /// Writes it as one row of bytes. `compress` when its format is a text.
    pub(super) fn encode(&self, compress: bool) -> Vec<u8> {
        let packed = compress.then(|| lz4_flex::compress_prepend_size(&self.body));
        let packed = packed.filter(|packed| packed.len() + self.body.len() / WORTH < self.body.len());
        let (way, body) = packed.as_deref().map_or((PLAIN, &self.body[..]), |packed| (LZ4, packed));
        let mut row = Vec::with_capacity(HEAD + self.label.len() + body.len());
        row.push(way);
        row.extend_from_slice(&self.until.to_le_bytes());
        row.extend_from_slice(&u32::try_from(self.label.len()).unwrap_or(u32::MAX).to_le_bytes());
        row.extend_from_slice(&self.label);
        row.extend_from_slice(body);
        row
    }

    /// Reads what `encode` wrote; nothing when it did not. The row has been opened with the service's
    /// own key before, so it is trusted with its lengths.
    pub(super) fn decode(row: Vec<u8>, tenant: [u8; 8]) -> Option<Self> {
        let row = Bytes::from(row);
        let (head, rest) = row.split_at_checked(HEAD)?;
        let until = u64::from_le_bytes(head[1..9].try_into().ok()?);
        let label = u32::from_le_bytes(head[9..].try_into().ok()?) as usize;
        if label > rest.len() {
            return None;
        }
        let body = row.slice(HEAD + label..);
        let body = match head[0] {
            PLAIN => body,
            LZ4 => lz4_flex::decompress_size_prepended(&body).ok()?.into(),
            _ => return None,
        };
        Some(Self { label: row.slice(HEAD..HEAD + label), body, until, tenant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written() {
        let text = "<svg>skole</svg>".repeat(200);
        for (body, compress, smaller) in
            [(text.as_bytes(), true, true), (b"\x01\x02%PDF", true, false), (b"", false, false)]
        {
            let body = Bytes::copy_from_slice(body);
            let stored = Stored { label: Bytes::from_static(b"label"), body, until: 1_800_000_000, tenant: [3; 8] };
            let row = stored.encode(compress);
            assert_eq!(row.len() < stored.body.len(), smaller);
            assert_eq!(Stored::decode(row, [3; 8]), Some(stored));
        }
        for wrong in [&b""[..], &[0; 12], &[9; 40], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 1]] {
            assert_eq!(Stored::decode(wrong.to_vec(), [0; 8]), None);
        }
    }
}
