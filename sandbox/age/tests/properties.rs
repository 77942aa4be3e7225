//! Whatever is done to a file, its reader sees a beginning of its content in whole chunks and then an error; never
//! other content, and never an end that is not the file's.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{self, ErrorKind, Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use unseen_age::{AgeError, Decrypter, Encrypter, Identity, Recipient};

/// A chunk's content, and what a chunk takes in a file.
const CHUNK: usize = 65_536;
const SEALED: usize = CHUNK + 16;

#[test]
fn content_of_any_size_comes_back() {
    let us = Identity::generate().unwrap();
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1] {
        let content = content(size);
        let file = encrypt(&content, &[us.recipient()]);
        assert_eq!(decrypt(&file, &us).unwrap(), content, "{size} bytes");
        assert_eq!(file.len(), head(1) + size + 16 * size.div_ceil(CHUNK).max(1), "no empty chunk at the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_does_not_matter_in_what_pieces_it_is_written_and_read(
        size in 0..3 * CHUNK,
        written in 1..2 * CHUNK,
        read in 1..2 * CHUNK,
        given in 1..2 * CHUNK,
    ) {
        let (us, content) = (Identity::generate().unwrap(), content(size));
        let mut file = Encrypter::new(Vec::new(), &[us.recipient()]).unwrap();
        content.chunks(written).for_each(|piece| file.write_all(piece).unwrap());
        let file = file.finish().unwrap();
        let mut reader = Decrypter::new(Pieces { rest: &file, most: given, interrupt: false }, &[us]).unwrap();
        let (mut back, mut piece) = (Vec::new(), vec![0; read]);
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => break,
                count => back.extend_from_slice(&piece[..count]),
            }
        }
        prop_assert!(back == content, "other content of {size} bytes");
    }
}

#[test]
fn a_file_altered_anywhere_is_refused() {
    let us = Identity::generate().unwrap();
    let content = content(2 * CHUNK + 77);
    let file = encrypt(&content, &[us.recipient()]);
    // Every byte of the head and of the small last chunk, the ends of all chunks, and some between.
    let ends = (1..3).flat_map(|chunk| head(1) + chunk * SEALED - 20..head(1) + chunk * SEALED + 4);
    let places = (0..head(1) + 20).chain(ends).chain(file.len() - 93..file.len()).chain((0..file.len()).step_by(1_999));
    for at in places {
        let mut other = file.clone();
        other[at] ^= 1 << (at % 8);
        refused(&other, &us, &content, &format!("byte {at} altered"));
    }
}

#[test]
fn armor_has_one_form() {
    let us = Identity::generate().unwrap();
    let content = content(99);
    let text = STANDARD.encode(encrypt(&content, &[us.recipient()]));
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let body = lines.join("\n");
    let armored =
        |body: &str| format!("-----BEGIN AGE ENCRYPTED FILE-----\n{body}\n-----END AGE ENCRYPTED FILE-----\n");
    let file = armored(&body);
    for same in [file.clone(), file.replace('\n', "\r\n"), format!("\r\n {file} \t\n"), file.trim_end().to_owned()] {
        assert_eq!(decrypt(same.as_bytes(), &us).unwrap(), content, "{same}");
    }
    for at in 0..file.len() {
        let mut other = file.clone().into_bytes();
        other[at] ^= 1 << (at % 8);
        refused(&other, &us, &content, &format!("byte {at} of the armor altered"));
        refused(&file.as_bytes()[..at.min(file.len() - 2)], &us, &content, &format!("armor cut off at {at}"));
    }
    for other in [body.replace('\n', ""), body.replace('\n', "\n\n"), body.replacen('\n', "=\n", 1), body + "\nAAAA"] {
        refused(armored(&other).as_bytes(), &us, &content, &other);
    }
    refused((file.clone() + &file).as_bytes(), &us, &content, "two armors");
}

#[test]
fn a_file_cut_off_or_continued_is_refused() {
    let us = Identity::generate().unwrap();
    for size in [0, 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 77] {
        let content = content(size);
        let file = encrypt(&content, &[us.recipient()]);
        let bounds = (0..3).flat_map(|chunk| [0, 1, 15, 16, 17].map(|more| head(1) + chunk * SEALED + more));
        let within = (0..file.len()).step_by(7_919);
        for end in bounds.chain(within).chain(0..head(1)).filter(|end| *end < file.len()) {
            refused(&file[..end], &us, &content, &format!("{size} bytes, cut off at {end}"));
        }
        for more in [&[0][..], &[7; 16], &[7; 17], &file[head(1)..], &file] {
            let longer = [&file[..], more].concat();
            refused(&longer, &us, &content, &format!("{size} bytes and {} more", more.len()));
        }
    }
}

#[test]
fn chunks_stay_where_they_are() {
    let us = Identity::generate().unwrap();
    let content = content(3 * CHUNK + 5);
    let file = encrypt(&content, &[us.recipient()]);
    let (first, rest) = file.split_at(head(1));
    let chunks: Vec<&[u8]> = rest.chunks(SEALED).collect();
    for order in [&[1, 0, 2, 3][..], &[0, 2, 3], &[0, 2, 1, 3], &[0, 1, 1, 2, 3], &[3], &[0, 1, 2, 3, 3], &[0, 1, 2]] {
        let moved = order.iter().flat_map(|chunk| chunks[*chunk]);
        let other: Vec<u8> = first.iter().chain(moved).copied().collect();
        refused(&other, &us, &content, &format!("chunks {order:?}"));
    }
    // Another file's payload under this header.
    let other = [first, &encrypt(&content, &[us.recipient()])[head(1)..]].concat();
    refused(&other, &us, &content, "another payload");
}

