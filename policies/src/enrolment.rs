//! What those sign who ask to be enrolled: of people, read back where they sign with `ssh-keygen`; of nodes.

use unseen_ids::{PublicKey, Role};

use crate::event::enrolment_bytes;

/// Reads [`enrolment_bytes`] of a key that says nothing of where it is kept: log, name, roles, key. None unless it is
/// exactly that.
pub fn parse_enrolment(bytes: &[u8]) -> Option<(String, String, Vec<Role>, PublicKey)> {
    let mut lines = std::str::from_utf8(bytes).ok()?.split('\n').skip(1);
    let (log, name, roles, key) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?.parse().ok()?);
    let roles = roles.split(',').map(str::parse).collect::<Result<Vec<Role>, _>>().ok()?;
    let exact = enrolment_bytes(log, name, &roles, &key, None) == bytes;
    exact.then(|| (log.to_owned(), name.to_owned(), roles, key))
}

/// What a node's key signs to show that the node asks for exactly this enrolment, in this log, under this name, with
/// this age recipient.
pub fn node_bytes(log: &str, name: &str, key: &PublicKey, recipient: &str) -> Vec<u8> {
    format!("unseen node enrolment v1\n{log}\n{name}\n{key}\n{recipient}\n").into_bytes()
}
