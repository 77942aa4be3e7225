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
        "ledger.other-snapshot" | "ledger.other-policy" | "ledger.other-need" => {
            text!(
                "check the job with `unseen job check`, and submit it again",
                "用 `unseen job check` 检查作业后重新提交"
            )
        }
        "ledger.not-enrolled" | "ledger.revoked" | "ledger.wrong-role" | "entry.unknown-key" => {
            text!("ask an operator to enrol a key with the role it takes", "请由运行管理员登记具有所需角色的密钥")
        }
        "upload.too-much" | "upload.none" => {
            text!("`unseen dataset uploads` lists what waits there", "用 `unseen dataset uploads` 列出已上传的文件")
        }
        "ledger.too-few-signers" => text!(
            "write it with --out FILE, have others sign it with `unseen countersign FILE`, then `unseen receive FILE`",
            "用 --out FILE 写出，请他人用 `unseen countersign FILE` 加签，再用 `unseen receive FILE` 提交"
        ),
        "ledger.replayed" => text!("sign a new one", "请重新签名"),
        "ledger.name-taken" => {
            text!("choose another name, or revoke the old key first", "请换一个姓名，或先吊销旧密钥")
        }
        "ledger.needed" => text!("enrol another person with that role first", "请先登记另一位具有该角色的人员"),
        "ledger.dataset-changed" => text!("register it under another name", "请换名称登记"),
        "ledger.other-buckets" => text!(
            "the steward of the smaller one gives it as many with `unseen dataset rebucket`",
            "请分桶较少的数据集的数据管理员用 `unseen dataset rebucket` 改为相同数目"
        ),
        "ledger.not-open" => text!("ask the dataset's steward", "请联系该数据集的数据管理员"),
        "ledger.over-job-cap" => text!("lower the job's budget", "请降低作业的预算"),
        "ledger.release-now" => {
            text!(
                "give the job a release time, such as release = \"+1h\"",
                "请给作业写明发布时间，例如 release = \"+1h\""
            )
        }
        "ledger.approved-twice" | "ledger.too-few-approvals" | "ledger.author" => {
            text!("ask another operator", "请联系另一位运行管理员")
        }
        "ledger.other-submission" => {
            text!("look at the job again: `unseen job show`", "用 `unseen job show` 重新查看作业")
        }
        "ledger.too-few-witnesses" | "ledger.not-witnessed" => {
            text!("try again when the witnesses answer", "请等见证方应答后重试")
        }
        "ledger.too-large" => text!(
            "lower `limits.memory`, or read fewer or narrower columns",
            "请调低 `limits.memory`，或少读几列、读更窄的列"
        ),
        "log.rollback" => text!("keep both, and go on with the newer copy only", "请两者都保存，并只用较新的副本继续"),
        "log.blob" | "tree.damaged" => text!("restore it from a copy", "请从副本恢复"),
        "ledger.no-such-dataset" => {
            text!("`unseen dataset list` lists the datasets", "用 `unseen dataset list` 列出数据集")
        }
        "ledger.no-such-person" => text!("`unseen person list` lists everyone", "用 `unseen person list` 列出人员"),
        "ledger.no-such-node" | "ledger.node-revoked" => {
            text!("`unseen node list` lists all nodes", "用 `unseen node list` 列出计算节点")
        }
        "ledger.node-name-taken" => {
            text!("choose another name, or revoke the old node first", "请换一个名称，或先吊销旧节点")
        }
        "ledger.no-such-job" | "ledger.wrong-state" => {
            text!("`unseen job list` lists the jobs", "用 `unseen job list` 列出作业")
        }
        "ledger.key-taken" | "lab.not-a-key" | "key-store.not-a-key" => {
            text!("`unseen key new` makes a key", "用 `unseen key new` 生成密钥")
        }
        "ledger.too-long" => text!(
            "lower `limits.fuel` or `limits.memory` (`unseen job try` proposes a limit), let the code see blocks of units (`kind = \"blocks\"`), choose a later release, or ask the steward for closer bounds on the datasets",
            "请调低 `limits.fuel` 或 `limits.memory`（`unseen job try` 会给出建议值），或让代码一次看一个分块（`kind = \"blocks\"`），或选择更晚的发布时间，或请数据管理员给数据集定更紧的上限"
        ),
        "entry.proof" => text!(
            "its holder makes a new request: `unseen person request`, on a node `unseen node init`",
            "请由持有人用 `unseen person request`（计算节点用 `unseen node init`）重新生成申请"
        ),
        "sign.not-to-sign" => text!("--out writes the file", "用 --out 写出该文件"),
        "fault.lab" => text!("`unseen doctor` looks at this machine", "用 `unseen doctor` 检查本机"),
        "usecase.no-twin" => text!("`unseen twin` makes one", "用 `unseen twin` 生成"),
        "module.not-wasm" | "module.core-module" => {
            text!("`unseen job build` makes a component", "用 `unseen job build` 生成组件")
        }
        "build.no-project" => text!("`unseen job new` writes one", "用 `unseen job new` 生成"),
        _ if code.starts_with("audit.") || code.starts_with("proof-check.") => return unseen_auditor::advice(code),
        _ => return None,
    })
}