#[test]
fn a_file_is_for_its_recipients_alone() {
    let everybody: Vec<Identity> = (0..128).map(|_| Identity::generate().unwrap()).collect();
    let recipients: Vec<Recipient> = everybody.iter().map(Identity::recipient).collect();
    let file = encrypt(b"rows", &recipients);
    for one in [0, 1, 127] {
        assert_eq!(decrypt(&file, &everybody[one]).unwrap(), b"rows");
    }
    let stranger = Identity::generate().unwrap();
    assert!(matches!(Decrypter::new(&file[..], &[stranger]), Err(AgeError::NoMatch)));
    assert!(matches!(Decrypter::new(&file[..], &[]), Err(AgeError::NoMatch)));
    let [stranger, us] = [Identity::generate().unwrap(), Identity::from_secret(&everybody[5].to_secret()).unwrap()];
    assert!(Decrypter::new(&file[..], &[stranger, us]).is_ok());
    assert!(matches!(Encrypter::new(Vec::new(), &[]), Err(AgeError::Nobody)));
    let too_many = [recipients, vec![everybody[0].recipient()]].concat();
    assert!(matches!(Encrypter::new(Vec::new(), &too_many), Err(AgeError::TooLong { .. })));
}

#[test]
fn no_file_makes_its_reader_read_for_ever() {
    let us = [Identity::generate().unwrap()];
    let endless = |begin: &'static str| Decrypter::new(begin.as_bytes().chain(io::repeat(b'a')), &us).err().unwrap();
    assert!(matches!(endless("age-encryption.org/v1\n"), AgeError::TooLong { .. }));
    assert!(matches!(endless("age-encryption.org/v1\n-> "), AgeError::TooLong { .. }));
    assert!(matches!(endless("age-encryption.org/v1\n-> a\n"), AgeError::TooLong { .. }));
    assert!(matches!(endless(""), AgeError::NotAge));
    assert!(matches!(endless("-----BEGIN AGE ENCRYPTED FILE-----"), AgeError::Armor { line: 1 }));
    assert!(matches!(endless("\n-----BEGIN AGE ENCRYPTED FILE-----\n"), AgeError::Armor { line: 2 }));
    let greasy = format!("age-encryption.org/v1\n{}", "-> grease\n\n".repeat(129));
    assert!(matches!(Decrypter::new(greasy.as_bytes(), &us), Err(AgeError::TooLong { .. })));
}

#[test]
fn faults_of_the_disk_are_told_as_such_and_stay() {
    let us = Identity::generate().unwrap();
    let file = encrypt(&content(3 * CHUNK), &[us.recipient()]);
    let broken = file[..head(1) + SEALED + 9].chain(Broken);
    let mut reader = Decrypter::new(broken, &[us]).unwrap();
    let mut seen = Vec::new();
    assert_eq!(reader.read_to_end(&mut seen).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(seen, content(CHUNK), "what was whole before");
    assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);

    let to = Identity::generate().unwrap().recipient();
    assert!(matches!(Encrypter::new(Broken, &[to]), Err(AgeError::Write(_))));
    let mut small = [0; 200 + SEALED];
    let mut writer = Encrypter::new(&mut small[..], &[to]).unwrap();
    writer.write_all(&content(2 * CHUNK)).unwrap();
    assert_eq!(writer.write_all(&content(CHUNK)).unwrap_err().kind(), ErrorKind::WriteZero);
    assert!(writer.write_all(&content(CHUNK)).is_err() && writer.flush().is_err() && writer.finish().is_err());
}

/// That it is refused, and that what was seen before is the content's beginning, in whole chunks and not all.
fn refused(file: &[u8], us: &Identity, content: &[u8], what: &str) {
    let us = Identity::from_secret(&us.to_secret()).unwrap();
    let Ok(mut reader) = Decrypter::new(file, &[us]) else { return };
    let mut seen = Vec::new();
    let why = reader.read_to_end(&mut seen).expect_err(what);
    assert_eq!(why.kind(), ErrorKind::InvalidData, "{what}");
    assert!(content.starts_with(&seen) && seen.len() % CHUNK == 0, "{what}: {} bytes were seen", seen.len());
    assert!(seen.len() < content.len() || content.is_empty(), "{what}: all was seen");
    assert!(reader.read(&mut [0]).is_err(), "{what}: an error stays");
}

fn encrypt(content: &[u8], recipients: &[Recipient]) -> Vec<u8> {
    let mut file = Encrypter::new(Vec::new(), recipients).unwrap();
    file.write_all(content).unwrap();
    file.finish().unwrap()
}

fn decrypt(file: &[u8], us: &Identity) -> io::Result<Vec<u8>> {
    let us = Identity::from_secret(&us.to_secret()).unwrap();
    let mut content = Vec::new();
    Decrypter::new(file, &[us]).unwrap().read_to_end(&mut content)?;
    Ok(content)
}

/// Bytes before the first chunk of a file to so many.
fn head(recipients: usize) -> usize {
    "age-encryption.org/v1\n".len() + recipients * (10 + 43 + 1 + 43 + 1) + 4 + 43 + 1 + 16
}

/// No two chunks of it are alike.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at % 251 + at / CHUNK) as u8).collect()
}

/// Gives a file in pieces, and is interrupted before each.
struct Pieces<'a> {
    rest: &'a [u8],
    most: usize,
    interrupt: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(ErrorKind::Interrupted.into());
        }
        let most = self.most.min(out.len());
        self.rest.read(&mut out[..most])
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::TimedOut.into())
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::TimedOut.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
