//! Why a key or a file is refused.

use std::io;

use unseen_texts::{Say, Sentence};

/// Why a key or a file is refused.
#[derive(Debug, thiserror::Error, Say)]
#[code("age")]
pub enum AgeError {
    /// Not the secret key of an X25519 identity.
    #[error("this is not an age secret key: one line that begins with AGE-SECRET-KEY-1, as age-keygen writes it")]
    #[zh("这不是 age 私钥：应为 age-keygen 生成的、以 AGE-SECRET-KEY-1 开头的一行")]
    Identity,
    /// Not an X25519 recipient.
    #[error("this is not an age recipient of the X25519 kind: 62 characters that begin with age1")]
    #[zh("这不是 X25519 类型的 age 接收方公钥：应为以 age1 开头的 62 个字符")]
    Recipient,
    /// A file that nobody could read.
    #[error("the file would be encrypted to nobody: name a recipient")]
    #[zh("没有指定接收方，加密后的文件将无人能读：请指定接收方公钥")]
    Nobody,
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers, so nothing was encrypted and no key was made")]
    #[zh("操作系统未提供随机数，因此没有加密，也没有生成密钥")]
    Random,
    /// Neither a header nor ASCII armor at the beginning.
    #[error("this is not a file encrypted with age: encrypt it with `age -r` and the lab's recipient")]
    #[zh("这不是用 age 加密的文件：请用 `age -r` 加本实验室的接收方公钥进行加密")]
    NotAge,
    /// Of a later version.
    #[error(
        "the file does not begin with age-encryption.org/v1 and a line feed: it is of another version of age's format, or was altered"
    )]
    #[zh("文件开头不是 age-encryption.org/v1 和换行符：可能采用了 age 格式的其他版本，或已被改动")]
    Version,
    /// In ASCII armor, where places in the file matter.
    #[error("the file is in ASCII armor: encrypt it without `-a`")]
    #[zh("文件采用了 ASCII 封装：请去掉 `-a` 重新加密")]
    Armored,
    /// ASCII armor that is not strict PEM.
    #[error("line {line} of the ASCII armor is not as `age -a` writes it: the file was altered, send it again")]
    #[zh("ASCII 封装的第 {line} 行与 `age -a` 的写法不符：文件已被改动，请重新发送")]
    Armor {
        /// From 1, where the armor begins.
        line: u64,
    },
    /// A header that the format does not allow.
    #[error("line {line} of the file's header is not as age writes it: the file was altered, send it again")]
    #[zh("文件头第 {line} 行与 age 的写法不符：文件已被改动，请重新发送")]
    Header {
        /// From 1.
        line: usize,
    },
    /// A header beyond all use.
    #[error("the file's header has more than {bytes} bytes or {recipients} recipients: encrypt it to the lab alone")]
    #[zh("文件头超过 {bytes} 字节或 {recipients} 个接收方：请只对本实验室加密")]
    TooLong {
        /// How long one may be.
        bytes: usize,
        /// How many it may name.
        recipients: usize,
    },
    /// Encrypted with a passphrase, which a lab does not have.
    #[error(
        "the file is encrypted with a passphrase: encrypt it with `age -r` and the lab's recipient instead of `age -p`"
    )]
    #[zh("文件是用口令加密的：请改用 `age -r` 加本实验室的接收方公钥，不要用 `age -p`")]
    Passphrase,
    /// A key share of low order: the secret agreed on would be zero whatever the other key.
    #[error("the file or the recipient holds a key share of low order, which keeps nothing secret: make it anew")]
    #[zh("文件或接收方公钥含有低阶点，起不到保密作用：请重新生成")]
    LowOrder,
    /// Encrypted to others.
    #[error("the file is not encrypted to this key: encrypt it with `age -r` and the lab's recipient")]
    #[zh("文件不是对此密钥加密的：请用 `age -r` 加本实验室的接收方公钥进行加密")]
    NoMatch,
    /// The header's code does not fit.
    #[error("the file's header was altered after it was written: send the file again")]
    #[zh("文件头在写成之后被改动：请重新发送文件")]
    Altered,
    /// The end comes too early.
    #[error("the file was cut off: send it whole")]
    #[zh("文件不完整，末尾被截断：请完整发送")]
    Cut,
    /// A chunk that does not verify.
    #[error("the file was altered or cut off somewhere after byte {at} of its content: send it again")]
    #[zh("文件在内容第 {at} 字节之后被改动或截断：请重新发送")]
    Chunk {
        /// How much before it is good.
        at: u64,
    },
    /// What the file is read from failed.
    #[error("the file cannot be read: {0}")]
    #[zh("无法读取文件：{0}")]
    Read(io::Error),
    /// What the file is written to failed.
    #[error("the file cannot be written: {0}")]
    #[zh("无法写入文件：{0}")]
    Write(io::Error),
}

/// As [`std::io::Read`] reports it: a fault of reading as it came, any other as a [`Sentence`] of the kind
/// [`io::ErrorKind::InvalidData`].
impl From<AgeError> for io::Error {
    fn from(why: AgeError) -> io::Error {
        match why {
            AgeError::Read(why) | AgeError::Write(why) => why,
            other => io::Error::new(io::ErrorKind::InvalidData, Sentence::of(&other)),
        }
    }
}
