//! Why a run cannot be spread, or a node does not do what it is asked.

use std::path::PathBuf;

use unseen_texts::{Say, Sentence};

/// Of the lab's side, and of what both have.
#[derive(Debug, thiserror::Error, Say)]
#[code("cluster")]
pub enum ClusterError {
    /// Nobody could compute anything.
    #[error(
        "no node is enrolled that this run could go to: `unseen node init` on a machine, then `unseen node enroll`"
    )]
    #[zh("没有已登记的节点可供运行：先在机器上执行 `unseen node init`，再执行 `unseen node enroll`")]
    NoNode,
    /// The courier's program cannot be started.
    #[error("the courier `{program}` cannot be started: {why}; see [cluster] in lab.toml")]
    #[zh("无法启动信使程序 `{program}`：{why}；请检查 lab.toml 的 [cluster]")]
    NoCourier {
        /// What was to be started.
        program: String,
        /// What the system said.
        why: std::io::Error,
    },
    /// The courier ended.
    #[error("the courier ended: {0}")]
    #[zh("信使程序已退出：{0}")]
    CourierEnded(Sentence),
    /// The courier did not reach its engine in time.
    #[error("the courier has not reached its engine within {0} seconds")]
    #[zh("信使程序在 {0} 秒内未能连上引擎")]
    CourierSilent(u64),
    /// The courier says what no courier says.
    #[error("the courier prints what is no frame: something else writes to its standard output")]
    #[zh("信使程序输出的不是数据帧：有别的内容写入了它的标准输出")]
    Rubbish,
    /// The store cannot be used.
    #[error("{path} of the store cannot be used: {why}")]
    #[zh("共享存储中的 {path} 无法使用：{why}")]
    Store {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A bucket, in a build that knows none.
    #[error(
        "this build of unseen keeps no store in S3, as {store} is: install one made with `--features s3`, or name a folder"
    )]
    #[zh("本 unseen 程序不支持 {store} 这样的 S3 存储：请安装以 `--features s3` 编译的版本，或改用文件夹")]
    WithoutS3 {
        /// The store.
        store: String,
    },
    /// No bucket has this address.
    #[error("{store} is not the address of a store: write s3://BUCKET or s3://BUCKET/PREFIX")]
    #[zh("{store} 不是存储地址：请写成 s3://存储桶 或 s3://存储桶/前缀")]
    S3Address {
        /// What was written.
        store: String,
    },
    /// The storage does not answer.
    #[error(
        "the storage of {store} is not reached: {why}; see AWS_ENDPOINT, and whether AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set"
    )]
    #[zh(
        "无法连接 {store} 所在的存储：{why}；请检查 AWS_ENDPOINT，以及是否设置了 AWS_ACCESS_KEY_ID 和 AWS_SECRET_ACCESS_KEY"
    )]
    S3Unreached {
        /// The store.
        store: String,
        /// What the client said.
        why: Sentence,
    },
    /// The storage does not know who asks, or does not let them.
    #[error(
        "{store} is closed to this machine's credentials: see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do there"
    )]
    #[zh("{store} 拒绝了本机的凭证：请检查 AWS_ACCESS_KEY_ID 和 AWS_SECRET_ACCESS_KEY，以及它们在该存储上的权限")]
    S3Refused {
        /// The store.
        store: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket for {store}: make it, or see the name and AWS_ENDPOINT")]
    #[zh("{store} 的存储桶不存在：请先创建，或检查名称和 AWS_ENDPOINT")]
    NoBucket {
        /// The store.
        store: String,
    },
    /// The storage says something else.
    #[error("{store} cannot be used: {why}")]
    #[zh("{store} 无法使用：{why}")]
    S3 {
        /// The store.
        store: String,
        /// What was said.
        why: Sentence,
    },
    /// What is read from a bucket has to lie somewhere.
    #[error("what is read from the store cannot be kept in {near} meanwhile: {why}")]
    #[zh("从共享存储读取的内容无法暂存于 {near}：{why}")]
    NoRoom {
        /// The folder.
        near: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// Something is not there, or is something else.
    #[error(
        "the store at {store} has no {name} with the bytes that the log names: is it the one that the lab writes to, and up to date?"
    )]
    #[zh("共享存储 {store} 中没有与日志相符的 {name}：它是实验室写入的那一个吗，是否为最新内容？")]
    NotInStore {
        /// The store.
        store: String,
        /// What was looked for.
        name: String,
    },
    /// A file of an import is not there.
    #[error(
        "the store at {store} has no {name}, or not all of it, which the import needs: is it the one that the lab writes to, and does nobody clear it meanwhile?"
    )]
    #[zh("共享存储 {store} 中没有导入所需的 {name}，或内容不完整：它是实验室写入的那一个吗，导入期间是否有人清理？")]
    LostFromStore {
        /// The store.
        store: String,
        /// What was looked for.
        name: String,
    },
    /// Anything else that goes wrong on the way.
    #[error("{0}")]
    #[zh("{0}")]
    Other(Sentence),
}

