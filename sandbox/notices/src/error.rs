//! What is wrong with a configuration, and why a notice did not arrive.

use std::io;
use std::path::PathBuf;

use unseen_keys::KeyStoreError;
use unseen_texts::{Say, Sentence};

/// Why notices cannot be configured so.
#[derive(Debug, thiserror::Error, Say)]
#[code("notices")]
pub enum ConfigError {
    /// A file is not there, or cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    #[zh("无法读取 `{path}`：{source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No TOML, or other keys than there are.
    #[error("`{path}`, line {line}: {why}")]
    #[zh("`{path}` 第 {line} 行：{why}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        why: Sentence,
    },
    /// A webhook or a console of another form.
    #[error(
        "`{0}` is no address for notices: write https://HOST/PATH without a name, a password or a blank; http:// is for \
         this machine alone"
    )]
    #[zh("`{0}` 不能用作通知地址：请写 https://主机/路径，不含用户名、口令和空格；http:// 只用于本机")]
    Url(String),
    /// A mail address of another form.
    #[error("`{0}` is no mail address: write NAME@HOST in plain letters, digits and signs")]
    #[zh("`{0}` 不是邮件地址：请写“名称@主机”，只用英文字母、数字和符号")]
    Address(String),
    /// A secret that others can read, or none.
    #[error(transparent)]
    Secret(#[from] KeyStoreError),
    /// A secret that does not sign.
    #[error("`{0}` holds no webhook secret: write `whsec_` and then 24 to 64 random bytes in base64 into it")]
    #[zh("`{0}` 中没有 webhook 密钥：请写入 `whsec_` 及其后的 base64，内容为 24 到 64 个随机字节")]
    NoSecret(PathBuf),
    /// A password of several lines, or none.
    #[error("`{0}` holds no password: write it on one line, alone")]
    #[zh("`{0}` 中没有口令：请只写一行口令")]
    NoPassword(PathBuf),
    /// Mail without a server.
    #[error("people have mail addresses, and there is no [smtp] to send mail by: add it")]
    #[zh("人员配有邮件地址，但缺少用来发送的 [smtp]：请添加")]
    NoSmtp,
    /// A name that is no host's.
    #[error("`{0}` is no host: write a name or an address, without a port")]
    #[zh("`{0}` 不是主机：请写主机名或地址，不带端口")]
    Host(String),
    /// Half a log-in.
    #[error("[smtp] has `username` or `password_file` and not the other: write both, or neither")]
    #[zh("[smtp] 中 `username` 与 `password_file` 只写了一个：请都写或都不写")]
    HalfALogin,
    /// A password that everyone on the way would read.
    #[error("[smtp] would send its password to `{0}` in the clear: write tls = \"starttls\" or tls = \"tls\"")]
    #[zh("[smtp] 会把口令明文发往 `{0}`：请写 tls = \"starttls\" 或 tls = \"tls\"")]
    InTheClear(String),
    /// Certificates that cannot be used.
    #[error("no certificate to trust can be read from {from}: {why}")]
    #[zh("无法从{from}读取受信任的证书：{why}")]
    Certificates {
        /// A file, or this machine's own.
        from: Sentence,
        /// Why.
        why: String,
    },
    /// No thread can be started.
    #[error("notices cannot be sent from a thread of their own: {0}")]
    #[zh("无法启动发送通知的线程：{0}")]
    Thread(io::Error),
}

/// Why a notice has not arrived.
#[derive(Debug, thiserror::Error, Say)]
#[code("notice")]
pub enum Failure {
    /// Nothing to talk to.
    #[error("{host} cannot be reached: {source}")]
    #[zh("无法连接 {host}：{source}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// An answer that says no.
    #[error("{host} answered with status {status}")]
    #[zh("{host} 的应答状态为 {status}")]
    Status {
        /// The host.
        host: String,
        /// The status of HTTP.
        status: u16,
    },
    /// A reply that says no.
    #[error("{host} replied {code} to {command}: {text}")]
    #[zh("{host} 对 {command} 的答复为 {code}：{text}")]
    Reply {
        /// The host.
        host: String,
        /// What was asked: the first word of a command of SMTP.
        command: &'static str,
        /// The code of SMTP; 0 for what is no reply.
        code: u16,
        /// The server's words.
        text: String,
    },
    /// A server that does not do what the configuration asks for.
    #[error("{host} does not offer {what}: see `tls` and `username` in [smtp]")]
    #[zh("{host} 不支持 {what}：请检查 [smtp] 中的 `tls` 与 `username`")]
    NotOffered {
        /// The host.
        host: String,
        /// STARTTLS, AUTH PLAIN.
        what: &'static str,
    },
    /// Anything else of a library's.
    #[error("{host}: {why}")]
    #[zh("{host}：{why}")]
    Other {
        /// The host.
        host: String,
        /// In the library's words.
        why: String,
    },
}

impl Failure {
    /// Whether the same message would fail for ever: the receiver has read it and does not want it.
    pub fn is_final(&self) -> bool {
        match self {
            Failure::Status { status, .. } => matches!(status, 400 | 410 | 413 | 415 | 422),
            Failure::Reply { command, code, .. } => matches!(*command, "RCPT" | "DATA") && (500..600).contains(code),
            _ => false,
        }
    }
}
