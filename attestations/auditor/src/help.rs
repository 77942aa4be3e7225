//! The help of these commands in Chinese. Their English stands beside the arguments.

use unseen_terminal::help::{Lines, Page};

/// Of `unseen-audit`.
pub const PAGES: &[Page] = &[
    ("", OWN),
    ("verify", VERIFY),
    ("proof", PROOF),
    ("receipt", RECEIPT),
    ("witness", WITNESS),
    ("evidence", EVIDENCE),
];

/// Of that program itself.
const OWN: Lines = &[
    ("", "从外部验证实验室导出的日志"),
    ("//long", "既不信任实验室的运行管理员，也不信任他们的程序：从第一条起逐条核查签名、日志树、决定、预算和发布。"),
    ("/json", "输出 JSON 而不是文字"),
    ("/lang", "文字的语言；默认跟随 LANG"),
    ("new-key", "生成新的 Ed25519 密钥（PKCS#8 PEM，仅本人可读）"),
    ("new-key/file", "写到哪里；绝不覆盖已有文件"),
];

/// Of verifying a bundle.
pub const VERIFY: Lines = &[
    ("", "离线验证导出包：签名、日志树、生命周期、审批、预算、发布"),
    ("/bundle", "导出的文件夹"),
    ("/log_key", "从别处得知的日志验证公钥；省略则使用导出包内的公钥"),
    ("/since", "之前保存的检查点：导出包必须是它的延续"),
    ("/witness", "您所信任的见证方的验证公钥；可重复给出"),
    ("/quorum", "其中至少几个见证方必须已联署；省略则须全部联署"),
    ("/memory", "记住每个日志最近所见检查点的位置（默认：XDG_STATE_HOME 或 ~/.local/state 中）"),
    ("/forget", "不记住任何内容，也不与记住的内容比对"),
    ("/html", "同时把结果（无论好坏）写成一页 HTML；已有的文件绝不覆盖"),
];

/// Of checking a proof of one entry.
pub const PROOF: Lines = &[
    ("", "核验某个条目在日志中的证明（C2SP tlog-proof）"),
    ("/file", "证明文件，即 `unseen log prove` 所写"),
    ("/log_key", "从别处得知的日志验证公钥"),
    ("/entry", "要证明的条目：`unseen --json log show --entry N` 的输出，或日志中的原始内容；省略则用证明所附带的条目"),
];

/// Of checking a receipt of a release.
pub const RECEIPT: Lines = &[
    ("", "核验发布凭证：一个文件即含一次发布结果，以及日志载有这些数字的证明"),
    ("/file", "凭证文件"),
    ("/log_key", "从别处得知的日志验证公钥；省略则使用凭证内的公钥"),
    ("/witness", "您所信任的见证方的验证公钥；可重复给出"),
    ("/quorum", "其中至少几个见证方必须已联署；省略则须全部联署"),
];

/// Of being a witness.
pub const WITNESS: Lines = &[
    ("", "担任见证方：联署日志的检查点，使日志无法向不同的人出示不同的历史"),
    ("init", "在新文件夹中新建见证方；未给出密钥则生成新密钥"),
    ("init/dir", "新的或空的文件夹"),
    ("init/name", "见证方名称，例如 witness.audit.example/w1"),
    ("init/key", "见证方的私钥：文件，或令牌中的密钥（pkcs11:...）"),
    ("add-log", "跟踪一个日志：其验证公钥须经可信途径从实验室取得；日志换新密钥时再执行一次"),
    ("add-log/dir", "见证方所在的文件夹"),
    ("add-log/vkey", "日志验证公钥"),
    ("serve", "通过 HTTP 应答各日志，直到进程被要求结束"),
    ("serve/dir", "见证方所在的文件夹"),
    ("serve/listen", "监听地址；可在前面用代理加上 TLS"),
    ("serve/key", "见证方的私钥（如不在其文件夹中）"),
    ("show", "查看见证方联署过的内容，以及不利于日志的证据"),
    ("show/dir", "见证方所在的文件夹"),
];

/// Of evidence of the machine.
pub const EVIDENCE: Lines = &[
    ("", "作业运行所在机器的证据"),
    ("key", "输出规则中用来指明 TPM 证明密钥的摘要"),
    ("key/pem", "PEM 格式的公钥，即 `tpm2_readpublic -f pem` 所写"),
    ("collect", "向本机 TPM 索取与一次性值绑定的证据"),
    ("collect/nonce", "64 位十六进制数字：开始运行的声明的 SHA-256"),
    ("collect/attestation_key", "证明密钥，按 tpm2-tools 的写法，例如 0x81010002"),
    ("collect/pcrs", "要引证的 PCR；可重复给出"),
    ("collect/out", "证据文档写到哪里"),
    ("verify", "验证证据文档，并说明它证明了什么"),
    ("verify/file", "证据文档"),
    ("verify/nonce", "64 位十六进制数字：证据必须绑定的值"),
    ("verify/key", "谁的证据有效：TPM 证明密钥的摘要，或 milan、genoa、turin"),
    ("verify/pcrs", "PCR 及其应有的值；可重复给出"),
];
