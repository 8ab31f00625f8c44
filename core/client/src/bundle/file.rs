//! A bundle file, or the request for one, as bytes: a line that says what it is, parts with their
//! lengths, an end, and the SHA-256 of all of it. It is read part by part, so that no file, whatever its
//! length, takes more memory than its largest part; and nothing is believed before the whole was read
//! once and its digest compared.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use nahtlos_protocol::limits::BUNDLE_PART_BYTES_MAX;

use super::BundleError;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Items.
    Bundle,
    /// What somebody has.
    Request,
}

impl FileKind {
    /// The first bytes of such a file of any version.
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Bundle => b"nahtlos-bundle-v",
            Self::Request => b"nahtlos-request-v",
        }
    }
}

/// What follows the name in the one version there is.
const VERSION: &[u8] = b"1\n";
/// Bytes of the digest at the end.
const DIGEST_BYTES: usize = 32;

/// Writes a file from its first part to its digest.
pub(crate) struct FileWriter<'a> {
    output: &'a mut dyn Write,
    digest: Sha256,
}

impl<'a> FileWriter<'a> {
    /// Writes what the file is.
    pub fn begin(output: &'a mut dyn Write, kind: FileKind) -> io::Result<Self> {
        let mut writer = Self {
            output,
            digest: Sha256::new(),
        };
        writer.put(kind.name())?;
        writer.put(VERSION)?;
        Ok(writer)
    }

    /// Adds a part; it is not empty.
    pub fn part(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len())
            .ok()
            .filter(|_| !bytes.is_empty() && bytes.len() <= BUNDLE_PART_BYTES_MAX)
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.put(&length.to_be_bytes())?;
        self.put(bytes)
    }

    /// Writes the end and the digest.
    pub fn finish(mut self) -> io::Result<()> {
        self.put(&0u32.to_be_bytes())?;
        let digest = self.digest.finalize();
        self.output.write_all(&digest)?;
        self.output.flush()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.output.write_all(bytes)
    }
}

/// Reads a file part by part. That it is whole is known once [`Self::next`] has returned none.
pub(crate) struct FileReader<R> {
    input: R,
    digest: Sha256,
}

impl<R: Read> FileReader<R> {
    /// Looks at what the file is.
    pub fn begin(input: R, kind: FileKind) -> Result<Self, BundleError> {
        let mut reader = Self {
            input,
            digest: Sha256::new(),
        };
        let name = reader.up_to(kind.name().len())?;
        if name != kind.name() {
            return Err(other_kind(&name, kind));
        }
        match reader.up_to(VERSION.len())?.as_slice() {
            VERSION => Ok(reader),
            // A number that is not this one, as far as it came; a cut "1" is none.
            [b'0' | b'2'..=b'9', ..] | [b'1', b'0'..=b'9'] => Err(BundleError::NeedsNewer),
            _ => Err(BundleError::Damaged),
        }
    }

    /// The next part; none at the end of a file that is whole.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, BundleError> {
        let length = self.exactly(4)?;
        let length = length.iter().fold(0usize, |sum, byte| {
            sum.saturating_mul(256).saturating_add(usize::from(*byte))
        });
        if length == 0 {
            return self.end().map(|()| None);
        }
        if length > BUNDLE_PART_BYTES_MAX {
            return Err(BundleError::Damaged);
        }
        self.exactly(length).map(Some)
    }

    fn end(&mut self) -> Result<(), BundleError> {
        let computed = self.digest.clone().finalize();
        let written = self.exactly(DIGEST_BYTES)?;
        let nothing_follows = self.up_to(1)?.is_empty();
        if nothing_follows && written == computed.as_slice() {
            Ok(())
        } else {
            Err(BundleError::Damaged)
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, BundleError> {
        let bytes = self.up_to(length)?;
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(BundleError::Damaged)
        }
    }

    /// What is there of so many bytes: memory follows what arrives, not what is announced.
    fn up_to(&mut self, length: usize) -> Result<Vec<u8>, BundleError> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(length).unwrap_or(u64::MAX);
        self.input.by_ref().take(limit).read_to_end(&mut bytes)?;
        self.digest.update(&bytes);
        Ok(bytes)
    }
}

