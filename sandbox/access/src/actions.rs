//! What can be done on a lab's service.

use unseen_texts::Say;

/// Declares the actions: in rules as `Action::"showLab"`, for people as a title in each language.
macro_rules! actions {
    ($($variant:ident = $name:literal / $en:literal / $zh:literal),+ $(,)?) => {
        /// Something that can be done. Its text is its title; the schema says on what it can be done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Say)]
        pub enum Action { $(
            #[doc = $en]
            #[en($en)]
            #[zh($zh)]
            $variant
        ),+ }

        impl Action {
            /// Every action.
            pub const ALL: &[Action] = &[$(Action::$variant),+];

            /// Its name in rules and in answers of the service.
            pub fn name(self) -> &'static str {
                match self { $(Action::$variant => $name),+ }
            }
        }
    };
}

actions! {
    ShowLab = "showLab" / "see the lab" / "查看实验室",
    ListDatasets = "listDatasets" / "list datasets" / "列出数据集",
    ShowDataset = "showDataset" / "see a dataset" / "查看数据集",
    MakeTwin = "makeTwin" / "make a synthetic twin" / "生成孪生数据",
    ShowQuality = "showQuality" / "see the quality of a dataset" / "查看数据集质量",
    ListJobs = "listJobs" / "list jobs" / "列出作业",
    ShowJob = "showJob" / "see a job" / "查看作业",
    ShowManifest = "showManifest" / "see a job's manifest" / "查看作业清单",
    ShowApprovals = "showApprovals" / "see who approved a job" / "查看作业审批人",
    FetchModule = "fetchModule" / "fetch a job's module" / "下载作业模块",
    ReadRelease = "readRelease" / "read a release" / "阅读发布结果",
    ShowBudget = "showBudget" / "see budgets" / "查看预算",
    ListPeople = "listPeople" / "list people" / "列出人员",
    ShowPolicy = "showPolicy" / "see the policy" / "查看实验室规则",
    ReadLog = "readLog" / "read the log" / "阅读日志",
    ExportLog = "exportLog" / "take a copy of the log with all that it names" / "取走日志及其所指的全部内容",
    ShowWitnesses = "showWitnesses" / "see the witnesses" / "查看见证方",
    ShowDoctor = "showDoctor" / "see the state of the machine" / "查看机器状态",
    ReadAccessLog = "readAccessLog" / "read who looked at what" / "查阅访问日志",
    WatchEvents = "watchEvents" / "watch what happens" / "接收动态",
    CheckJob = "checkJob" / "check a job" / "检查作业",
    SubmitJob = "submitJob" / "submit a job" / "提交作业",
    WithdrawJob = "withdrawJob" / "withdraw a job" / "撤回作业",
    ApproveJob = "approveJob" / "approve a job" / "批准作业",
    RejectJob = "rejectJob" / "reject a job" / "驳回作业",
    PrioritizeJob = "prioritizeJob" / "change a job's priority" / "调整作业优先级",
    ReplayJob = "replayJob" / "replay a run" / "重放运行",
    RegisterDataset = "registerDataset" / "register a dataset" / "登记数据集",
    DescribeDataset = "describeDataset" / "change a dataset's description" / "修改数据集描述",
    CloseDataset = "closeDataset" / "close a dataset" / "关闭数据集",
    DeleteDataset = "deleteDataset" / "delete a dataset" / "删除数据集",
    UploadData = "uploadData" / "upload data" / "上传数据",
    EnrolPerson = "enrolPerson" / "enrol a person" / "登记人员",
    RevokePerson = "revokePerson" / "revoke a person's key" / "吊销人员密钥",
    SetPolicy = "setPolicy" / "set the policy" / "设定实验室规则",
    ChangeLogKey = "changeLogKey" / "change the log's key" / "更换日志密钥",
    AskWitnesses = "askWitnesses" / "ask the witnesses" / "请见证方联署",
}
