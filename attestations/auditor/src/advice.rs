//! What an auditor does next, by the code of an error: said after it, to people.

use unseen_texts::{Text, text};

/// The advice for auditors, if there is any.
pub fn advice(code: &str) -> Option<Text> {
    Some(match code {
        "log.fork" | "log.rollback" | "audit.quorum" | "audit.other-key" => text!(
            "keep the bundle and both checkpoints as they are; with --html FILE, a page says what this means and what to do",
            "请原样保存导出包和两个检查点；加 --html FILE 可得到一页说明：这意味着什么、该怎么做"
        ),
        "log.checkpoint" | "log.no-log" | "log.blob" | "tree.damaged" | "tree.read" | "tree.root" | "audit.file" => {
            text!(
                "get the bundle again; damaged twice, it counts as altered",
                "请重新取得导出包；两次都损坏，即视为被改动"
            )
        }
        "audit.memory" => text!(
            "name a folder that can be written with --memory, or remember nothing with --forget",
            "请用 --memory 指明可写的文件夹，或用 --forget 不作记忆"
        ),
        "proof-check.no-entry" => text!("give the entry's file with --entry", "用 --entry 给出该条目的文件"),
        _ => return None,
    })
}
