//! Both flows at a provider by others, oidc-provider, with a browser that knows forms, cookies and redirects.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use skip::skipped;
use unseen_ids::Role;
use unseen_signon::{ClaimRules, Poll, Provider, SignOnError, SignedOn};
use ureq::Agent;

const BACK: &str = "https://lab.example/back";
const SECRET: &str = "se:cr%t and +";

#[test]
fn a_person_signs_on_in_a_browser() {
    let Some(office) = Office::open() else { return };
    for client in ["RS256", "ES256"] {
        let provider = Provider::discover(&office.issuer, client, Some(SECRET), now()).unwrap();
        let begun = provider.authorization_url(BACK, &[]).unwrap();
        let answer = Browser::of("li").visit(&begun.url).strip_prefix(BACK).unwrap()[1..].to_owned();
        let claims = provider.exchange(&answer, &begun, now()).unwrap();
        is_li(&claims, &office);

        // A code is for one exchange, and for whoever began it.
        assert!(matches!(provider.exchange(&answer, &begun, now()), Err(SignOnError::Refused { .. })));
        let other = provider.authorization_url(BACK, &[]).unwrap();
        assert!(matches!(provider.exchange(&answer, &other, now()), Err(SignOnError::Strayed)));
        let mut thief = provider.authorization_url(BACK, &[]).unwrap();
        let answer = Browser::of("li").visit(&thief.url).strip_prefix(BACK).unwrap()[1..].to_owned();
        thief.verifier = other.verifier;
        assert!(matches!(provider.exchange(&answer, &thief, now()), Err(SignOnError::Refused { .. })));

        let late = provider.authorization_url(BACK, &[]).unwrap();
        let answer = Browser::of("li").visit(&late.url).strip_prefix(BACK).unwrap()[1..].to_owned();
        let tomorrow = provider.exchange(&answer, &late, now() + 86_400);
        assert!(matches!(tomorrow, Err(SignOnError::Claim { claim: "exp", .. })), "{tomorrow:?}");
    }
    let stranger = Provider::discover(&office.issuer, "RS256", Some("guess"), now()).unwrap();
    let begun = stranger.authorization_url(BACK, &[]).unwrap();
    let answer = Browser::of("li").visit(&begun.url).strip_prefix(BACK).unwrap()[1..].to_owned();
    let refused = stranger.exchange(&answer, &begun, now());
    assert!(matches!(refused, Err(SignOnError::Refused { error, .. }) if error == "invalid_client"));
}

#[test]
fn whoever_refuses_is_not_signed_on() {
    let Some(office) = Office::open() else { return };
    let provider = Provider::discover(&office.issuer, "RS256", Some(SECRET), now()).unwrap();
    let begun = provider.authorization_url(BACK, &[]).unwrap();
    let answer = Browser { refuses: true, ..Browser::of("li") }.visit(&begun.url);
    let refused = provider.exchange(&answer[BACK.len() + 1..], &begun, now());
    assert!(matches!(refused, Err(SignOnError::Refused { error, .. }) if error == "access_denied"), "{answer}");

    let terminal = Provider::discover(&office.issuer, "EdDSA", None, now()).unwrap();
    let device = terminal.begin_device(&[], now()).unwrap();
    Browser { refuses: true, ..Browser::of("li") }.visit(device.verification_uri_complete.as_deref().unwrap());
    let refused = terminal.poll_device(&device, now());
    assert!(matches!(refused, Err(SignOnError::Refused { error, .. }) if error == "access_denied"));
    assert!(matches!(terminal.poll_device(&device, device.expires), Err(SignOnError::Late)));
}

#[test]
fn a_person_signs_on_from_a_terminal() {
    let Some(office) = Office::open() else { return };
    let provider = Provider::discover(&office.issuer, "EdDSA", None, now()).unwrap();
    let device = provider.begin_device(&[], now()).unwrap();
    assert!(matches!(provider.poll_device(&device, now()), Ok(Poll::Pending)));
    let browser = Browser { code: device.user_code.clone(), ..Browser::of("li") };
    assert_eq!(browser.visit(&device.verification_uri), "", "there is nowhere to come back to");
    let Ok(Poll::Done(claims)) = provider.poll_device(&device, now()) else { panic!("not confirmed") };
    is_li(&claims, &office);
    assert!(matches!(provider.poll_device(&device, now()), Err(SignOnError::Refused { .. })), "a code is for one");
}

