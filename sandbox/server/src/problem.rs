//! Why a request was not answered: what is told outside, and what only the lab's operators read.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use unseen_access::Because;
use unseen_api::PROBLEM;
use unseen_api::problem::Problem;
use unseen_ids::{Digest, JobId};
use unseen_lab::LabError;
use unseen_packs::PackError;
use unseen_policies::ledger::Refusal;
use unseen_texts::{Lang, Message, Say, Sentence, Text};
use unseen_usecases::UseCaseError;
use unseen_usecases::ask::Unasked;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error, Say)]
#[code("request")]
pub(crate) enum RequestError {
    #[error("the request cannot be read: {0}")]
    #[zh("请求无法读取：{0}")]
    Malformed(String),
    #[error("the request is longer than {most} bytes")]
    #[zh("请求超过 {most} 字节")]
    TooLong { most: usize },
    #[error("the request came too slowly: try again on a faster line")]
    #[zh("请求传送过慢：请换用更快的网络后重试")]
    Slow,
    #[error("the body of this request is JSON: say so in `content-type: application/json`")]
    #[zh("此请求的正文应为 JSON：请在 `content-type: application/json` 中写明")]
    NotJson,
    #[error("there is nothing at this address")]
    #[zh("此地址没有内容")]
    NoSuchPlace,
    #[error("this address does not take {method}")]
    #[zh("此地址不接受 {method}")]
    Method { method: String },
    #[error("say who you are: log in, or show a certificate")]
    #[zh("请表明身份：登录，或出示证书")]
    Unknown,
    #[error("the log-in is not good: it must be signed by an enrolled key, for this service, now, and once")]
    #[zh("登录无效：须由已登记的密钥针对本服务即时签名，且只能使用一次")]
    LogIn,
    #[error("{0}")]
    #[zh("{0}")]
    Office(Text),
    #[error("you may not {action}: {why}")]
    #[zh("您不能{action}：{why}")]
    Denied { action: Sentence, why: Sentence, rule: String },
    #[error("what the request names as {digest} was not uploaded before it")]
    #[zh("请求所指的 {digest} 事先没有上传")]
    NoBlob { digest: Digest },
    #[error("this is in the log already; what came of it is told to whoever signed it, once they have logged in")]
    #[zh("此内容已载入日志；结果只告知签名者本人，请先登录")]
    OnRecord,
    #[error("what was uploaded is not what its address names")]
    #[zh("上传内容与地址所写的摘要不符")]
    OtherBlob,
    #[error(
        "a task is created with its author's signature: sign what /v1/jobs/draft answers, and send the envelope, in base64, as `resources.backend_parameters.entry`"
    )]
    #[zh(
        "创建任务须有作者签名：请对 /v1/jobs/draft 返回的内容签名，并将信封以 base64 填入 `resources.backend_parameters.entry`"
    )]
    UnsignedTask,
    #[error(
        "a task is cancelled with a signature: sign what /v1/jobs/{job}/withdrawals/draft answers to its author, or /v1/jobs/{job}/rejections/draft to an operator, and send the envelope, in base64, as `entry`"
    )]
    #[zh(
        "取消任务须有签名：作者请对 /v1/jobs/{job}/withdrawals/draft 返回的内容签名，运行管理员请对 /v1/jobs/{job}/rejections/draft 返回的内容签名，并将信封以 base64 填入 `entry`"
    )]
    UnsignedCancel { job: JobId },
    #[error("`{field}` of the task is not what its author has signed: leave it out")]
    #[zh("任务的 `{field}` 不在作者签名的内容之内：请将其删去")]
    OtherTask { field: String },
    #[error("too much waits that you have uploaded: use it, or try again tomorrow")]
    #[zh("您已上传而未使用的内容过多：请先使用，或明天再试")]
    TooMuch,
    #[error("too many requests: try again in {seconds} s")]
    #[zh("请求过多：请在 {seconds} 秒后再试")]
    TooMany { seconds: u64 },
    #[error("the lab is busy: try again in a moment")]
    #[zh("实验室正忙：请稍后再试")]
    Busy,
    #[error("the lab cannot do this now; its operators can read why")]
    #[zh("实验室暂时无法执行；原因可由运行管理员查看")]
    Inside,
    #[error("{0}")]
    Unasked(#[from] Unasked),
    #[error("{0}")]
    UseCase(Box<UseCaseError>),
    #[error("{0}")]
    Pack(Box<PackError>),
}

impl From<UseCaseError> for RequestError {
    fn from(error: UseCaseError) -> RequestError {
        RequestError::UseCase(Box::new(error))
    }
}

impl From<LabError> for RequestError {
    fn from(error: LabError) -> RequestError {
        UseCaseError::from(error).into()
    }
}

impl From<Refusal> for RequestError {
    fn from(refusal: Refusal) -> RequestError {
        UseCaseError::from(refusal).into()
    }
}

impl RequestError {
    /// A refusal by the rules of access.
    pub fn denied(action: unseen_access::Action, because: &[Because]) -> RequestError {
        let (why, rule) = match because.first() {
            Some(because) => (because.text.clone(), because.id.clone()),
            None => (Sentence::default(), String::new()),
        };
        RequestError::Denied { action: Sentence::of(&action), why, rule }
    }

