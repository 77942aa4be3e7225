//! What a listener tells its operator: fixed sentences, and nothing of who asked or for what.

use std::{
    array,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use unseen_texts::{Say, Sentence, say};

use crate::files::FileError;

/// What a listener tells its operator.
#[derive(Debug)]
pub enum Event {
    /// Connections are taken here.
    Open(SocketAddr),
    /// Fewer files may be open than connections need; the system's limit (`LimitNOFILE=`) should be raised.
    FewFiles {
        /// How many may be open.
        may: u64,
        /// How many should.
        should: u64,
    },
    /// Certificates, authorities and revocation lists were read again. They count from now on.
    Reloaded,
    /// They were not; those from before go on counting.
    NotReloaded(FileError),
    /// Something was turned away, this often since it was last told.
    Turned(Turned, u64),
    /// The listener has ended.
    Ended,
}

/// What is turned away at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Say)]
pub enum Turned {
    /// All places were taken.
    #[en("a connection waited because all places were taken")]
    #[zh("因连接数已满而等待的连接")]
    Waited,
    /// One address had its share.
    #[en("a connection was closed because its address had its share")]
    #[zh("因同一地址连接过多而关闭的连接")]
    Share,
    /// The system has no descriptor left, or the connection broke at once.
    #[en("a connection could not be accepted")]
    #[zh("未能接受的连接")]
    NotAccepted,
    /// TLS took too long to begin, the head of a request to come, or an answer to be taken.
    #[en("a connection was closed because it was too slow")]
    #[zh("因过慢而关闭的连接")]
    Slow,
    /// No TLS, or none that is spoken here.
    #[en("a connection spoke no TLS that is spoken here")]
    #[zh("未使用本服务所支持的 TLS 的连接")]
    NotTls,
    /// A certificate's time is over.
    #[en("a client certificate has expired")]
    #[zh("已过期的客户端证书")]
    Expired,
    /// A certificate's time has not come.
    #[en("a client certificate is not valid yet")]
    #[zh("尚未生效的客户端证书")]
    Early,
    /// A certificate is on a revocation list.
    #[en("a client certificate was revoked")]
    #[zh("已被吊销的客户端证书")]
    Revoked,
    /// No list says whether it is.
    #[en("a client certificate was refused because no current revocation list covers it: renew the lists")]
    #[zh("因没有现行吊销列表覆盖而被拒绝的客户端证书（请更新吊销列表）")]
    NoList,
    /// An authority that is not trusted here.
    #[en("a client certificate is from an unknown authority")]
    #[zh("由未知机构签发的客户端证书")]
    Unknown,
    /// Any other fault of a certificate.
    #[en("a client certificate cannot be used")]
    #[zh("无法使用的客户端证书")]
    Unusable,
    /// A valid certificate that names no person, or not one: see [`crate::NotAPerson`].
    #[en("a client certificate names no person, or not one")]
    #[zh("未写明人员或写了多人的客户端证书")]
    Nobody,
    /// A certificate lapsed while its connection lasted.
    #[en("a request was refused because its certificate has lapsed")]
    #[zh("因证书已失效而被拒绝的请求")]
    Lapsed,
    /// As many requests as there may be.
    #[en("a request was refused because too many were under way")]
    #[zh("因请求过多而被拒绝的请求")]
    Busy,
    /// A head of too many fields.
    #[en("a request was refused because it had too many header fields")]
    #[zh("因请求头字段过多而被拒绝的请求")]
    Fields,
    /// A request was still under way when its connection's time was over.
    #[en("a connection was cut off with a request under way")]
    #[zh("在处理请求时被切断的连接")]
    Cut,
}

impl Event {
    /// A line for the operator.
    pub fn line(&self) -> Sentence {
        match self {
            Event::Open(address) => say!("connections are taken at {address}", "开始在 {address} 接受连接"),
            Event::FewFiles { may, should } => say!(
                "this process may have {may} files open and should have {should}: raise LimitNOFILE= or `ulimit -n`",
                "本进程最多可打开 {may} 个文件，应为 {should} 个：请调高 LimitNOFILE= 或 `ulimit -n`"
            ),
            Event::Reloaded => say!("certificates and lists were read again", "已重新读取证书和吊销列表"),
            Event::NotReloaded(why) => say!(
                "FAILED to read certificates and lists again, those from before are kept: {why}",
                "重新读取证书和吊销列表失败，继续使用原有的：{why}"
            ),
            Event::Turned(what, times) => say!("{what} (times: {times})", "{what}（{times} 次）"),
            Event::Ended => say!("no connections are taken any more", "已停止接受连接"),
        }
    }
}

/// All of them.
const TURNED: [Turned; 16] = [
    Turned::Waited,
    Turned::Share,
    Turned::NotAccepted,
    Turned::Slow,
    Turned::NotTls,
    Turned::Expired,
    Turned::Early,
    Turned::Revoked,
    Turned::NoList,
    Turned::Unknown,
    Turned::Unusable,
    Turned::Nobody,
    Turned::Lapsed,
    Turned::Busy,
    Turned::Fields,
    Turned::Cut,
];

/// How often each thing was turned away: strangers cannot fill a log that only counts them.
#[derive(Debug)]
pub(crate) struct Tally([AtomicU64; TURNED.len()]);

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally(array::from_fn(|_| AtomicU64::new(0)))
    }

    pub(crate) fn count(&self, turned: Turned) {
        if let Some(counter) = self.0.get(turned as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Tells what was counted since the last time.
    pub(crate) fn tell(&self, tell: &dyn Fn(Event)) {
        for (turned, counter) in TURNED.iter().zip(&self.0) {
            match counter.swap(0, Relaxed) {
                0 => {}
                times => tell(Event::Turned(*turned, times)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_as_itself() {
        for turned in TURNED {
            let tally = Tally::new();
            tally.count(turned);
            let told = std::cell::RefCell::new(Vec::new());
            let tell = |event: Event| told.borrow_mut().push(event.line().to_string());
            tally.tell(&tell);
            tally.tell(&tell);
            assert_eq!(*told.borrow(), [Event::Turned(turned, 1).line().to_string()]);
        }
    }
}
