//! What to type next: commands that help against an error, by its code. Libraries know of no commands.

use unseen_texts::{Text, text};

/// The advice for people who type, if there is any.
pub fn advice(code: &str) -> Option<Text> {
    Some(match code {
        "lab.no-lab" => text!("`unseen lab init` makes a lab", "用 `unseen lab init` 创建实验室"),
        "lab.not-a-handover" => {
            text!("`unseen lab rotate-key` changes the log's key", "用 `unseen lab rotate-key` 更换日志密钥")
        }
        "lab.other-sm2-key" => {
            text!("`unseen lab enable-sm2` writes it into the policy", "用 `unseen lab enable-sm2` 写入规则")
        }
        "lab.evidence" => text!("`unseen job run` goes on with the run", "用 `unseen job run` 继续该次运行"),
        "lab.unwitnessed" => text!("`unseen job release` asks them again", "用 `unseen job release` 重新询问"),
        "lab.nothing-to-compare" | "lab.too-few-to-compare" => text!(
            "give the newest checkpoint there is with --since, or say --unchecked and answer for it",
            "用 --since 给出现有最新的检查点，或用 --unchecked 并自行承担后果"
        ),
        "lab.no-column" | "ledger.other-snapshot" => {
            text!(
                "`unseen dataset show NAME` shows a dataset's columns",
                "用 `unseen dataset show NAME` 查看数据集的列"
            )
        }
        "ledger.no-such-dataset" => {
            text!("`unseen dataset list` lists the datasets", "用 `unseen dataset list` 列出数据集")
        }
        "ledger.no-such-person" => text!("`unseen person list` lists everyone", "用 `unseen person list` 列出人员"),
        "ledger.no-such-job" | "ledger.wrong-state" => {
            text!("`unseen job list` lists the jobs", "用 `unseen job list` 列出作业")
        }
        "ledger.key-taken" | "lab.not-a-key" | "key-store.not-a-key" => {
            text!("`unseen key new` makes a key", "用 `unseen key new` 生成密钥")
        }
        "ledger.too-long" => text!("`unseen job try` proposes a limit", "`unseen job try` 会给出建议值"),
        "entry.proof" => text!("`unseen person request` makes a request", "用 `unseen person request` 生成申请"),
        "sign.not-to-sign" => text!("--to-sign writes the file", "用 --to-sign 写出该文件"),
        "fault.lab" => text!("`unseen doctor` looks at this machine", "用 `unseen doctor` 检查本机"),
        "usecase.no-twin" => text!("`unseen twin` makes one", "用 `unseen twin` 生成"),
        "module.not-wasm" | "module.core-module" => {
            text!("`unseen job build` makes a component", "用 `unseen job build` 生成组件")
        }
        "build.no-project" => text!("`unseen job new` writes one", "用 `unseen job new` 生成"),
        other => return unseen_auditor::advice(other),
    })
}
