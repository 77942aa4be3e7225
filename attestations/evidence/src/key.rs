//! Attestation keys of TPMs: one PEM block, its digest, and the signatures such a key makes.

use crate::{EvidenceError, bytes::Reader, parts};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use unseen_ids::{hex, sha256};

/// What a policy calls an attestation key: the SHA-256, in lowercase hex, of its SubjectPublicKeyInfo
/// in DER, read from one `PUBLIC KEY` block. `openssl pkey -pubin -outform der | sha256sum` says the same.
pub fn attestation_key_digest(pem: &str) -> Result<String, EvidenceError> {
    Ok(hex::encode(&AttestationKey::from_pem(pem)?.digest()))
}

/// SubjectPublicKeyInfo of an ECC key on P-256 (RFC 5480), up to the point.
const SPKI_P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// The algorithm of an RSA key (RFC 3279, 2.3.1).
const ALGORITHM_RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

const TPM_ALG_RSASSA: u16 = 0x0014;
const TPM_ALG_ECDSA: u16 = 0x0018;
pub(crate) const TPM_ALG_SHA256: u16 = 0x000b;

pub(crate) struct AttestationKey {
    spki: Vec<u8>,
    public: Public,
}

/// The part of a key that ring takes.
enum Public {
    /// An uncompressed point.
    P256(Vec<u8>),
    /// RSAPublicKey (RFC 8017, A.1.1); ring refuses one that is not strict DER or has less than 2048 bits.
    Rsa(Vec<u8>),
}

impl AttestationKey {
    pub(crate) fn from_pem(pem: &str) -> Result<AttestationKey, EvidenceError> {
        let spki = unseen_ids::pem::decode("PUBLIC KEY", pem).ok_or(EvidenceError::Key)?;
        let public = match spki.strip_prefix(SPKI_P256) {
            Some(point) if point.len() == 65 && point[0] == 4 => Public::P256(point.to_vec()),
            Some(_) => return Err(EvidenceError::Key),
            None => Public::Rsa(rsa(&spki).map_err(|_| EvidenceError::Key)?),
        };
        Ok(AttestationKey { spki, public })
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub(crate) fn digest(&self) -> [u8; 32] {
        sha256(&[&self.spki])
    }

    /// Whether `signature`, a TPMT_SIGNATURE (TPM 2.0 Library, part 2, 11.3.4), is this key's over `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), EvidenceError> {
        let mut reader = Reader::new(parts::QUOTE_SIGNATURE, signature);
        let (scheme, hash) = (reader.be16()?, reader.be16()?);
        if hash != TPM_ALG_SHA256 {
            return Err(EvidenceError::Scheme);
        }
        let verified = match (&self.public, scheme) {
            (Public::P256(point), TPM_ALG_ECDSA) => {
                let mut fixed = [0; 64];
                for half in fixed.chunks_mut(32) {
                    let number = reader.tpm2b(32)?;
                    // Some TPMs drop leading zeros.
                    half[32 - number.len()..].copy_from_slice(number);
                }
                reader.end()?;
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &fixed)
            }
            (Public::Rsa(key), TPM_ALG_RSASSA) => {
                let number = reader.tpm2b(1024)?;
                reader.end()?;
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message, number)
            }
            _ => return Err(EvidenceError::Scheme),
        };
        verified.map_err(|_| EvidenceError::Signature(parts::QUOTE))
    }
}

/// The RSAPublicKey in a SubjectPublicKeyInfo: SEQUENCE { algorithm, BIT STRING }, whose lengths have
/// two bytes for every modulus that is long enough.
fn rsa(spki: &[u8]) -> Result<Vec<u8>, EvidenceError> {
    let sequence = long_tlv(spki, 0x30)?;
    let bits = sequence.strip_prefix(ALGORITHM_RSA).ok_or(EvidenceError::Key)?;
    match long_tlv(bits, 0x03)? {
        // The first byte of a BIT STRING is the number of unused bits.
        [0, key @ ..] => Ok(key.to_vec()),
        _ => Err(EvidenceError::Key),
    }
}

