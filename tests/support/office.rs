//! An office's identity provider by others, oidc-provider, and somebody with a browser.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use ureq::Agent;

/// The office's provider, which ends with this.
pub struct Office {
    process: Child,
    pub issuer: String,
    /// It goes on to talk, and ends when nobody holds the other end.
    _said: BufReader<ChildStdout>,
}

impl Office {
    /// None, and said to be skipped, where it is not installed.
    pub fn open(skipped: impl FnOnce(&str)) -> Option<Office> {
        let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("verifiers").join("node");
        let node = Command::new("node").arg("--version").output();
        if !modules.join("node_modules/oidc-provider").is_dir() || node.is_err() {
            skipped("signing on at oidc-provider, which is not installed: see scripts/verifiers.sh");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../signon/tests/provider.mjs");
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
pub struct Browser {
    pub name: &'static str,
    pub code: String,
    pub refuses: bool,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn of(name: &'static str) -> Browser {
        Browser { name, ..Browser::default() }
    }

    /// Goes on until it is sent to another site, which is returned, or to a page without a form.
    pub fn visit(mut self, url: &str) -> String {
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