fn other_kind(found: &[u8], wanted: FileKind) -> BundleError {
    let beginning = found.get(..FileKind::Bundle.name().len());
    let is = |kind: FileKind| beginning.is_some_and(|found| kind.name().starts_with(found));
    match wanted {
        FileKind::Bundle if is(FileKind::Request) => BundleError::IsRequest,
        FileKind::Bundle => BundleError::NotABundle,
        FileKind::Request if is(FileKind::Bundle) => BundleError::IsBundle,
        FileKind::Request => BundleError::NotARequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FileWriter::begin(&mut bytes, FileKind::Bundle).unwrap();
        for part in parts {
            writer.part(part).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, BundleError> {
        let mut reader = FileReader::begin(bytes, FileKind::Bundle)?;
        let mut parts = Vec::new();
        while let Some(part) = reader.next()? {
            parts.push(part);
        }
        Ok(parts)
    }

    #[test]
    fn a_file_gives_back_its_parts_and_every_changed_missing_or_further_byte_is_refused() {
        let whole = file(&[b"first", b"second"]);
        assert_eq!(
            read(&whole).unwrap(),
            [b"first".to_vec(), b"second".to_vec()]
        );
        for place in 0..whole.len() {
            for flipped in [1, 0x80] {
                let mut changed = whole.clone();
                changed[place] ^= flipped;
                assert!(read(&changed).is_err(), "byte {place}");
            }
            assert!(read(&whole[..place]).is_err(), "cut at {place}");
        }
        let mut longer = whole;
        longer.push(0);
        assert!(matches!(read(&longer), Err(BundleError::Damaged)));
    }

    #[test]
    fn a_file_of_another_kind_or_version_is_said_to_be_one() {
        let mut request = Vec::new();
        let writer = FileWriter::begin(&mut request, FileKind::Request).unwrap();
        writer.finish().unwrap();
        assert!(matches!(read(&request), Err(BundleError::IsRequest)));
        let as_request = |bytes: &[u8]| FileReader::begin(bytes, FileKind::Request).map(|_| ());
        assert!(as_request(&request).is_ok(), "control");
        assert!(matches!(as_request(&file(&[])), Err(BundleError::IsBundle)));
        assert!(matches!(
            as_request(b"%PDF-1.7 and so on, for long"),
            Err(BundleError::NotARequest)
        ));
        for newer in ["2\nanything", "2", "12\n", "9x"] {
            let newer = format!("nahtlos-bundle-v{newer}");
            let read = read(newer.as_bytes());
            assert!(matches!(read, Err(BundleError::NeedsNewer)), "{newer}");
        }
        for cut_or_changed in ["", "1", "1x", "\n1", "x\n"] {
            let file = format!("nahtlos-bundle-v{cut_or_changed}");
            let read = read(file.as_bytes());
            assert!(matches!(read, Err(BundleError::Damaged)), "{file:?}");
        }
        for other in [&b""[..], b"nahtlos", b"%PDF-1.7 and so on, for long"] {
            assert!(read(other).is_err());
        }
        assert!(matches!(read(b""), Err(BundleError::NotABundle)));
    }

    #[test]
    fn a_part_that_is_announced_and_does_not_come_takes_no_memory_and_a_huge_one_is_refused() {
        let mut announced = b"nahtlos-bundle-v1\n".to_vec();
        announced.extend(u32::try_from(BUNDLE_PART_BYTES_MAX).unwrap().to_be_bytes());
        assert!(matches!(read(&announced), Err(BundleError::Damaged)));
        let mut huge = b"nahtlos-bundle-v1\n".to_vec();
        huge.extend(u32::MAX.to_be_bytes());
        assert!(matches!(read(&huge), Err(BundleError::Damaged)));
    }
}
