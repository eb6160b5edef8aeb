//! Messages over sockets and pipes: four bytes of length and four of the number of the task, little-endian, then as many bytes as
//! the length says.

use std::io::{self, IoSlice, Read, Write};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::sandbox::Landlock;

/// Longest message. A worker that announces more has lost its way.
const LONGEST: usize = 256 * 1024 * 1024;

/// Memory that is taken for a message before it comes: enough for most, and no more for one that is announced longer than it is.
const ROOM: usize = 256 * 1024;

/// What a worker says first, once it is warm and has given up what it does not need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// What the worker was built from; must be what the service was built from.
    pub(super) build: String,
    /// How far the kernel fences it in; the limits hold, or it would not have got here.
    pub(super) landlock: Landlock,
}

/// What stands before a message.
type Header = [u8; 8];

/// A message with its header, for one write.
pub(super) fn framed(number: u32, message: &[u8]) -> io::Result<Vec<u8>> {
    Ok([&header(number, message)?, message].concat())
}

fn header(number: u32, message: &[u8]) -> io::Result<Header> {
    let length = u32::try_from(message.len()).ok().filter(|length| *length as usize <= LONGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"))?;
    Ok((u64::from(number) << 32 | u64::from(length)).to_le_bytes())
}

/// The number and the length of a message.
#[expect(clippy::cast_possible_truncation, reason = "each is half of it")]
fn take_apart(header: Header) -> io::Result<(u32, usize)> {
    let header = u64::from_le_bytes(header);
    let (number, length) = ((header >> 32) as u32, header as u32 as usize);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a message"));
    }
    Ok((number, length))
}

/// Reads a message and gives its number; nothing when the other side has hung up between two messages.
pub(super) fn read(from: &mut impl Read, message: &mut Vec<u8>) -> io::Result<Option<u32>> {
    let mut header = Header::default();
    // Nothing at all is an end; less than a header is a message that was cut off.
    let got = loop {
        match from.read(&mut header) {
            Ok(0) => return Ok(None),
            Ok(got) => break got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    from.read_exact(&mut header[got..])?;
    let (number, length) = take_apart(header)?;
    message.clear();
    // As much memory as has come, not as much as was announced.
    from.take(length as u64).read_to_end(message)?;
    if message.len() == length { Ok(Some(number)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Writes a message, at once as long as the other side has room for it.
pub(super) fn write(to: &mut impl Write, number: u32, message: &[u8]) -> io::Result<()> {
    let header = header(number, message)?;
    let mut parts = [IoSlice::new(&header), IoSlice::new(message)];
    let mut rest = &mut parts[..];
    while rest.iter().any(|part| !part.is_empty()) {
        match to.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a message without blocking a thread, and gives its number with it.
pub(super) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(u32, Vec<u8>)> {
    let mut header = Header::default();
    from.read_exact(&mut header).await?;
    let (number, length) = take_apart(header)?;
    // A little more, since the end is looked for with room behind it.
    let mut message = Vec::with_capacity((length + 64).min(ROOM));
    from.take(length as u64).read_to_end(&mut message).await?;
    if message.len() == length { Ok((number, message)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The messages in any bytes, read in both ways, which have to agree.
#[cfg(fuzzing)]
pub(crate) fn fuzz(mut data: &[u8]) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("there is a runtime");
    let (mut again, mut messages, mut message) = (data, Vec::new(), Vec::new());
    loop {
        let read = read(&mut data, &mut message);
        let received = runtime.block_on(receive(&mut again));
        assert_eq!(matches!(read, Ok(Some(_))), received.is_ok());
        let Ok((number, received)) = received else { return messages };
        assert!(read.is_ok_and(|own| own == Some(number)));
        assert_eq!(received, message);
        // What a worker says first; most is none.
        let _ = postcard::from_bytes::<Hello>(&received);
        messages.push(received);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let (mut pipe, messages) = (Vec::new(), [(1, &b"one"[..]), (u32::MAX, b""), (3, b"three")]);
        for (number, message) in messages {
            write(&mut pipe, number, message).expect("a message can be written");
        }
        let mut from = pipe.as_slice();
        let mut message = Vec::new();
        for (number, expected) in messages {
            assert_eq!(read(&mut from, &mut message).expect("a message can be read"), Some(number));
            assert_eq!(message, expected);
        }
        assert_eq!(read(&mut from, &mut message).expect("the end is no error"), None);
    }

    #[test]
    fn a_length_beyond_reason_and_a_cut_message_are_errors() {
        let mut message = Vec::new();
        assert!(read(&mut &[0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1][..], &mut message).is_err());
        assert!(read(&mut &[5, 0, 0, 0, 1, 0, 0, 0, 1, 2][..], &mut message).is_err());
    }

    proptest::proptest! {
        /// A worker that has lost its way says anything: it is an error or a message, and never more memory than came.
        #[test]
        fn anything_is_a_message_or_an_error(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let (mut from, mut message) = (bytes.as_slice(), Vec::new());
            while let Ok(Some(_)) = read(&mut from, &mut message) {
                assert!(message.len() <= bytes.len());
            }
            assert!(message.capacity() <= 4096);
        }

        #[test]
        fn what_is_cut_off_is_an_error(sent in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..200), at in 1_usize..200) {
            let frame = framed(7, &sent).expect("a short message");
            let cut = &frame[..at.min(frame.len() - 1)];
            assert!(read(&mut &cut[..], &mut Vec::new()).is_err());
        }
    }
}
