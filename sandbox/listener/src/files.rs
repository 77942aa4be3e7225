//! Certificates, keys and revocation lists: files, read again when they change.

use std::{
    fs::{File, Metadata},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject},
    server::{ClientCertVerifierBuilder, NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use unseen_keys::{KeyStoreError, read_secret};
use unseen_texts::Say;

/// Where the files are that TLS needs, all in PEM. They are read again on SIGHUP and whenever one of them changes.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, and behind it those between it and its authority.
    pub certificate: PathBuf,
    /// The server's private key, a file that its owner alone can read.
    pub key: PathBuf,
    /// The authorities whose certificates count for people. Without them nobody is asked for one.
    pub client_ca: Option<PathBuf>,
    /// Revocation lists, of every authority between a person's certificate and those above. A certificate whose
    /// authority has no list here, or one that is out of date, is refused.
    pub crl: Option<PathBuf>,
}

/// Why a file for TLS does not do.
#[derive(Debug, thiserror::Error, Say)]
#[code("tls-file")]
pub enum FileError {
    /// The system does not give it.
    #[error("{} cannot be read: {why}", path.display())]
    #[zh("无法读取 {path}：{why}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A key that others can read, for one.
    #[error("{0}")]
    Key(#[from] KeyStoreError),
    /// Something else in its place.
    #[error("{} is longer than {LONGEST} bytes: name the right file", .0.display())]
    #[zh("{0} 超过 {LONGEST} 字节：请检查文件是否正确")]
    Long(PathBuf),
    /// Nothing in PEM, or not of this kind.
    #[error("{} holds no {what} in PEM, or a broken one", path.display())]
    #[zh("{path} 中没有 PEM 格式的{what}，或内容已损坏")]
    Not {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: Kind,
    },
    /// One without the other, or a kind of key that TLS has no use for.
    #[error("{} and {} do not belong together, or cannot be used for TLS: {why}", certificate.display(), key.display())]
    #[zh("{certificate} 与 {key} 不配对，或不能用于 TLS：{why}")]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What rustls says.
        why: String,
    },
    /// An authority's certificate that rustls cannot use, or a broken revocation list.
    #[error("people's certificates cannot be verified with {}: {why}", path.display())]
    #[zh("无法用 {path} 验证人员证书：{why}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        why: String,
    },
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Say)]
pub enum Kind {
    /// A certificate.
    #[en("certificate")]
    #[zh("证书")]
    Certificate,
    /// A private key.
    #[en("private key")]
    #[zh("私钥")]
    Key,
    /// A revocation list.
    #[en("revocation list")]
    #[zh("吊销列表")]
    Revocations,
}

/// TLS as the files say at some moment.
#[derive(Debug)]
pub(crate) struct Tls {
    /// For connections that begin now.
    pub(crate) config: Arc<ServerConfig>,
    /// For certificates that were shown before.
    pub(crate) people: Option<Arc<dyn ClientCertVerifier>>,
    /// How many times files were read before.
    pub(crate) generation: u64,
}

/// The files, as they were when they were last looked at.
#[derive(Debug)]
pub(crate) struct Watched {
    files: TlsFiles,
    stamps: Vec<Option<Stamp>>,
    generation: u64,
}

/// Device, inode, size, and when it was changed: in seconds, and nanoseconds beyond.
type Stamp = (u64, u64, u64, i64, i64);

impl Watched {
    /// Reads the files for the first time.
    pub(crate) fn open(files: TlsFiles) -> Result<(Watched, Tls), FileError> {
        let mut watched = Watched { stamps: stamps(&files), files, generation: 0 };
        let tls = watched.read()?;
        Ok((watched, tls))
    }

    /// Reads the files again if one of them has changed since, or if `always`. What fails is tried again when one
    /// changes again.
    pub(crate) fn look(&mut self, always: bool) -> Option<Result<Tls, FileError>> {
        // Taken before reading: what changes meanwhile is seen the next time.
        let now = stamps(&self.files);
        if now == self.stamps && !always {
            return None;
        }
        self.stamps = now;
        Some(self.read())
    }

    fn read(&mut self) -> Result<Tls, FileError> {
        let people = people(&self.files)?;
        let config = config(&self.files, people.clone())?;
        let generation = self.generation;
        self.generation += 1;
        Ok(Tls { config: Arc::new(config), people, generation })
    }
}

fn stamps(files: &TlsFiles) -> Vec<Option<Stamp>> {
    let stamp = |found: Metadata| (found.dev(), found.ino(), found.size(), found.ctime(), found.ctime_nsec());
    let all = [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref(), files.crl.as_ref()];
    all.into_iter().flatten().map(|path| path.metadata().ok().map(stamp)).collect()
}

fn config(files: &TlsFiles, people: Option<Arc<dyn ClientCertVerifier>>) -> Result<ServerConfig, FileError> {
    let chain = certificates(&files.certificate)?;
    let no_key = |_| FileError::Not { path: files.key.clone(), what: Kind::Key };
    let key = PrivateKeyDer::from_pem_slice(&read_secret(&files.key)?).map_err(no_key)?;
    let failed = |why: rustls::Error| FileError::Pair {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        why: why.to_string(),
    };
    let builder = ServerConfig::builder_with_provider(default_provider().into()).with_safe_default_protocol_versions();
    let mut config = builder
        .map_err(failed)?
        .with_client_cert_verifier(people.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
        .with_single_cert(chain, key)
        .map_err(failed)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A resumed session would bring back a certificate that nobody has verified since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn people(files: &TlsFiles) -> Result<Option<Arc<dyn ClientCertVerifier>>, FileError> {
    let Some(path) = &files.client_ca else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    for authority in certificates(path)? {
        roots.add(authority).map_err(|why| FileError::Authority { path: path.clone(), why: why.to_string() })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), default_provider().into());
    let (builder, path) = match &files.crl {
        None => (builder, path),
        Some(path) => (with_lists(builder, path)?, path),
    };
    let built = builder.allow_unauthenticated().build();
    built.map(Some).map_err(|why| FileError::Authority { path: path.clone(), why: why.to_string() })
}

fn with_lists(builder: ClientCertVerifierBuilder, path: &Path) -> Result<ClientCertVerifierBuilder, FileError> {
    let read: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&read(path)?).collect();
    let lists = read.ok().filter(|lists| !lists.is_empty());
    let lists = lists.ok_or_else(|| FileError::Not { path: path.to_owned(), what: Kind::Revocations })?;
    Ok(builder.with_crls(lists).enforce_revocation_expiration())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let found = read.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| FileError::Not { path: path.to_owned(), what: Kind::Certificate })
}

/// The longest of these files, in bytes: a revocation list of some 400,000 certificates.
const LONGEST: u64 = 16 << 20;

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let failed = |why| FileError::Io { path: path.to_owned(), why };
    File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > LONGEST { Err(FileError::Long(path.to_owned())) } else { Ok(bytes) }
}