    /// What is told outside, and its status. What is not for outside goes to `tell`.
    pub fn outside(self, tell: &dyn Fn(Sentence)) -> (u16, RequestError) {
        let status = match &self {
            RequestError::UseCase(error) => outside(error.code()),
            own => Some(own.status()),
        };
        match status {
            Some(status) => (status, self),
            None => {
                tell(Sentence::of(&self));
                let busy = matches!(&self, RequestError::UseCase(error) if BUSY.contains(&error.code()));
                let told = if busy { RequestError::Busy } else { RequestError::Inside };
                (told.status(), told)
            }
        }
    }

    /// The same as an answer to a program.
    pub fn respond(self, lang: Lang, tell: &dyn Fn(Sentence)) -> Response<Body> {
        let (status, told) = self.outside(tell);
        let problem = Problem::new(status, &told, lang);
        let mut response = Response::new(Body::from(serde_json::to_vec(&problem).unwrap_or_default()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        match &told {
            RequestError::Busy => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
            }
            RequestError::TooMany { seconds } => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            RequestError::Unknown | RequestError::LogIn => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }

    fn status(&self) -> u16 {
        match self {
            RequestError::Malformed(_) | RequestError::UnsignedTask => 400,
            RequestError::Unknown | RequestError::LogIn | RequestError::Office(_) => 401,
            RequestError::Denied { .. } | RequestError::UnsignedCancel { .. } => 403,
            RequestError::NoSuchPlace => 404,
            RequestError::Method { .. } => 405,
            RequestError::Slow => 408,
            RequestError::NoBlob { .. } | RequestError::OnRecord => 409,
            RequestError::TooLong { .. } => 413,
            RequestError::NotJson => 415,
            RequestError::OtherBlob | RequestError::OtherTask { .. } | RequestError::Unasked(_) => 422,
            RequestError::TooMuch | RequestError::TooMany { .. } => 429,
            RequestError::Busy => 503,
            RequestError::Pack(error) => match **error {
                PackError::NotReleased { .. } => 409,
                PackError::NoManifest { .. } => 403,
                _ => 500,
            },
            RequestError::Inside | RequestError::UseCase(_) => 500,
        }
    }
}

/// What passes by itself: somebody at the lab's machine has the lab, and who that is stays inside.
const BUSY: [&str; 2] = ["lab.in-use", "lab.run-goes-on"];

/// The status of a use-case's error that may be told outside: its text depends on nothing but what is public or was
/// sent. None where it speaks of the machine, its files or its keys.
fn outside(code: &str) -> Option<u16> {
    let (family, _) = code.split_once('.').unwrap_or((code, ""));
    Some(match (family, code) {
        (_, "ledger.no-such-job" | "ledger.no-such-dataset" | "ledger.no-such-person" | "usecase.no-entry") => 404,
        (_, "access-log.no-such-place") => 404,
        (_, "ledger.not-enrolled" | "ledger.revoked" | "ledger.wrong-role" | "ledger.not-open") => 403,
        ("ledger" | "overtaken", _) => 409,
        (_, "upload.none" | "lab.no-import") => 404,
        (_, "upload.offset" | "upload.busy") => 409,
        (_, "upload.longer" | "upload.too-much") => 413,
        (_, "upload.too-many") => 429,
        (_, "upload.other" | "usecase.other-name" | "lab.not-public" | "lab.twin") => 422,
        (_, "upload.no-room") => 507,
        (_, "lab.sealed" | "lab.ended" | "lab.no-result" | "lab.unwitnessed" | "lab.not-approved") => 409,
        (_, "lab.not-a-handover") => 409,
        (_, "lab.manifest" | "lab.module" | "lab.unfit" | "lab.named" | "lab.too-few-operators" | "lab.mismatch") => {
            422
        }
        (_, "usecase.description" | "usecase.policy-file" | "usecase.other-entry" | "usecase.other-draft") => 422,
        (_, "usecase.reason" | "usecase.no-kind" | "usecase.no-days") => 422,
        ("manifest" | "access" | "entry" | "envelope" | "statement" | "record" | "sign" | "code" | "component", _) => {
            422
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(error: impl Into<UseCaseError>) -> (Problem, Vec<String>) {
        let told = std::sync::Mutex::new(Vec::new());
        let response =
            RequestError::from(error.into()).respond(Lang::En, &|said| told.lock().unwrap().push(said.to_string()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(axum::body::to_bytes(response.into_body(), 1 << 20)).unwrap();
        (serde_json::from_slice(&body).unwrap(), told.into_inner().unwrap())
    }

    #[test]
    fn what_speaks_of_the_machine_is_for_operators_alone() {
        let (told, inside) = problem(LabError::NoLab("/srv/secret".into()));
        assert_eq!((told.status, told.code.as_str()), (500, "request.inside"));
        assert!(!serde_json::to_string(&told).unwrap().contains("secret"));
        assert_eq!(inside, ["/srv/secret is not a lab"]);
        let (told, inside) = problem(LabError::from(Refusal::NoSuchDataset("x".into())));
        assert_eq!((told.status, told.code.as_str()), (404, "ledger.no-such-dataset"));
        assert!(inside.is_empty());
    }
}
