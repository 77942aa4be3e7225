//! An audit that ended without a report, in words for people who are no engineers: what was found, what it means,
//! and what to do.

use unseen_audit::error::Verdict;
use unseen_texts::{Text, text};

/// What there is to say of a verdict.
pub struct Explained {
    /// Its name.
    pub name: Text,
    /// What it means.
    pub means: Text,
    /// What to do, step by step.
    pub to_do: Vec<Text>,
}

/// A verdict explained.
pub fn explained(verdict: Verdict) -> Explained {
    let (name, means, then) = match verdict {
        Verdict::Fork => fork(),
        Verdict::Rollback => rollback(),
        Verdict::Unwitnessed => unwitnessed(),
        Verdict::OtherLog => other_log(),
        Verdict::NotSigned => not_signed(),
        Verdict::Damaged => damaged(),
        Verdict::NoMemory => no_memory(),
    };
    let keep = text!(
        "First of all, keep everything as it is now, on a medium of your own, and date it: the bundle, both checkpoints below, this page.",
        "首先，把现有的一切原样保存到您自己的介质上，并注明日期：导出包、下列两个检查点、本页。"
    );
    let not_again = text!("Do not run the audit again with --forget.", "请勿加 --forget 重新审计。");
    Explained { name, means, to_do: [keep].into_iter().chain(then).chain([not_again]).collect() }
}

type Parts = (Text, Text, Vec<Text>);

fn fork() -> Parts {
    (
        text!("FORK: two histories of one log", "日志分叉：同一日志有两段历史"),
        text!(
            "The log in this bundle contradicts one that was signed before. Whoever holds the log's key has signed two histories, of which at most one can be true. The two checkpoints below are proof of it that anybody can check.",
            "此导出包中的日志与先前签过名的日志相矛盾：持有日志密钥者签署了两段历史，其中至多有一段是真的。下列两个检查点就是任何人都能核验的证据。"
        ),
        vec![
            text!(
                "Show both checkpoints to the lab's owner, to the other auditors and to the witnesses of the log.",
                "把两个检查点出示给实验室的所有者、其他审计员和日志的见证方。"
            ),
            text!("Until it is explained, nothing in this log counts.", "在得到解释之前，此日志中的任何内容都不作数。"),
        ],
    )
}

fn rollback() -> Parts {
    (
        text!("ROLLBACK: the log is shorter than it was", "日志回退：日志比以前短"),
        text!(
            "You have seen more of this log than it holds now: an older copy stands where a newer one was. What is missing is also missing from the budget, so that it could be spent a second time.",
            "您先前所见的日志比现在的长：较旧的副本取代了较新的。缺失的条目所花的预算也随之不见，可能被再花一次。"
        ),
        vec![
            text!("Ask the lab for the newer copy, and audit that.", "向实验室索取较新的副本，并审计该副本。"),
            text!(
                "Give the lab your checkpoint: it can restore its log from a backup that goes on from it. If there is none, what is missing is lost for good, and your checkpoint proves that it was there.",
                "把您的检查点交给实验室：可以用延续此检查点的备份恢复日志。若没有这样的备份，缺失的内容就永远丢失了，而您的检查点能证明它曾经存在。"
            ),
            text!("Tell the other auditors and the witnesses of the log.", "告知其他审计员和日志的见证方。"),
        ],
    )
}

fn unwitnessed() -> Parts {
    (
        text!("UNWITNESSED: too few witnesses have seen it", "未经见证：见证方不足"),
        text!(
            "Fewer of the witnesses you trust have cosigned this checkpoint than you ask for. The checkpoint may be younger than their last visit, one of them may have been down, or the lab avoids them: then others may be shown another history than you.",
            "在您所信任的见证方中，联署此检查点的少于您的要求。可能检查点比最近一次联署更新，可能某个见证方当时停机，也可能实验室在回避见证方：若是后者，别人看到的历史可能与您的不同。"
        ),
        vec![
            text!(
                "Ask the lab to have the log cosigned (unseen log witness), and for a new export.",
                "请实验室取得联署（unseen log witness），并重新导出。"
            ),
            text!(
                "Ask the witnesses what they have of this log. If one of them refuses it, ask both sides why.",
                "询问见证方掌握此日志的哪些内容。若有见证方拒绝联署，请向双方询问原因。"
            ),
        ],
    )
}

fn other_log() -> Parts {
    (
        text!("ANOTHER LOG than the one you know", "并非您所知的那个日志"),
        text!(
            "The log is not signed by the key you know, and nothing shows that this key was handed over to the present one. It may be another log, a lab that began anew under an old name, or a copy without the checkpoints of its changes of key (handover/).",
            "此日志不是由您所知的密钥签名，也没有什么能表明该密钥已交接给现在的密钥。它可能是另一个日志，可能是实验室以旧名称重新开始，也可能是副本中缺少更换密钥时的检查点（handover/）。"
        ),
        vec![
            text!("Ask the lab for a whole bundle.", "向实验室索取完整的导出包。"),
            text!(
                "Ask the lab's owner for the new key by another way than the bundle, and why the log began anew: a new log does not know what was spent in the old one.",
                "通过导出包以外的渠道向实验室的所有者索取新公钥，并询问为何重新开始：新日志不知道旧日志中花掉的预算。"
            ),
        ],
    )
}

fn not_signed() -> Parts {
    (
        text!("NOT SIGNED by the key that is named", "并非由所指密钥签名"),
        text!(
            "A checkpoint bears no true signature of the log's key. It was altered on the way or by the lab, it belongs to another log, or the wrong file or key was given to this audit.",
            "某个检查点上没有日志密钥的真实签名：它可能在途中或由实验室改动过，可能属于另一个日志，也可能是本次审计给错了文件或密钥。"
        ),
        vec![
            text!(
                "See whether it is the right bundle, the right key and the right checkpoint; get the bundle again.",
                "核对导出包、公钥和检查点是否给对了；重新取得导出包。"
            ),
            text!(
                "If it stays so, show both checkpoints to the lab's owner, and tell the other auditors.",
                "若仍然如此，请把两个检查点出示给实验室的所有者，并告知其他审计员。"
            ),
        ],
    )
}

fn damaged() -> Parts {
    (
        text!("DAMAGED: the copy is incomplete or altered", "已损坏：副本不完整或被改动"),
        text!(
            "A file of the bundle is missing, cannot be read, or is not what the log's checkpoint stands for. Of such a copy nothing can be said, good or bad.",
            "导出包中有文件缺失、无法读取，或与日志检查点所代表的内容不符。对这样的副本无法下任何结论。"
        ),
        vec![
            text!(
                "Get the bundle again, by another way if you can, and audit that.",
                "重新取得导出包（尽可能换一条渠道），并审计该副本。"
            ),
            text!(
                "If it is damaged again, take it as altered: tell the lab's owner and the other auditors.",
                "若再次损坏，应视为被改动：请告知实验室的所有者和其他审计员。"
            ),
        ],
    )
}

fn no_memory() -> Parts {
    (
        text!("NOT FINISHED: what is remembered cannot be used", "审计未完成：记住的内容无法使用"),
        text!(
            "The folder on this machine in which the last checkpoint of each log is kept cannot be read or written, so whether the log goes on from what was seen before is not known.",
            "本机上用来记住每个日志最近检查点的文件夹无法读写，因此不知道此日志是否延续了先前所见的内容。"
        ),
        vec![text!(
            "Make that folder usable, or restore it from a backup, and audit again.",
            "请使该文件夹可用，或从备份恢复，然后重新审计。"
        )],
    )
}