fn is_li(claims: &unseen_signon::Claims, office: &Office) {
    let rules =
        "name_claim = 'preferred_username'\n[[roles]]\nclaim = 'groups'\nhas = 'lab-operators'\nrole = 'operator'";
    let person = toml::from_str::<ClaimRules>(rules).unwrap().read(claims).unwrap();
    let expected = SignedOn {
        subject: "li".into(),
        issuer: office.issuer.clone(),
        name: "li".into(),
        roles: [Role::Operator].into(),
    };
    assert_eq!(person, expected);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The office's provider, which ends with this.
struct Office {
    process: Child,
    issuer: String,
    /// It goes on to talk, and ends when nobody holds the other end.
    _said: BufReader<ChildStdout>,
}

impl Office {
    fn open() -> Option<Office> {
        let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("verifiers").join("node");
        let node = Command::new("node").arg("--version").output();
        if !modules.join("node_modules/oidc-provider").is_dir() || node.is_err() {
            skipped("signing on at oidc-provider, which is not installed: see scripts/verifiers.sh");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(modules).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut issuer = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut issuer).unwrap();
        Some(Office { process, issuer: issuer.trim().to_owned(), _said: said })
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Somebody with a browser who fills in whatever form comes.
#[derive(Default)]
struct Browser {
    name: &'static str,
    code: String,
    refuses: bool,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn of(name: &'static str) -> Browser {
        Browser { name, ..Browser::default() }
    }

    /// Goes on until it is sent to another site, which is returned, or to a page without a form.
    fn visit(mut self, url: &str) -> String {
        let agent: Agent = Agent::config_builder().max_redirects(0).http_status_as_error(false).build().into();
        let site = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let (mut url, mut form) = (url.to_owned(), None::<Vec<(String, String)>>);
        for _ in 0..20 {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let cookies = cookies.join("; ");
            let mut answer = match form.take() {
                None => agent.get(&url).header("cookie", cookies).call(),
                Some(form) => agent.post(&url).header("cookie", cookies).send_form(form),
            }
            .unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            if let Some(place) = answer.headers().get("location") {
                let place = place.to_str().unwrap().to_owned();
                url = if place.starts_with('/') { format!("{site}{place}") } else { place };
                if !url.starts_with(&site) {
                    return url;
                }
                continue;
            }
            let page = answer.body_mut().read_to_string().unwrap();
            // The provider's pages say in red what went wrong.
            let action = attribute(&page, "action").filter(|_| !page.contains("class=\"red\""));
            let Some(action) = action else { return String::new() };
            let mut fields: Vec<(String, String)> = page.split("<input").skip(1).filter_map(field).collect();
            for (name, value) in &mut fields {
                match name.as_str() {
                    "login" | "password" => *value = self.name.to_owned(),
                    "user_code" if value.is_empty() => value.clone_from(&self.code),
                    _ => {}
                }
            }
            // Who refuses follows a link, or presses another button.
            let abort = page.split(" href=\"").skip(1).filter_map(|link| link.split('"').next());
            let abort = abort.filter(|link| self.refuses && link.ends_with("/abort")).last();
            if self.refuses && page.contains("name=\"abort\"") {
                fields.push(("abort".into(), "yes".into()));
            }
            form = abort.is_none().then_some(fields);
            let place = abort.unwrap_or(action);
            url = if place.starts_with('/') { format!("{site}{place}") } else { place.to_owned() };
        }
        panic!("no end of pages, last at {url}")
    }
}

fn field(rest: &str) -> Option<(String, String)> {
    let tag = rest.split('>').next()?;
    Some((attribute(tag, "name")?.to_owned(), attribute(tag, "value").unwrap_or_default().to_owned()))
}

fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(&format!(" {name}=\""))?.1.split('"').next()
}
