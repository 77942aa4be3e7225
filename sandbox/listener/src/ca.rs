//! A small authority: certificates for a server and for people, where there is no other authority yet.
//!
//! It is for trying out, and for labs of a few people: whoever has its key can be anybody. Keys are ECDSA on P-256.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use unseen_ids::hex;
use unseen_keys::{KeyStoreError, read_secret, write_secret};
use unseen_texts::Say;
use x509_cert::{
    Certificate,
    der::{Decode, Encode, asn1::Utf8StringRef},
};
use zeroize::Zeroizing;

use crate::peer::person_uri;

/// An authority, with its private key.
pub struct Ca {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that was just made, and its key, which is nowhere else.
pub struct Issued {
    /// In PEM.
    pub certificate: String,
    /// PKCS#8 in PEM.
    pub key: Zeroizing<String>,
    /// In lower-case hex digits, for [`Ca::revoke`].
    pub serial: String,
}

/// Why an authority cannot do what it should.
#[derive(Debug, thiserror::Error, Say)]
#[code("ca")]
pub enum CaError {
    /// A file that cannot be read or written.
    #[error("{}: {why}", path.display())]
    #[zh("{path}：{why}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A key file that is there already, or that others can read.
    #[error("{0}")]
    Key(#[from] KeyStoreError),
    /// Not the files that [`Ca::save`] wrote.
    #[error("{} is no authority's certificate made here, or not that of the key beside it", .0.display())]
    #[zh("{0} 不是此处生成的证书机构证书，或与旁边的私钥不配对")]
    NotOurs(PathBuf),
    /// Nobody can be called that.
    #[error("no certificate can name `{0}`: a name is 1 to 128 characters, without blanks around it")]
    #[zh("证书中不能写 `{0}`：姓名应为 1 至 128 个字符，首尾不能有空白")]
    Name(String),
    /// Neither a DNS name nor an IP address.
    #[error("`{0}` is neither a DNS name nor an IP address")]
    #[zh("`{0}` 既不是域名也不是 IP 地址")]
    Host(String),
    /// Nobody who holds a certificate that counts.
    #[error("`{0}` holds no certificate that could be revoked: the list of those issued says who does")]
    #[zh("`{0}` 没有可吊销的证书：请查看已签发证书的列表")]
    NotIssued(String),
    /// A serial number that is none.
    #[error("`{0}` is no serial number: it is up to 40 hex digits, two for each byte")]
    #[zh("`{0}` 不是序列号：应为至多 40 位十六进制数字，每字节两位")]
    Serial(String),
    /// A time after the year 9999, or no randomness.
    #[error("the certificate cannot be made: {0}")]
    #[zh("无法生成证书：{0}")]
    Making(String),
}

/// Names of the files of an authority.
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";

/// How long an authority lives, in days.
const LIFE: u32 = 3_650;
/// How far clocks may be apart.
const SKEW: Duration = Duration::from_secs(3_600);

impl Ca {
    /// A new authority of this name. It lives for ten years.
    pub fn new(name: &str) -> Result<Ca, CaError> {
        let key = KeyPair::generate().map_err(making)?;
        let mut params = authority(name)?;
        valid(&mut params, LIFE)?;
        params.serial_number = Some(new_serial()?);
        let certificate = params.self_signed(&key).map_err(making)?.pem();
        Ok(Ca { certificate, issuer: Issuer::new(params, key) })
    }

    /// The authority whose files are in a folder.
    pub fn load(folder: &Path) -> Result<Ca, CaError> {
        let path = folder.join(CERTIFICATE);
        let refused = || CaError::NotOurs(path.clone());
        let certificate = fs::read_to_string(&path).map_err(|why| CaError::Io { path: path.clone(), why })?;
        let secret = read_secret(&folder.join(KEY))?;
        let key = std::str::from_utf8(&secret).ok().and_then(|pem| KeyPair::from_pem(pem).ok()).ok_or_else(refused)?;
        let (name, public) = subject(&certificate).ok_or_else(refused)?;
        if rcgen::PublicKeyData::subject_public_key_info(&key) != public {
            return Err(refused());
        }
        Ok(Ca { certificate, issuer: Issuer::new(authority(&name)?, key) })
    }

    /// Writes `ca.pem` and `ca-key.pem` (mode 0600) into a folder that is there. Neither takes the place of another.
    pub fn save(&self, folder: &Path) -> Result<(), CaError> {
        let key = Zeroizing::new(self.issuer.key().serialize_pem());
        write_pair(&folder.join(CERTIFICATE), &self.certificate, &folder.join(KEY), &key)
    }

