//! Files encrypted to the lab's key with a stock tool: the age format, version 1 (<https://c2sp.org/age>), binary or
//! in ASCII armor, to X25519 recipients.
//!
//! ```
//! use std::io::{Read, Write};
//! use unseen_age::{Decrypter, Encrypter, Identity};
//!
//! let lab = Identity::generate()?;
//! let mut file = Encrypter::new(Vec::new(), &[lab.recipient()])?;
//! file.write_all(b"code,turnover\n")?;
//! let file = file.finish()?;
//!
//! let mut rows = String::new();
//! Decrypter::new(&file[..], &[lab])?.read_to_string(&mut rows)?;
//! assert_eq!(rows, "code,turnover\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A file is a text, the header, in which a fresh file key is sealed to each recipient, and a
//! payload in chunks, each sealed by itself. Whatever of a chunk does not verify is never seen, and a file
//! that was cut off is an error, not a shorter file. What the lab has no use for is refused in a sentence
//! (passphrases), or passed over as the format asks (recipients of other kinds).
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod armor;
mod bech32;
mod decrypt;
mod encrypt;
mod error;
mod file_key;
mod header;
mod keys;
mod opened;
mod source;
mod stream;

pub use decrypt::Decrypter;
pub use encrypt::Encrypter;
pub use error::AgeError;
pub use header::is_age;
pub use keys::{Identity, Recipient};
pub use opened::OpenedFile;
