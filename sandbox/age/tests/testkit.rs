//! The test vectors that all implementations of age share: what has to be read, and what has to be refused as what.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use ring::digest::{SHA256, digest};
use unseen_age::{AgeError, Decrypter, Identity};

/// Vectors that end in a full chunk with something wrong about the end. Implementations that look for the end only
/// when they are asked for more release this chunk first. We look first and hold it back: this is the SHA-256 of what
/// comes before it.
const HELD_BACK: &[(&str, &str)] = &[
    ("armor_garbage_encoded", NOTHING),
    ("stream_no_final_full", NOTHING),
    ("stream_no_final_two_chunks_full", ONE_CHUNK),
    ("stream_trailing_garbage_long", NOTHING),
    ("stream_trailing_garbage_short", NOTHING),
    ("stream_two_final_chunks", NOTHING),
    ("stream_two_final_chunks_full", NOTHING),
    ("stream_two_final_chunks_second", ONE_CHUNK),
];
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// As other vectors with such a chunk in front have it.
const ONE_CHUNK: &str = "a68cb6fa0b2e2a8d1abd54fcb26ff31fe16166ed38688bffa681e617813b781a";

#[test]
fn every_vector_is_read_or_refused_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testkit");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "md") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let vector = Vector::read(&std::fs::read(&path).unwrap());
        let (refused, released) = vector.decrypt();
        let released: String = digest(&SHA256, &released).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let said = format!("{name} ({:?}): {refused:?}", vector.head.get("comment"));
        if vector.head.contains_key("passphrase") {
            // Whatever else is wrong with it: a lab has no passphrase.
            assert!(matches!(refused, Some(Refused::Opening(_))), "{said}");
            if vector.head["expect"] == "success" {
                assert!(matches!(refused, Some(Refused::Opening(AgeError::Passphrase))), "{said}");
            }
            seen += 1;
            continue;
        }
        use AgeError::{Altered, Armor, Cut, Header, LowOrder, NoMatch, NotAge, Version};
        match vector.head["expect"].as_str() {
            "success" => assert!(refused.is_none(), "{said}"),
            "no match" => assert!(matches!(refused, Some(Refused::Opening(NoMatch))), "{said}"),
            "HMAC failure" => assert!(matches!(refused, Some(Refused::Opening(Altered))), "{said}"),
            "header failure" => assert!(
                matches!(refused, Some(Refused::Opening(Cut | Header { .. } | LowOrder | NotAge | Version))),
                "{said}"
            ),
            // Found when the line is read, which may be in the payload.
            "armor failure" => assert!(
                matches!(refused, Some(Refused::Reading(_) | Refused::Opening(Armor { .. } | Cut | NotAge))),
                "{said}"
            ),
            "payload failure" => assert!(matches!(refused, Some(Refused::Reading(_))), "{said}"),
            other => panic!("{name}: {other}"),
        }
        if let Some(payload) = vector.head.get("payload") {
            let held_back = HELD_BACK.iter().find(|(held, _)| *held == name);
            assert_eq!(released, held_back.map_or(payload.as_str(), |(_, before)| before), "{said}");
        } else {
            assert_eq!(released, NOTHING, "{said}");
        }
        seen += 1;
    }
    assert_eq!(seen, 124, "vectors");
}

struct Vector {
    head: BTreeMap<String, String>,
    file: Vec<u8>,
}

#[derive(Debug)]
#[allow(dead_code, reason = "shown where a vector is taken wrongly")]
enum Refused {
    Opening(AgeError),
    Reading(std::io::Error),
}

impl Vector {
    fn read(bytes: &[u8]) -> Vector {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let pairs = head.lines().map(|line| line.split_once(": ").unwrap());
        let head: BTreeMap<_, _> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut file = bytes[end + 2..].to_vec();
        if head.contains_key("compressed") {
            let mut whole = Vec::new();
            flate2::read::ZlibDecoder::new(&file[..]).read_to_end(&mut whole).unwrap();
            file = whole;
        }
        Vector { head, file }
    }

    /// Why it is refused, if it is, and all content that was seen before.
    fn decrypt(&self) -> (Option<Refused>, Vec<u8>) {
        let identities: Vec<Identity> =
            self.head.get("identity").map(|text| Identity::from_secret(text).unwrap()).into_iter().collect();
        let mut content = Vec::new();
        let refused = match Decrypter::new(&self.file[..], &identities) {
            Err(why) => Some(Refused::Opening(why)),
            Ok(mut reader) => reader.read_to_end(&mut content).err().map(Refused::Reading),
        };
        (refused, content)
    }
}
