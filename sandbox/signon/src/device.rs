//! Signing on from a terminal, with a browser elsewhere (RFC 8628).

use serde::Deserialize;
use unseen_texts::text;

use crate::error::{SignOnError, hides};
use crate::http::{check_address, is_plain};
use crate::provider::{Provider, not_offered, scope};
use crate::token::Claims;

/// A sign-on that waits for somebody to confirm it in a browser. They must see the same code there: a person who is
/// sent a link by somebody else signs on that somebody.
pub struct Device {
    code: String,
    /// What to type there.
    pub user_code: String,
    /// Where to go.
    pub verification_uri: String,
    /// Where to go without typing, if the provider has such a place.
    pub verification_uri_complete: Option<String>,
    /// How many seconds to wait before each question, five more after every [`Poll::SlowDown`].
    pub interval: u64,
    /// Until when, in seconds since 1970.
    pub expires: u64,
}

/// What came of asking.
#[derive(Debug)]
pub enum Poll {
    /// Nobody has confirmed it yet.
    Pending,
    /// Nor yet, and the questions are too many: wait five seconds longer from now on.
    SlowDown,
    /// Confirmed.
    Done(Claims),
}

impl Provider {
    /// Begins a sign-on in a terminal; [`SignOnError::NotOffered`] where the provider has no device flow.
    pub fn begin_device(&self, scopes: &[&str], now: u64) -> Result<Device, SignOnError> {
        let Some(place) = &self.metadata.device_authorization_endpoint else {
            return not_offered(text!("the device flow", "设备授权流程"));
        };
        let answer = self.ask(place, &[("scope", &scope(scopes))])?;
        Answer::read(&answer, is_plain(&self.issuer), now)
    }

    /// Asks once whether it was confirmed. Whoever refuses it there is [`SignOnError::Refused`], and whoever
    /// does not come [`SignOnError::Late`]. After [`SignOnError::Unreachable`] one may ask again, later.
    pub fn poll_device(&self, device: &Device, now: u64) -> Result<Poll, SignOnError> {
        if now >= device.expires {
            return Err(SignOnError::Late);
        }
        let form = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", &device.code)];
        match self.claims(&form, None, now) {
            Ok(claims) => Ok(Poll::Done(claims)),
            Err(SignOnError::Refused { error, description }) => match error.as_str() {
                "authorization_pending" => Ok(Poll::Pending),
                "slow_down" => Ok(Poll::SlowDown),
                "expired_token" => Err(SignOnError::Late),
                _ => Err(SignOnError::Refused { error, description }),
            },
            Err(error) => Err(error),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

impl Answer {
    /// What it says is shown in a terminal, so that it must be fit to be.
    fn read(bytes: &[u8], plain: bool, now: u64) -> Result<Device, SignOnError> {
        let what = text!("answer with the device's code", "设备代码应答");
        let answer: Answer = serde_json::from_slice(bytes).map_err(|why| SignOnError::unreadable(what, &why))?;
        for place in std::iter::once(&answer.verification_uri).chain(&answer.verification_uri_complete) {
            check_address(text!("address for the code", "输入代码的地址"), place, plain)?;
        }
        if answer.user_code.is_empty() || answer.user_code.len() > 64 || answer.user_code.chars().any(hides) {
            let why = text!("the code is not 1 to 64 visible characters", "代码不是 1 到 64 个可见字符");
            return Err(SignOnError::Unreadable { what, why: why.into() });
        }
        Ok(Device {
            code: answer.device_code,
            user_code: answer.user_code,
            verification_uri: answer.verification_uri,
            verification_uri_complete: answer.verification_uri_complete,
            // Section 3.2 has 5 where nothing is said.
            interval: answer.interval.unwrap_or(5).max(1),
            expires: now.saturating_add(answer.expires_in),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_in_a_terminal_is_fit_for_it() {
        let read = |code: &str, place: &str| {
            let answer = serde_json::json!({
                "device_code": "d", "user_code": code, "verification_uri": place, "expires_in": 600,
            });
            Answer::read(answer.to_string().as_bytes(), false, 1_000)
        };
        let device = read("WDJB-MJHT", "https://id.example/device").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((device.interval, device.expires), (5, 1_600));
        for (code, place) in [
            ("WDJB\u{1b}[2J", "https://id.example/device"),
            ("", "https://id.example/device"),
            ("W", "http://id.example/device"),
            ("W", "https://id.example/\u{202e}"),
        ] {
            assert!(read(code, place).is_err());
        }
    }
}
