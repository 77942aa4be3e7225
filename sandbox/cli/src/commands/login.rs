//! `unseen login` and `unseen logout`.

use std::time::Duration;

use unseen_api::answers::LoggedOut;
use unseen_api::login::LoggedIn;
use unseen_client::Client;

use super::{Outcome, key};
use crate::args::{Globals, Signer};
use crate::config::{Profile, Sessions};
use crate::place::{Place, is_address};
use unseen_shown::jobs as shown;
use unseen_terminal::Problem;
use unseen_terminal::output::{Output, clean, facts};
use unseen_texts::{Lang, say, text};

pub fn login(globals: &Globals, office: bool, signer: &Signer, lang: Lang) -> Outcome {
    let (lab, profile) = address(globals)?;
    let Place::Remote { client, .. } = Place::of(globals, lang)? else { return Err(no_address()) };
    let session = if office { at_office(&client, lang)? } else { client.log_in(&*key(globals, signer)?)? };
    Sessions::read()?.keep(&lab, &profile, Some(&session))?;
    let text = facts(
        lang,
        &[
            (text!("Logged in as", "已登录为"), session.name.clone()),
            (text!("Log", "日志"), session.log.clone()),
            (text!("Until", "有效期至"), shown::local(session.until)),
        ],
    );
    Ok(Output::new(&session, text))
}

pub fn logout(globals: &Globals, lang: Lang) -> Outcome {
    let (lab, profile) = address(globals)?;
    Sessions::read()?.keep(&lab, &profile, None)?;
    Ok(Output::new(&LoggedOut { lab }, text!("The session is forgotten.", "会话已清除。").to(lang)))
}

/// Waits until somebody has typed the code that is shown.
fn at_office(client: &Client, lang: Lang) -> Result<LoggedIn, Problem> {
    let code = client.sign_on()?;
    let said =
        say!("Open {at} and type the code {code}.", "请打开 {at} 并输入代码 {code}。", at = code.at, code = code.code);
    eprintln!("{}", clean(said.to(lang)));
    loop {
        std::thread::sleep(Duration::from_secs(code.interval.clamp(1, 60)));
        if let Some(session) = client.signed_on(&code)? {
            return Ok(session);
        }
    }
}

/// The lab's address, and the profile under which the session is kept.
fn address(globals: &Globals) -> Result<(String, String), Problem> {
    let Profile { lab, name, .. } = Profile::chosen(globals)?;
    Ok((lab.filter(|lab| is_address(lab)).ok_or_else(no_address)?, name))
}

fn no_address() -> Problem {
    text!(
        "one logs in to a lab at an address: give it with --lab https://...",
        "只有网络上的实验室才需登录：请用 --lab https://... 给出地址"
    )
    .into()
}
