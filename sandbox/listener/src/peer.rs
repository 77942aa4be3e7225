//! Who is at the other end: an address, and the person whose certificate was shown.

use std::{
    fmt::Write,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use unseen_ids::{Digest, hex};
use unseen_texts::Say;
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// Who sends a request; among its extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    /// From where. Behind a proxy it is the proxy's.
    pub address: SocketAddr,
    /// Whether that is on this machine. Behind a proxy on this machine everybody is.
    pub loopback: bool,
    /// The certificate that was verified and names a person, if there is one.
    pub certificate: Option<Arc<Identity>>,
    /// Why a certificate that was verified counts for nothing.
    pub unusable: Option<NotAPerson>,
}

/// A person, as an authority that the service trusts has certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The person's name.
    pub person: String,
    /// The certificate's serial number in lower-case hex digits, as revocation lists have it.
    pub serial: String,
    /// SHA-256 of the certificate in DER.
    pub fingerprint: Digest,
    /// The certificate's last moment.
    pub not_after: SystemTime,
}

/// Why a certificate names no person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("certificate")]
pub enum NotAPerson {
    /// It cannot be read, though it was verified.
    #[error("the certificate's subject names cannot be read: have it issued anew")]
    #[zh("证书中的主体备用名称无法读取：请重新签发")]
    Unreadable,
    /// A server's, perhaps.
    #[error("the certificate names no person: it needs the URI urn:unseen:person:NAME as its subject alternative name")]
    #[zh("证书未写明人员：其主体备用名称中须有 形如 urn:unseen:person:NAME 的 URI")]
    Nobody,
    /// It would have to be guessed which.
    #[error("the certificate names more than one person: have one issued for each")]
    #[zh("证书写了多个人员：请为每人各签发一张")]
    Several,
    /// A name that is not written as RFC 8141 has it, or holds what no name does.
    #[error("the person's name in the certificate is not valid: it is 1 to 128 characters, percent-encoded in UTF-8")]
    #[zh("证书中的人员姓名无效：应为 1 至 128 个字符，按 UTF-8 作百分号编码")]
    Name,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, shown: Option<Result<Arc<Identity>, NotAPerson>>) -> Peer {
        // An IPv4 address may come in the clothes of an IPv6 one.
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let (certificate, unusable) = match shown {
            None => (None, None),
            Some(Ok(identity)) => (Some(identity), None),
            Some(Err(why)) => (None, Some(why)),
        };
        Peer { address, loopback: is_loopback(address.ip()), certificate, unusable }
    }
}

/// What one subscriber has: an IPv4 address, or the first 64 bits of an IPv6 one.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// Whether an address is this machine's own, and of nobody else.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl Identity {
    /// Reads a certificate that was verified already.
    pub(crate) fn read(der: &[u8]) -> Result<Identity, NotAPerson> {
        let certificate = Certificate::from_der(der).map_err(|_| NotAPerson::Unreadable)?;
        let content = certificate.tbs_certificate();
        let names = content.get_extension::<SubjectAltName>().map_err(|_| NotAPerson::Unreadable)?;
        let names = names.map(|(_, names)| names.0).unwrap_or_default();
        let mut people = names.iter().filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => person_part(uri.as_str()),
            _ => None,
        });
        let encoded = people.next().ok_or(NotAPerson::Nobody)?;
        if people.next().is_some() {
            return Err(NotAPerson::Several);
        }
        Ok(Identity {
            person: decode(encoded).ok_or(NotAPerson::Name)?,
            serial: hex::encode(content.serial_number().as_bytes()),
            fingerprint: Digest::of(der),
            not_after: UNIX_EPOCH + content.validity().not_after.to_unix_duration(),
        })
    }
}

/// When the first certificate of a file in PEM ends, if it can be read.
pub fn ends(certificate: &std::path::Path) -> Option<SystemTime> {
    let der = CertificateDer::from_pem_file(certificate).ok()?;
    let certificate = Certificate::from_der(&der).ok()?;
    Some(UNIX_EPOCH + certificate.tbs_certificate().validity().not_after.to_unix_duration())
}

/// Before a person's name, in a certificate's subject alternative names. Case tells no two of such URIs apart.
const PERSON: &str = "urn:unseen:person:";
/// The longest name, in characters.
const LONGEST: usize = 128;

/// The URI that a certificate names this person by, or nothing if nobody can have that name.
pub fn person_uri(name: &str) -> Option<String> {
    let mut uri = PERSON.to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => uri.push(byte.into()),
            byte => write!(uri, "%{byte:02X}").ok()?,
        }
    }
    is_name(name).then_some(uri)
}

fn person_part(uri: &str) -> Option<&str> {
    let (before, name) = uri.split_at_checked(PERSON.len())?;
    before.eq_ignore_ascii_case(PERSON).then_some(name)
}

/// Percent-decodes what RFC 8141 section 2 lets a namespace-specific string hold, and nothing else.
fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            byte if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok().filter(|name| is_name(name))
}

fn hex_digit(digit: u8) -> Option<u8> {
    // At most 15.
    (digit as char).to_digit(16).map(|value| value as u8)
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.chars().count()) && name.trim() == name && !name.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_go_into_uris_and_back() {
        for name in ["zhang.san", "张三", "王 五", "a/b?c#d%", "é:ö"] {
            let uri = person_uri(name).unwrap();
            assert!(uri.is_ascii());
            assert_eq!(decode(person_part(&uri).unwrap()).as_deref(), Some(name));
        }
        assert_eq!(person_uri("张").unwrap(), "urn:unseen:person:%E5%BC%A0");
        assert_eq!(person_part("URN:Unseen:person:x"), Some("x"), "RFC 8141 tells no such URIs apart");
        assert_eq!(person_part("urn:unseen:group:x"), None);
    }

    #[test]
    fn what_no_name_can_be_is_refused() {
        let long = "x".repeat(129);
        for name in ["", " ", "x ", "a\nb", "a\0", &long] {
            assert_eq!(person_uri(name), None, "{name:?}");
        }
        for encoded in ["", "%", "%4", "%4g", "%+1", "%C0%80", "%ED%A0%80", "%FF", "a b", "a?b", "a%00", "%20x", "é"] {
            assert_eq!(decode(encoded), None, "{encoded:?}");
        }
    }
}