impl ClusterError {
    /// Of something with a text of its own.
    pub fn of(error: &impl Say) -> ClusterError {
        ClusterError::Other(Sentence::of(error))
    }
}

/// Why a node does not do a task. It goes back to the lab's operators; it does not depend on rows.
#[derive(Debug, thiserror::Error, Say)]
#[code("node")]
pub enum NodeError {
    /// Its folder is not one of a node.
    #[error("{path} is not the folder of a node: make one with `unseen node init`")]
    #[zh("{path} 不是节点文件夹：请用 `unseen node init` 创建")]
    NotANode {
        /// Which.
        path: PathBuf,
    },
    /// The task is not sealed with the keys of its run.
    #[error("what came is no task of this lab")]
    #[zh("收到的不是本实验室的任务")]
    NoTask,
    /// The orders are not signed by the lab.
    #[error("the orders are not signed by the lab that this node was made for")]
    #[zh("指令不是由本节点所属的实验室签署的")]
    NotTheLab,
    /// The run is not in the log.
    #[error("the lab's log does not show that the run was started: {0}")]
    #[zh("实验室的日志没有显示该次运行已开始：{0}")]
    NotInLog(Sentence),
    /// What is to be run is not what the log names.
    #[error("the orders name another {0} than the log")]
    #[zh("指令中的{0}与日志记载的不同")]
    OtherThan(Sentence),
    /// Keys were sealed to others only.
    #[error("this node was not enrolled when the run started, or was revoked")]
    #[zh("运行开始时本节点尚未登记，或已被吊销")]
    NotEnrolled,
    /// The programs differ.
    #[error("this node runs another build of unseen ({here}) than the lab ({lab}): install the same one")]
    #[zh("本节点的 unseen 程序（{here}）与实验室的（{lab}）不同：请安装同一版本")]
    OtherBuild {
        /// The node's.
        here: String,
        /// The one that the run is on record with.
        lab: String,
    },
    /// The clocks are apart.
    #[error("the clocks of this node and of the lab are {0} minutes apart: set them by one time service")]
    #[zh("本节点与实验室的时钟相差 {0} 分钟：请使用同一时间服务校准")]
    Clock(i64),
    /// The policy asks for evidence of the machine.
    #[error("there is no evidence of this node's machine, which the lab's policy asks for: {0}")]
    #[zh("没有实验室规则所要求的本节点机器证据：{0}")]
    Evidence(Sentence),
    /// Swap is not allowed.
    #[error("memory could be written to swap here, which the lab's policy forbids: {0}")]
    #[zh("本机内存可能被写入交换区，而实验室的规则不允许：{0}")]
    Swap(Sentence),
    /// There is no room.
    #[error("the task needs {needs} MiB of memory, and {has} are free here")]
    #[zh("任务需要 {needs} MiB 内存，本机可用 {has} MiB")]
    Memory {
        /// MiB.
        needs: u64,
        /// MiB.
        has: u64,
    },
    /// The worker failed.
    #[error("{0}")]
    Worker(Sentence),
    /// The store.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file of the node's folder, or its socket.
    #[error("{path} cannot be used: {why}")]
    #[zh("{path} 无法使用：{why}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// Anything else.
    #[error("{0}")]
    #[zh("{0}")]
    Other(Sentence),
}

impl NodeError {
    /// Of something with a text of its own.
    pub fn of(error: &impl Say) -> NodeError {
        NodeError::Other(Sentence::of(error))
    }
}
