//! Why a key, a note, an envelope or a statement is refused.

use unseen_ids::canonical;
use unseen_texts::{Say, Sentence, Text};

use crate::signature::{sshsig::SshSigError, webauthn::PasskeyError};

/// Why a key or a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Say)]
#[code("key")]
pub enum KeyError {
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers, so no key was made")]
    #[zh("操作系统未提供随机数，因此没有生成密钥")]
    Random,
    /// A token or an agent did not sign.
    #[error("the key did not sign: {0}")]
    #[zh("密钥未能签名：{0}")]
    Signer(Sentence),
    /// Not one PEM block of the kind that was asked for.
    #[error("this is not one PEM block that begins with -----BEGIN {0}-----")]
    #[zh("这不是以 -----BEGIN {0}----- 开头的单个 PEM 块")]
    Pem(&'static str),
    /// Not an Ed25519 private key.
    #[error("this is not an Ed25519 private key in PKCS#8 (openssl genpkey -algorithm ed25519 makes one)")]
    #[zh("这不是 PKCS#8 格式的 Ed25519 私钥（可用 openssl genpkey -algorithm ed25519 生成）")]
    Private,
    /// Not an Ed25519 public key.
    #[error("this is not an Ed25519 public key: 32 bytes, in base64 or as a PUBLIC KEY block")]
    #[zh("这不是 Ed25519 公钥：32 字节，base64 或 PUBLIC KEY 块")]
    Public,
    /// Not an SM2 private key.
    #[cfg(feature = "sm2")]
    #[error("this is not an SM2 private key in PKCS#8 (openssl genpkey -algorithm SM2 makes one)")]
    #[zh("这不是 PKCS#8 格式的 SM2 私钥（可用 openssl genpkey -algorithm SM2 生成）")]
    Sm2Private,
    /// Not an SM2 public key.
    #[cfg(feature = "sm2")]
    #[error("this is not an SM2 public key: a point of its curve, uncompressed, in 65 bytes or as a PUBLIC KEY block")]
    #[zh("这不是 SM2 公钥：须为曲线上的未压缩点，65 字节或 PUBLIC KEY 块")]
    Sm2Public,
    /// Not this key's signature over this message.
    #[error("the signature is not this key's over these bytes")]
    #[zh("签名不是此密钥对这些内容所签")]
    Signature,
}

/// Why a note or a checkpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Say)]
#[code("note")]
pub enum NoteError {
    /// Not the shape of a note.
    #[error("this is not a signed note: {0}")]
    #[zh("这不是签名便条：{0}")]
    Malformed(Text),
    /// A name that a signature line cannot carry.
    #[error("{0:?} cannot name a key: it must not be empty nor hold white space or +")]
    #[zh("{0:?} 不能作密钥名称：不得为空，不得含空白或 +")]
    Name(String),
    /// Not a verifier key, or one of another kind.
    #[error("{0:?} is not a verifier key of this kind (name+id+base64)")]
    #[zh("{0:?} 不是此类验证公钥（名称+标识+base64）")]
    VerifierKey(String),
    /// No signature by the key that counts.
    #[error("the note bears no signature of {0}")]
    #[zh("便条上没有 {0} 的签名")]
    Unsigned(String),
    /// A signature that claims to be the key's and is not.
    #[error("the note was altered or forged: {0}")]
    #[zh("便条被篡改或伪造：{0}")]
    Signature(#[from] KeyError),
    /// A note, but not a checkpoint.
    #[error("the note is not a checkpoint: it needs an origin, a size and a root hash, one a line")]
    #[zh("便条不是检查点：须逐行写明名称、长度和根哈希")]
    Checkpoint,
    /// Another log's checkpoint.
    #[error("the checkpoint belongs to the log {found:?}, not to {expected:?}")]
    #[zh("检查点属于日志 {found:?}，不是 {expected:?}")]
    Origin {
        /// The origin it states.
        found: String,
        /// The origin asked for.
        expected: String,
    },
}

/// Why an envelope is refused.
#[derive(Debug, thiserror::Error, Say)]
#[code("envelope")]
pub enum EnvelopeError {
    /// Not the JSON of an envelope.
    #[error("this is not a DSSE envelope: {0}")]
    #[zh("这不是 DSSE 信封：{0}")]
    Json(serde_json::Error),
    /// None, too many, or two by one key.
    #[error("the envelope has no signature, more than it may have, or two by one key")]
    #[zh("信封没有签名、签名过多，或同一密钥签了两次")]
    Signers,
    /// Two envelopes that are to be one.
    #[error("the envelopes hold different payloads, so they cannot become one")]
    #[zh("两个信封的内容不同，不能合并")]
    OtherPayload,
    /// A field that is not base64.
    #[error("the envelope's field {0} is not standard base64")]
    #[zh("信封字段 {0} 不是标准 base64")]
    Base64(&'static str),
    /// No kind of signature that is read here.
    #[error("the envelope's signature is neither an Ed25519 one of 64 bytes nor one of ssh-keygen or of a passkey")]
    #[zh("信封签名既不是 64 字节的 Ed25519 签名，也不是 ssh-keygen 或通行密钥的签名")]
    Kind,
    /// Not a signature in SM2.
    #[cfg(feature = "sm2")]
    #[error("the envelope's signature is not one in SM2, a sequence of two numbers in DER")]
    #[zh("信封签名不是 SM2 签名（DER 编码的两个数）")]
    NotSm2,
    /// Another key's envelope.
    #[error("the envelope names the key {found}, not {expected}")]
    #[zh("信封所指密钥是 {found}，不是 {expected}")]
    OtherKey {
        /// The key id it states.
        found: String,
        /// The key id asked for.
        expected: String,
    },
    /// A signature that claims to be the key's and is not.
    #[error("the envelope was altered or forged: {0}")]
    #[zh("信封被篡改或伪造：{0}")]
    Signature(#[from] KeyError),
    /// An SSH signature that is not the key's over this payload, or is not one at all.
    #[error("the envelope's SSH signature is refused: {0}")]
    #[zh("信封的 SSH 签名被拒绝：{0}")]
    Ssh(#[from] SshSigError),
    /// An assertion that is not the passkey's over this payload, or is not one at all.
    #[error("the passkey's signature is refused: {0}")]
    #[zh("通行密钥的签名被拒绝：{0}")]
    Passkey(#[from] PasskeyError),
}

/// Why an envelope holds no statement.
#[derive(Debug, thiserror::Error, Say)]
#[code("statement")]
pub enum StatementError {
    /// The envelope is refused.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The envelope holds something else.
    #[error("the envelope holds {0:?}, not an in-toto statement")]
    #[zh("信封内容是 {0:?}，不是 in-toto 声明")]
    PayloadType(String),
    /// Not the JSON of a statement, or not of this predicate.
    #[error("this is not an in-toto statement of the expected kind: {0}")]
    #[zh("这不是预期类型的 in-toto 声明：{0}")]
    Json(serde_json::Error),
    /// A claim that cannot be written.
    #[error(transparent)]
    NoCanonicalForm(#[from] canonical::NoCanonicalForm),
    /// Nothing to make a claim about, or no kind of claim.
    #[error("the statement names no subject or no predicate type")]
    #[zh("声明没有主体或谓词类型")]
    Empty,
}
