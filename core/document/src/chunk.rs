//! The outer form of everything automerge stores: one chunk.

use sha2::{Digest, Sha256};

use crate::{ChangeHash, ChangeRefusal};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT: u8 = 0;
const CHANGE: u8 = 1;

/// A chunk whose header, length and checksum are right.
pub(crate) struct Chunk<'a> {
    pub(crate) hash: ChangeHash,
    pub(crate) data: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// Accepts exactly one change chunk that fills `bytes`.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Chunk<'a>, ChangeRefusal> {
        let (checksum, kind, rest) = split_header(bytes).ok_or(ChangeRefusal::NotAChunk)?;
        if kind != CHANGE {
            return Err(ChangeRefusal::ChunkType(kind));
        }
        let data = read_exact_length(rest).ok_or(ChangeRefusal::Length)?;
        let hash = hash(kind, data);
        if !hash.starts_with(checksum) {
            return Err(ChangeRefusal::Checksum);
        }
        Ok(Chunk {
            hash: ChangeHash(hash),
            data,
        })
    }
}

/// Accepts exactly one document chunk that fills `bytes`; anything after it would be loaded too.
pub(crate) fn check_document(bytes: &[u8]) -> Result<(), &'static str> {
    document_data(bytes).map(|_| ())
}

/// The data of exactly one document chunk that fills `bytes`.
pub(crate) fn document_data(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let (checksum, kind, rest) = split_header(bytes).ok_or("it is no automerge chunk")?;
    if kind != DOCUMENT {
        return Err("it is another kind of chunk");
    }
    let data = read_exact_length(rest).ok_or("its length is wrong")?;
    if !hash(kind, data).starts_with(checksum) {
        return Err("its checksum is wrong");
    }
    Ok(data)
}

fn split_header(bytes: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (checksum, rest) = rest.split_at_checked(4)?;
    let (kind, rest) = rest.split_first()?;
    Some((checksum, *kind, rest))
}

/// The data, if a minimal length is followed by exactly that many bytes. The hash covers the
/// minimal form only, so any other form would be a second encoding of the same change.
fn read_exact_length(rest: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor(rest);
    let length = cursor.unsigned()?;
    let read = rest.len() - cursor.0.len();
    let minimal = encode_unsigned(length).len() == read;
    (minimal && u64::try_from(cursor.0.len()) == Ok(length)).then_some(cursor.0)
}

fn hash(kind: u8, data: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update([kind])
        .chain_update(encode_unsigned(data.len() as u64))
        .chain_update(data)
        .finalize()
        .into()
}

fn encode_unsigned(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4);
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Reads automerge's primitive forms from the front of a slice; `None` when they are cut or
/// do not fit 64 bits.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// Unsigned LEB128.
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                return None;
            }
            number |= low << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Signed LEB128.
    pub(crate) fn signed(&mut self) -> Option<i64> {
        let mut number = 0i64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let low = i64::from(byte & 0x7f);
            if shift == 63 && low != 0 && low != 0x7f {
                return None;
            }
            number |= low << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0;
                let unused = shift + 7;
                if negative && unused < 64 {
                    number |= -1i64 << unused;
                }
                return Some(number);
            }
        }
        None
    }

    /// Bytes behind their length.
    pub(crate) fn prefixed(&mut self) -> Option<&'a [u8]> {
        let length = self.unsigned()?;
        self.take(length)
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }
}

/// A change chunk around `data`, with a correct length and checksum.
#[cfg(test)]
pub(crate) fn seal_change(data: &[u8]) -> Vec<u8> {
    seal(CHANGE, data)
}

/// A document chunk around `data`, with a correct length and checksum.
#[cfg(test)]
pub(crate) fn seal_document(data: &[u8]) -> Vec<u8> {
    seal(DOCUMENT, data)
}

#[cfg(test)]
fn seal(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(&hash(kind, data)[..4]);
    bytes.push(kind);
    bytes.extend(encode_unsigned(data.len() as u64));
    bytes.extend(data);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers_round_trip_and_overlong_ones_are_refused() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let encoded = encode_unsigned(number);
            assert_eq!(Cursor(&encoded).unsigned(), Some(number));
            assert_eq!(Cursor(&encoded[..encoded.len() - 1]).unsigned(), None);
        }
        assert_eq!(Cursor(&[0xff; 11]).unsigned(), None);
    }

    #[test]
    fn signed_numbers_follow_leb128() {
        for (bytes, number) in [
            (&[0x00][..], 0),
            (&[0x7f], -1),
            (&[0x3f], 63),
            (&[0x40], -64),
            (&[0xff, 0x00], 127),
            (&[0x80, 0x7f], -128),
        ] {
            assert_eq!(Cursor(bytes).signed(), Some(number));
        }
        assert_eq!(Cursor(&[0xff; 11]).signed(), None);
        assert_eq!(
            Cursor(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f]).signed(),
            Some(i64::MIN)
        );
    }

    #[test]
    fn a_length_in_a_longer_form_is_refused() {
        let sealed = seal_change(b"abc");
        assert!(Chunk::parse(&sealed).is_ok());
        let mut longer = sealed[..9].to_vec();
        longer.extend([0x83, 0x00]);
        longer.extend(b"abc");
        assert_eq!(Chunk::parse(&longer).err().unwrap().code(), "chunk_length");
    }
}
