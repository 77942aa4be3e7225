//! The files a log is made of: their names and what is in them (C2SP tlog-tiles).
//!
//! A tile holds up to 256 consecutive node hashes of one level; levels are eight tree levels apart.
//! A bundle holds the up to 256 entries below one tile of level 0. A file that is not full carries
//! its width in its name, so no file ever changes after it was written.

use crate::{canonical_u64, merkle::Hash};
use std::fmt;

/// Hashes in a full tile, entries in a full bundle.
pub const FULL: usize = 256;

/// The longest entry, in bytes: a bundle gives its length in 16 bits.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// The name of a file; [`fmt::Display`] gives its path, relative to the log's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Whether node hashes or entries.
    pub kind: Kind,
    /// Position among the files of its kind.
    pub index: u64,
    /// Hashes or entries in the file, 1 to 256.
    pub width: usize,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Node hashes of the tree level `8 * level`; `level` is at most 7, for sizes are 64 bits.
    Hashes {
        /// 0 for leaf hashes.
        level: u8,
    },
    /// Entries.
    Entries,
}

impl Kind {
    /// The level of the tree it is at, in steps of eight; entries are beside the leaf hashes.
    pub fn level(self) -> u32 {
        if let Kind::Hashes { level } = self { level.into() } else { 0 }
    }
}

/// Every kind of file.
pub fn kinds() -> impl Iterator<Item = Kind> {
    std::iter::once(Kind::Entries).chain((0..8).map(|level| Kind::Hashes { level }))
}

impl Tile {
    /// The file numbered `index` in a tree of `size` entries, as wide as that tree makes it; none
    /// where it would be empty.
    pub fn at(kind: Kind, index: u64, size: u64) -> Option<Tile> {
        let before = index.checked_mul(FULL as u64)?;
        let width = size.checked_shr(8 * kind.level())?.saturating_sub(before).min(FULL as u64);
        (width > 0).then_some(Tile { kind, index, width: width as usize })
    }

    /// Reads a path; none if it is not exactly what [`fmt::Display`] writes.
    pub fn parse(path: &str) -> Option<Tile> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes { level: canonical_u64(level)?.try_into().ok().filter(|l| *l < 8)? },
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, canonical_u64(width)?.try_into().ok()?),
            None => (rest, FULL),
        };
        let mut index = 0u64;
        for element in number.split('/') {
            let digits: u64 = element.strip_prefix('x').unwrap_or(element).parse().ok()?;
            index = index.checked_mul(1000)?.checked_add(digits)?;
        }
        let tile = Tile { kind, index, width };
        ((1..=FULL).contains(&width) && tile.to_string() == path).then_some(tile)
    }

    /// The same file, full.
    pub fn full(self) -> Tile {
        Tile { width: FULL, ..self }
    }

    /// The path without the width: the full file's. Narrower ones are in the folder of this name
    /// with `.p` added.
    pub fn stem(self) -> String {
        self.full().to_string()
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes { level } => write!(f, "tile/{level}/")?,
            Kind::Entries => write!(f, "tile/entries/")?,
        }
        let mut elements = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            elements.insert(0, format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        f.write_str(&elements.join("/"))?;
        if self.width < FULL { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Every file of a tree of `size` entries, each once: what a copy of the log must contain.
pub fn files(size: u64) -> impl Iterator<Item = Tile> {
    kinds().flat_map(move |kind| (0..).map_while(move |index| Tile::at(kind, index, size)))
}

/// A tile's bytes.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// A tile's hashes; none unless there are exactly `width`.
pub fn decode_hashes(bytes: &[u8], width: usize) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (hashes.len() == width && rest.is_empty()).then(|| hashes.to_vec())
}

/// A bundle's bytes: each entry behind its length in two bytes, the high one first.
///
/// # Errors
/// The position of the first entry longer than [`MAX_ENTRY`].
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        bytes.extend(u16::try_from(entry.len()).map_err(|_| position)?.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// A bundle's entries; none unless there are exactly `width` and no byte beyond them.
pub fn decode_bundle(mut bytes: &[u8], width: usize) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::with_capacity(width.min(FULL));
    for _ in 0..width {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        entries.push(entry);
        bytes = rest;
    }
    bytes.is_empty().then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification.
    #[test]
    fn paths() {
        let hashes = |level, index, width| Tile { kind: Kind::Hashes { level }, index, width };
        let entries = |index, width| Tile { kind: Kind::Entries, index, width };
        for (tile, path) in [
            (hashes(0, 0, 256), "tile/0/000"),
            (hashes(0, 273, 112), "tile/0/273.p/112"),
            (hashes(1, 1, 17), "tile/1/001.p/17"),
            (hashes(7, 1_234_067, 256), "tile/7/x001/x234/067"),
            (entries(1_234_067, 1), "tile/entries/x001/x234/067.p/1"),
            (entries(1000, 255), "tile/entries/x001/000.p/255"),
        ] {
            assert_eq!(tile.to_string(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        for wrong in [
            "tile/0/0",
            "tile/00/000",
            "tile/8/000",
            "tile/0/000.p/256",
            "tile/0/000.p/0",
            "tile/0/x000/001",
            "tile/0/000.p/01",
            "tile/0/001/000",
            "tile/0/000/",
            "tile/8/0/000",
            "/tile/0/000",
            "tile/0/+01",
            "tile/0/x18/446/744/073/709/551/616",
            "tile/entries/../000",
        ] {
            assert_eq!(Tile::parse(wrong), None, "{wrong}");
        }
    }

    /// "A tree of size 70,000 will be represented by 273 full level 0 tiles, ..."
    #[test]
    fn files_of_the_specifications_tree() {
        let of = |kind| files(70_000).filter(move |tile| tile.kind == kind).collect::<Vec<_>>();
        let shape = |level| {
            let tiles = of(Kind::Hashes { level });
            (tiles.iter().filter(|tile| tile.width == FULL).count(), tiles.last().map(|tile| tile.width))
        };
        assert_eq!([0, 1, 2, 3].map(shape), [(273, Some(112)), (1, Some(17)), (0, Some(1)), (0, None)]);
        assert_eq!(of(Kind::Entries).len(), 274);
        assert_eq!(
            files(256).map(|tile| tile.to_string()).collect::<Vec<_>>(),
            ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
        );
        assert_eq!(files(0).count(), 0);
    }

    #[test]
    fn bundles_are_read_exactly() {
        let bytes = encode_bundle(&[b"ab".as_slice(), b""]).unwrap();
        assert_eq!(bytes, b"\0\x02ab\0\0");
        assert_eq!(decode_bundle(&bytes, 2).unwrap(), [b"ab".as_slice(), b""]);
        assert_eq!(decode_bundle(&bytes, 1), None, "trailing bytes");
        assert_eq!(decode_bundle(&bytes, 3), None, "too few entries");
        assert_eq!(decode_bundle(&bytes[..5], 2), None, "cut short");
        assert_eq!(encode_bundle(&[vec![], vec![0; MAX_ENTRY + 1]]), Err(1));
        assert!(encode_bundle(&[vec![0; MAX_ENTRY]]).is_ok());
        assert_eq!(decode_hashes(&[0; 65], 2), None);
        assert_eq!(decode_hashes(&[0; 64], 2).unwrap().len(), 2);
    }
}
