//! What the system and libraries below us report. English is their own; Chinese says what kind of fault it is,
//! and keeps their words only where there is no kind.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::path::Path;

use serde_json::error::Category;

use crate::{Lang, Message, Say, Sentence, Value, object, say, text};

impl Say for Error {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ours) = self.get_ref().and_then(|inner| inner.downcast_ref::<Sentence>()) {
            return ours.say(lang, out);
        }
        match kind(self.kind()).filter(|_| lang == Lang::Zh) {
            Some(chinese) => out.pad(chinese),
            None => fmt::Display::fmt(self, out),
        }
    }
    fn value(&self) -> Value {
        let number = self.raw_os_error().map_or(Value::Null, Value::from);
        object([("message", self.to_string().into()), ("os", number)])
    }
}

fn kind(kind: ErrorKind) -> Option<&'static str> {
    let chinese = match kind {
        ErrorKind::NotFound => "文件或文件夹不存在",
        ErrorKind::PermissionDenied => "没有权限",
        ErrorKind::StorageFull => "磁盘已满",
        ErrorKind::QuotaExceeded => "超过磁盘配额",
        ErrorKind::ReadOnlyFilesystem => "文件系统是只读的",
        ErrorKind::FileTooLarge => "文件过大",
        ErrorKind::IsADirectory => "这是一个文件夹",
        ErrorKind::NotADirectory => "这不是文件夹",
        ErrorKind::DirectoryNotEmpty => "文件夹不为空",
        ErrorKind::AlreadyExists => "已经存在",
        ErrorKind::CrossesDevices => "不在同一个文件系统上",
        ErrorKind::InvalidInput => "参数无效",
        ErrorKind::InvalidFilename => "文件名无效",
        ErrorKind::InvalidData => "内容格式不对",
        ErrorKind::UnexpectedEof => "内容不完整",
        ErrorKind::WriteZero => "无法继续写入",
        ErrorKind::TimedOut => "超时",
        ErrorKind::Interrupted => "操作被中断",
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => "正被占用",
        ErrorKind::OutOfMemory => "内存不足",
        ErrorKind::BrokenPipe => "对方已关闭连接",
        ErrorKind::ConnectionRefused => "连接被拒绝",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "连接中断",
        ErrorKind::NotConnected => "没有连接",
        ErrorKind::AddrInUse => "地址已被占用",
        ErrorKind::AddrNotAvailable => "地址不可用",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => "网络不通",
        ErrorKind::Unsupported => "系统不支持此操作",
        _ => return None,
    };
    Some(chinese)
}

impl Message for Error {
    fn code(&self) -> &str {
        "system"
    }
    fn data(&self) -> Value {
        self.value()
    }
}

impl Message for serde_json::Error {
    fn code(&self) -> &str {
        "json"
    }
    fn data(&self) -> Value {
        object([("line", self.line().into()), ("column", self.column().into())])
    }
}

impl Say for serde_json::Error {
    fn say(&self, lang: Lang, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if lang == Lang::En {
            return fmt::Display::fmt(self, out);
        }
        let what = match self.classify() {
            Category::Io => text!("cannot be read", "无法读取"),
            Category::Syntax => text!("not JSON", "不是有效的 JSON"),
            Category::Data => text!("other members", "成员不符合约定"),
            Category::Eof => text!("cut short", "JSON 不完整"),
        };
        match (self.line(), self.column()) {
            (0, _) => out.write_str(what.zh),
            (line, column) => write!(out, "{}（第 {line} 行第 {column} 列）", what.zh),
        }
    }
}

/// Why nothing is made where something is.
pub fn exists(path: &Path) -> Sentence {
    say!("{path} exists already and is never overwritten: choose another name", "{path} 已存在，绝不覆盖：请换一个名称")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InLang;

    #[test]
    fn the_systems_faults_have_chinese() {
        let missing = std::fs::read("/no such file").unwrap_err();
        assert_eq!(InLang(&missing, Lang::En).to_string(), "No such file or directory (os error 2)");
        assert_eq!(InLang(&missing, Lang::Zh).to_string(), "文件或文件夹不存在");
        assert_eq!(missing.value()["os"], 2);
        let json = serde_json::from_str::<Value>("{\"a\":").unwrap_err();
        assert_eq!(InLang(&json, Lang::Zh).to_string(), "JSON 不完整（第 1 行第 5 列）");
    }
}
