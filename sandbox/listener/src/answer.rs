//! The body of an answer: the service's, or a refusal of the door's own.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONTENT_TYPE, HeaderValue},
};
use tokio::sync::OwnedSemaphorePermit;
use unseen_texts::{Message, Say};

use crate::patience::UnderWay;

/// What was answered, and what a request holds until all of it is sent.
pub(crate) struct Answer<B> {
    body: Whose<B>,
    _held: (UnderWay, Option<OwnedSemaphorePermit>),
}

enum Whose<B> {
    Service(B),
    Door(Full<Bytes>),
}

/// Why the door lets a request not through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("door")]
pub(crate) enum Closed {
    #[error("the certificate of this connection has expired or was revoked: connect again with a valid one")]
    #[zh("本连接所用的证书已过期或被吊销：请用有效证书重新连接")]
    CertificateLapsed,
    #[error("too many requests are under way: try again in a few seconds")]
    #[zh("正在处理的请求过多：请几秒后重试")]
    Busy,
    #[error("the request has too many header fields")]
    #[zh("请求头字段过多")]
    ManyFields,
}

impl<B> Answer<B> {
    pub(crate) fn of_service(body: B, begun: UnderWay, permit: OwnedSemaphorePermit) -> Answer<B> {
        Answer { body: Whose::Service(body), _held: (begun, Some(permit)) }
    }

    /// A problem in the form of RFC 9457.
    pub(crate) fn of_door(closed: Closed, begun: UnderWay) -> Response<Answer<B>> {
        let status = match closed {
            Closed::CertificateLapsed => StatusCode::FORBIDDEN,
            Closed::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Closed::ManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        };
        let problem = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": closed.to_string(),
            "code": closed.code(),
        });
        let body = Whose::Door(Full::new(problem.to_string().into()));
        let mut answer = Response::new(Answer { body, _held: (begun, None) });
        *answer.status_mut() = status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        answer
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.body {
            Whose::Service(body) => Pin::new(body).poll_frame(cx),
            Whose::Door(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Whose::Service(body) => body.is_end_stream(),
            Whose::Door(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Whose::Service(body) => body.size_hint(),
            Whose::Door(body) => body.size_hint(),
        }
    }
}