/// The content of a DER value that is all of `der` and has a length in two bytes.
fn long_tlv(der: &[u8], tag: u8) -> Result<&[u8], EvidenceError> {
    match der {
        [t, 0x82, high, low, content @ ..]
            if *t == tag && content.len() == usize::from(u16::from_be_bytes([*high, *low])) =>
        {
            Ok(content)
        }
        _ => Err(EvidenceError::Key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};

    /// Made and digested by OpenSSL 3.0: `openssl pkey -pubin -outform der | sha256sum`.
    #[test]
    fn openssl_agrees_on_digests() {
        for (pem, digest) in [
            (P256, "7d9a353745b53719a278a7bd99af1ed06f6ec1eefe3c14d346f39f22c0e54154"),
            (RSA, "0ce91bafb6f676cff9ec661aa22a701bd62932a8edc574f2749d96f465f6591b"),
        ] {
            assert_eq!(attestation_key_digest(pem).unwrap(), digest);
            assert_eq!(attestation_key_digest(&pem.replace('\n', "\r\n")).unwrap(), digest);
            assert_eq!(attestation_key_digest(&format!("{pem}{pem}")), Err(EvidenceError::Key), "two blocks");
            let mut spki = AttestationKey::from_pem(pem).unwrap().spki;
            spki.push(0);
            let longer = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(spki));
            assert_eq!(attestation_key_digest(&longer), Err(EvidenceError::Key), "a byte more");
        }
        for wrong in ["", "x", RSA_1024, P384, &P256.replace("PUBLIC", "PRIVATE")] {
            assert_eq!(attestation_key_digest(wrong), Err(EvidenceError::Key), "{wrong}");
        }
    }

    const P256: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE538jJnkN9ucPw9NV6dJCbmR+z0Ql\n8s9Ir8RrvBpaxEZurRQXTtG2PZG+C/P1ltW55K6DP/T/6Cnf6b5E1higcQ==\n-----END PUBLIC KEY-----\n";
    const RSA: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxSLtAHWCo8qyHypZg+Nl\nI8/18A36Bz9yWe2CBVceAdkaRzsX1C5w5oOHqg13oSVvkc/YJiJotTRAHMZOjeKh\niCan0USBJlsV9G9tjsP41AHRmzlKh1FRQL5kxZrcOO0bL1efTJp8eom9JmZipkoU\nszrNc1daUshO9uiyYo5AcaNaUNO2eoPHDl80h3OeQR+MUni0UKL0VUG5jLXX6KBb\nEgdt8p7pRoQ8d6guhGz+TmAkQDuUk9tRndqLAoaFixPAVeVI5knZ8EIaxQryOq7q\nX9EY30uPRAu0CE3mWRu/u/n1eEnYmIKS2HbX7sUwvk+v3sQz9jFLtSLSGm+ixH2D\nOwIDAQAB\n-----END PUBLIC KEY-----\n";
    const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCwxVWm2wPAiXoJpOZ7L6ttcJAj\neILfmM018u/cyMZN25s9xGpns6ZbbB1KYjvOiB9yDndrfyeDAAJ+pIuI6ZHisQSB\n9EmLTD4tWE4IcLspKsEwQR0VXp1j5eVRP/+D4PP/Wcd4fe2cE9IhPW+DPA5Zf8f9\n6PpuzjKMJjNrB3ipLQIDAQAB\n-----END PUBLIC KEY-----\n";
    const P384: &str = "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEHrpEtll0nBP8cH3kxq7BrubM5ZG3wkru\n6IMUc0eDgNK/S7BqFDrmESaFWYrGd4IzpniFuN6pEs8pJ72hmthb08lDUMjiOkm0\nDMUjyKMNW3WEA1ACSCYzrlpuaTPFKooy\n-----END PUBLIC KEY-----\n";
}
