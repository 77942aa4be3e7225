//! What can go wrong with a sign-on. The text is for the lab's operators; [`SignOnError::outside`] is for the rest.

use unseen_texts::{Say, Sentence, Text, text};

/// Why nobody was signed on. No text holds a code, a token or a secret.
#[derive(Debug, thiserror::Error, Say)]
#[code("sign-on")]
#[allow(missing_docs)]
pub enum SignOnError {
    #[error(
        "the {what} is `{url}`, and has to begin with https:// (http:// only on this machine) and be a plain address"
    )]
    #[zh("{what}是 `{url}`，应以 https:// 开头（仅本机可用 http://），且为普通网址")]
    Address { what: Text, url: String },
    #[error("{url} cannot be reached: {why}")]
    #[zh("无法连接 {url}：{why}")]
    Unreachable { url: String, why: Sentence },
    #[error("{url} answered with the status {status}: see the identity provider's log")]
    #[zh("{url} 的应答状态为 {status}：请查看身份提供方的日志")]
    Status { url: String, status: u16 },
    #[error("the {what} cannot be read: {why}")]
    #[zh("{what}无法读取：{why}")]
    Unreadable { what: Text, why: Sentence },
    #[error(
        "the identity provider calls itself `{said}`, and is configured as `{issuer}`: write it exactly as it does"
    )]
    #[zh("身份提供方自称 `{said}`，而配置中写的是 `{issuer}`：请按其自称逐字填写")]
    OtherIssuer { issuer: String, said: String },
    #[error("the identity provider does not offer {0}, which is needed: have it enabled there for this client")]
    #[zh("身份提供方不支持{0}，而这是必需的：请在那里为此客户端启用")]
    NotOffered(Text),
    #[error("the answer is not to the sign-on that was begun here: begin again, and look into it if it happens often")]
    #[zh("该应答不属于此处发起的登录：请重新登录，若经常发生请查明原因")]
    Strayed,
    #[error("the identity provider refused with `{error}`: {description}")]
    #[zh("身份提供方拒绝了请求（`{error}`）：{description}")]
    Refused { error: String, description: String },
    #[error("nobody confirmed the code in time: begin again")]
    #[zh("代码未在有效期内得到确认：请重新登录")]
    Late,
    #[error(
        "the ID token is signed with `{0}`, and only RS256, ES256 and EdDSA are accepted: choose one of them there"
    )]
    #[zh("ID 令牌的签名算法是 `{0}`，此处只接受 RS256、ES256 和 EdDSA：请在身份提供方那里改用其中之一")]
    Algorithm(String),
    #[error("the identity provider publishes no {alg} key that made the ID token's signature (kid: {kid})")]
    #[zh("身份提供方公布的 {alg} 密钥中，没有作出此 ID 令牌签名的密钥（kid：{kid}）")]
    NoKey { alg: &'static str, kid: String },
    #[error("the ID token's signature is false: somebody changed it, or it is not from this identity provider")]
    #[zh("ID 令牌的签名不成立：它被改动过，或不是来自此身份提供方")]
    Signature,
    #[error("the ID token is refused by its claim `{claim}`: {why}")]
    #[zh("ID 令牌因其 `{claim}` 声明被拒绝：{why}")]
    Claim { claim: &'static str, why: Text },
    #[error("the ID token has no usable claim `{0}` to call the person by: have it sent, or change `name_claim`")]
    #[zh("ID 令牌中没有可用作姓名的 `{0}` 声明：请让身份提供方发送它，或修改 `name_claim`")]
    NoName(String),
    #[error("the system gives no randomness")]
    #[zh("系统没有给出随机数")]
    Random,
}

impl SignOnError {
    /// What the person who signs on is told: one of two fixed texts, with nothing of what the provider said.
    pub fn outside(&self) -> Text {
        match self {
            SignOnError::Strayed | SignOnError::Late => NOT_COMPLETED,
            // By the person; all other refusals are of the lab.
            SignOnError::Refused { error, .. } if error == "access_denied" => NOT_COMPLETED,
            _ => text!("the sign-on failed: ask the lab's operator", "登录失败：请联系实验室的运行管理员"),
        }
    }

    pub(crate) fn unreadable(what: Text, why: &serde_json::Error) -> SignOnError {
        let why = why.to_string();
        // Before this stands the value that was there instead, which may be a secret.
        let told = why.rsplit_once(", expected ").map_or(why.clone(), |(_, what)| format!("expected {what}"));
        SignOnError::Unreadable { what, why: words(&told).into() }
    }
}

const NOT_COMPLETED: Text = text!("the sign-on was not completed: begin again", "登录没有完成：请重新登录");

/// What somebody else wrote, as it may stand in a log: on one line, and not for ever.
pub(crate) fn words(text: &str) -> String {
    text.chars().filter(|c| !hides(*c)).take(200).collect()
}

/// Whether a character is not seen, or moves those that are.
pub(crate) fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outsiders_are_told_nothing_that_the_provider_said() {
        let description = words("no\r\nroot \u{202e}x");
        let refused = |error: &str| SignOnError::Refused { error: error.into(), description: description.clone() };
        assert_eq!(refused("access_denied").outside(), SignOnError::Strayed.outside());
        assert_eq!(refused("invalid_client").outside(), SignOnError::Random.outside());
        assert_eq!(SignOnError::Signature.outside(), SignOnError::Algorithm("none".into()).outside());
        assert_eq!(refused("e").to_string(), "the identity provider refused with `e`: noroot x");
        let why = serde_json::from_str::<u64>(r#""the secret, expected or not""#).unwrap_err();
        let told = SignOnError::unreadable(text!("answer", "应答"), &why).to_string();
        assert_eq!(told, "the answer cannot be read: expected u64 at line 1 column 29");
        assert_eq!(words(&"x".repeat(9_999)).len(), 200);
    }
}
