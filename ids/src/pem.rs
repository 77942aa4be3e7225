//! PEM (RFC 7468): bytes as a block of text with a label. Read as OpenSSL and OpenSSH read it, with lines of any
//! length; written with lines of 64 characters.

use base64::{Engine, engine::general_purpose::STANDARD};

/// One block around these bytes.
pub fn encode(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    lines.extend(text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()));
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}

/// What is inside a text that is one block with this label, and nothing else.
pub fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let body: String = body.strip_suffix(&format!("-----END {label}-----"))?.split_ascii_whitespace().collect();
    STANDARD.decode(body).ok()
}
