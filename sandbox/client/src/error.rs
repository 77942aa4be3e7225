//! Why a lab somewhere else did nothing.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;
use unseen_api::problem::Problem;
use unseen_entries::sign::SignError;
use unseen_texts::{Lang, Message, Say, Sentence};
use unseen_usecases::UseCaseError;

/// Why a lab somewhere else did nothing.
#[derive(Debug, thiserror::Error, Say)]
#[code("client")]
#[allow(missing_docs)]
pub enum ClientError {
    #[error("{0}")]
    Told(Box<Told>),
    #[error("{host} cannot be reached: {why}")]
    #[zh("无法连接 {host}：{why}")]
    Unreachable { host: String, why: Sentence },
    #[error("{host} took too long: look with `job show` or `log show` whether it did what was asked, then try again")]
    #[zh("{host} 响应超时：请先用 `job show` 或 `log show` 查看是否已执行，再重试")]
    Late { host: String },
    #[error("the connection to {host} broke: look with `log show` whether it did what was asked, then try again")]
    #[zh("与 {host} 的连接中断：请先用 `log show` 查看是否已执行，再重试")]
    Broken { host: String },
    #[error(
        "{url} is not the address of a lab: it begins with https:// (or http:// on this machine) and ends with a host and port"
    )]
    #[zh("{url} 不是实验室地址：应以 https:// 开头（本机可用 http://），后面只有主机和端口")]
    Address { url: String },
    #[error("{host} answered with something that is not a lab's answer ({status}): is this the address of a lab?")]
    #[zh("{host} 的答复（{status}）不是实验室的答复：这是实验室的地址吗？")]
    Strange { host: String, status: u16 },
    #[error("{}: this holds no {what} in PEM", path.display())]
    #[zh("{path}：其中没有 PEM 格式的{what}")]
    Pem { path: PathBuf, what: unseen_texts::Text },
    #[error("{}: {source}", path.display())]
    #[zh("{path}：{source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Age(#[from] unseen_age::AgeError),
    #[error("the system gave no randomness")]
    #[zh("系统未提供随机数")]
    NoRandomness,
    #[error("the request cannot be written: {0}")]
    #[zh("请求无法写出：{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Sign(#[from] SignError),
    #[error("{0}")]
    Key(#[from] unseen_tlog::KeyError),
    #[error("{0}")]
    Draft(Box<UseCaseError>),
}

impl From<UseCaseError> for ClientError {
    fn from(error: UseCaseError) -> ClientError {
        ClientError::Draft(Box::new(error))
    }
}

/// What the lab said: a problem, as a message like any other.
#[derive(Debug)]
pub struct Told(pub Problem);

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0.title)
    }
}

impl std::error::Error for Told {}

impl Say for Told {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match lang {
            Lang::En => &self.0.title,
            Lang::Zh => &self.0.detail,
        })
    }

    fn value(&self) -> Value {
        unseen_texts::to_value(self)
    }
}

impl Message for Told {
    fn code(&self) -> &str {
        &self.0.code
    }

    fn data(&self) -> Value {
        self.0.data.clone()
    }
}