    /// Its own certificate in PEM: what others trust it by.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a server under these DNS names and IP addresses, and under those of this machine.
    pub fn server(&self, hosts: &[&str], days: u32) -> Result<Issued, CaError> {
        let mut names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        for own in ["localhost", "127.0.0.1", "::1"] {
            if !hosts.contains(&own) {
                names.push(own.to_owned());
            }
        }
        if let Some(bad) = names.iter().find(|name| !is_host(name)) {
            return Err(CaError::Host(bad.clone()));
        }
        let mut params = CertificateParams::new(names).map_err(making)?;
        let called = hosts.first().copied().unwrap_or("localhost");
        params.distinguished_name.push(DnType::CommonName, called);
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth, days)
    }

    /// A certificate for a person.
    pub fn person(&self, name: &str, days: u32) -> Result<Issued, CaError> {
        let uri = person_uri(name).ok_or_else(|| CaError::Name(name.to_owned()))?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().map_err(making)?)];
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth, days)
    }

    /// A list in PEM that revokes certificates by their serial numbers, all that were ever revoked and not only the
    /// new ones. It counts for so many days; then no certificate of this authority is taken until there is a new one.
    pub fn revoke(&self, serials: &[&str], days: u32) -> Result<String, CaError> {
        let now = SystemTime::now();
        let revoked = serials.iter().map(|serial| {
            let bytes = serial_bytes(serial).ok_or_else(|| CaError::Serial((*serial).to_owned()))?;
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&bytes),
                revocation_time: now.into(),
                reason_code: None,
                invalidity_date: None,
            })
        });
        // Later lists have greater numbers.
        let number = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let list = CertificateRevocationListParams {
            this_update: (now - SKEW).into(),
            next_update: after(now, days)?.into(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect::<Result<_, CaError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(making)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
        days: u32,
    ) -> Result<Issued, CaError> {
        let key = KeyPair::generate().map_err(making)?;
        let serial = new_serial()?;
        valid(&mut params, days)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::ExplicitNoCa;
        params.serial_number = Some(serial.clone());
        let certificate = params.signed_by(&key, &self.issuer).map_err(making)?.pem();
        let key = Zeroizing::new(key.serialize_pem());
        Ok(Issued { certificate, key, serial: hex::encode(&serial.to_bytes()) })
    }
}

impl Issued {
    /// Writes both into new files, the key with mode 0600.
    pub fn save(&self, certificate: &Path, key: &Path) -> Result<(), CaError> {
        write_pair(certificate, &self.certificate, key, &self.key)
    }
}

fn write_pair(certificate: &Path, pem: &str, key: &Path, secret: &str) -> Result<(), CaError> {
    let failed = |why| CaError::Io { path: certificate.to_owned(), why };
    let mut file = fs::File::create_new(certificate).map_err(failed)?;
    let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(failed);
    let both = written.and_then(|()| Ok(write_secret(key, secret.as_bytes())?));
    // A certificate without its key is of no use to anybody.
    both.inspect_err(|_| drop(fs::remove_file(certificate)))
}

fn authority(name: &str) -> Result<CertificateParams, CaError> {
    if person_uri(name).is_none() {
        return Err(CaError::Name(name.to_owned()));
    }
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The name in an authority's certificate that [`authority`] made, and its public key in DER.
fn subject(pem: &str) -> Option<(String, Vec<u8>)> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let certificate = Certificate::from_der(&der).ok()?;
    let content = certificate.tbs_certificate();
    let mut attributes = content.subject().iter();
    let (Some(only), None) = (attributes.next(), attributes.next()) else { return None };
    let name = only.value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned();
    Some((name, content.subject_public_key_info().to_der().ok()?))
}

fn valid(params: &mut CertificateParams, days: u32) -> Result<(), CaError> {
    let now = SystemTime::now();
    params.not_before = (now - SKEW).into();
    params.not_after = after(now, days)?.into();
    Ok(())
}

/// The most days that a certificate or a list counts: 100 years, far from where its times end.
const MOST_DAYS: u32 = 36_525;

fn after(now: SystemTime, days: u32) -> Result<SystemTime, CaError> {
    let days = days.min(MOST_DAYS);
    now.checked_add(Duration::from_secs(u64::from(days) * 86_400)).ok_or_else(|| making("no such time"))
}

/// 16 random bytes. The first two bits are fixed, so that it is written as it is and never as negative.
fn new_serial() -> Result<SerialNumber, CaError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(making)?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// RFC 5280 has at most 20 bytes.
fn serial_bytes(serial: &str) -> Option<Vec<u8>> {
    let digits = serial.as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).map(|value| value as u8);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    (1..=40).contains(&digits.len()).then(|| pairs.collect())?
}

fn is_host(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

fn making(why: impl std::fmt::Display) -> CaError {
    CaError::Making(why.to_string())
}
