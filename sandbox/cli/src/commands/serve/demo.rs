//! A lab to try on one's own machine: made-up people, a small authority for their certificates, the demo district.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use unseen_demo::district::District;
use unseen_ids::{PublicKey, Role};
use unseen_lab::open_key;
use unseen_listener::office::Office;
use unseen_listener::{Limits, Listener, TlsFiles, Wire, sockets};
use unseen_server::Service;
use unseen_terminal::output::progress;
use unseen_terminal::{FileError, Problem};
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::importing::{self, Import};
use unseen_usecases::jobs::Submit;
use unseen_usecases::labs::{self, Init};
use unseen_usecases::people::{Enrol, new_key, request_enrolment};
use unseen_usecases::policy::SetPolicy;
use unseen_usecases::{Blob, Folder, change};
use unseen_worker::ready_made;

use super::within;
use crate::place::program;

/// Everyone in the demo: name, folder, role. The first makes the lab.
const PEOPLE: &[(&str, &str, Role)] = &[
    ("张敏", "zhang", Role::Operator),
    ("李强", "li", Role::Operator),
    ("陈静", "chen", Role::Steward),
    ("王伟", "wang", Role::Analyst),
    ("周慧", "zhou", Role::Auditor),
];
const ORIGIN: &str = "demo.unseen.example/wujin";
/// One approval, and results at once: a real lab leaves the second off.
const POLICY: &str = "approvals = 1\ndelta = 1e-6\nrelease_now = true\n[caps]\ndataset = \"1\"\nanalyst = \"0.5\"\njob = \"0.25\"\ndomain = \"1\"\n";
/// The job that waits for its approval, and that one may change and submit again.
const JOB: &str = include_str!("demo-job.toml");
/// Where it listens unless it is told: for programs with certificates, and for a browser.
const HTTPS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// How long certificates are good.
const DAYS: u32 = 365;

/// The demo, ready to be served.
pub(super) struct Demo {
    dir: PathBuf,
    pub lab: PathBuf,
}

impl Demo {
    /// The demo in a folder, which is made if it is not there.
    pub fn prepare(dir: &Path, lang: Lang) -> Result<Demo, Problem> {
        let demo = Demo { lab: dir.join("lab"), dir: dir.to_owned() };
        if !demo.dir.join("ready").exists() {
            if dir.read_dir().is_ok_and(|mut found| found.next().is_some()) {
                let place = dir.to_owned();
                return Err(say!(
                    "{place} is not a demo that was made whole: give another folder, or remove it",
                    "{place} 不是完整的演示：请换一个文件夹，或删除它"
                )
                .into());
            }
            let spinner = progress(text!("Making the demo district", "正在准备演示区").to(lang), None);
            let made = demo.make();
            spinner.finish_and_clear();
            made?;
        }
        Ok(demo)
    }

    /// The file of the server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// HTTPS for programs with certificates, and plain HTTP for a browser, both on this machine only.
    pub fn listeners(&self, listen: &[SocketAddr]) -> Result<Vec<Listener>, Problem> {
        let (https, http) = match listen {
            [https, http] => (*https, *http),
            [https] if *https != HTTPS => (*https, beside(https)),
            [] | [_] => (HTTPS, HTTP),
            _ => {
                return Err(text!(
                    "the demo listens at two addresses: first HTTPS for programs, then HTTP for a browser",
                    "演示只监听两个地址：先是供程序使用的 HTTPS，再是供浏览器使用的 HTTP"
                )
                .into());
            }
        };
        let tls = TlsFiles {
            certificate: self.file("server.pem"),
            key: self.file("server-key.pem"),
            client_ca: Some(self.file("ca/ca.pem")),
            crl: None,
        };
        Ok(vec![
            Listener::new(sockets(&[https])?, Wire::Tls(tls), Limits::default())?,
            Listener::new(sockets(&[http])?, Wire::Plain, Limits::default())?,
        ])
    }

    /// What to do next: for each person a link that logs them in, once, and a profile for the command line.
    pub fn welcome(&self, service: &Service, addresses: &[SocketAddr], lang: Lang) -> Result<String, Problem> {
        let [https, http] = addresses else { return Ok(String::new()) };
        let dir = std::path::absolute(&self.dir).map_err(FileError::at(&self.dir))?;
        self.write("unseen.toml", &profiles(&dir, https.port()))?;
        let title = text!(
            "A lab of made-up people and data. Each link works once:",
            "这是一个由虚构人员和数据组成的实验室。每个链接只能使用一次："
        );
        let mut lines = vec![String::new(), title.to(lang).to_owned()];
        for (name, _, role) in PEOPLE {
            let key = PublicKey::from(open_key(&self.key(name))?.verifying_key());
            let link = service.login_link(key).unwrap_or_default();
            let who = say!("{name} ({role}): ", "{name}（{role}）：").told(lang);
            lines.push(format!("  {who}http://{http}/v1/login/link?{link}"));
        }
        let next = text!(
            "From another terminal, with the profiles zhang, li, chen, wang and zhou:",
            "在另一个终端里，可用配置 zhang、li、chen、wang、zhou："
        );
        let bin = program()?.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let config = dir.join("unseen.toml");
        lines.extend([String::new(), next.to(lang).to_owned(), String::new()]);
        lines.push(format!("  cd '{}'", dir.display()));
        lines.push(format!("  export UNSEEN_CONFIG='{}' PATH='{bin}':$PATH", config.display()));
        lines.push("  unseen job list --profile wang".to_owned());
        lines.push(String::new());
        Ok(lines.join("\n"))
    }

    fn make(&self) -> Result<(), Problem> {
        std::fs::create_dir_all(&self.dir).map_err(FileError::at(&self.dir))?;
        self.write(".gitignore", "*\n")?;
        self.certify()?;
        for (name, ..) in PEOPLE {
            new_key(Path::new(&self.key(name)))?;
        }
        let [(owner, ..), others @ ..] = PEOPLE else { return Ok(()) };
        let key = open_key(&self.key(owner))?;
        let init = Init { origin: ORIGIN.to_owned(), owner_name: (*owner).to_owned() };
        labs::init(&self.lab, &init, &*key)?;
        let desk = Folder { folder: self.lab.clone(), program: program()? };
        for (name, _, role) in others {
            let request = request_enrolment(ORIGIN, name, &[*role], &*open_key(&self.key(name))?)?;
            change::make(&desk, &Enrol(request), &*key)?;
        }
        let rules = SetPolicy { name: "policy.toml".to_owned(), toml: POLICY.to_owned(), access: None };
        change::make(&desk, &rules, &*key)?;
        self.import(&desk)?;
        let submit = Submit {
            name: "job.toml".to_owned(),
            manifest: JOB.to_owned(),
            module: Blob::new(ready_made::SUM.to_vec()),
        };
        change::make(&desk, &submit, &*open_key(&self.key("王伟"))?)?;
        std::fs::create_dir_all(self.file("job")).map_err(FileError::at(self.file("job")))?;
        self.write("job/job.toml", JOB)?;
        self.write("ready", "")
    }

    fn import(&self, desk: &Folder) -> Result<(), Problem> {
        let data = self.file("data");
        let district = District { seed: 1, enterprises: 4_000, months: 12 };
        district.write(&data).map_err(FileError::at(&data))?;
        let steward = open_key(&self.key("陈静"))?;
        // What is sensitive is open to nobody who is not named.
        for (name, open_to) in [("enterprises", &[][..]), ("monthly", &["王伟"]), ("industries", &[])] {
            let (source, description) = (data.join(format!("{name}.csv")), data.join(format!("{name}.toml")));
            let open_to = open_to.iter().map(|name: &&str| (*name).to_owned()).collect();
            let import = Import { source, description, open_to, keep_until: None, buckets: None };
            importing::import(desk, &import, &*steward, &mut |_| ())?;
        }
        Ok(())
    }

    /// An authority, a certificate for the server, and one for each person.
    fn certify(&self) -> Result<(), Problem> {
        let office = Office::found(&self.file("ca"), "Unseen demo", DAYS)?;
        let server = office.server(&["localhost", "127.0.0.1", "::1"], DAYS)?;
        server.save(&self.file("server.pem"), &self.file("server-key.pem"))?;
        for (name, folder, _) in PEOPLE {
            let place = self.file("people").join(folder);
            std::fs::create_dir_all(&place).map_err(FileError::at(&place))?;
            office.person(name, DAYS)?.save(&place.join("cert.pem"), &place.join("cert-key.pem"))?;
        }
        Ok(())
    }

    fn key(&self, name: &str) -> String {
        let folder = PEOPLE.iter().find(|(known, ..)| *known == name).map_or("", |(_, folder, _)| *folder);
        self.file("people").join(folder).join("key.pem").display().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        within(&self.dir, name)
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Problem> {
        let place = self.file(name);
        Ok(std::fs::write(&place, content).map_err(FileError::at(&place))?)
    }
}

/// Where a browser finds the demo whose HTTPS somebody has put elsewhere: on this machine, at the port after it.
fn beside(https: &SocketAddr) -> SocketAddr {
    let host = if https.ip().is_loopback() { https.ip() } else { HTTP.ip() };
    let port = https.port().checked_add(u16::from(https.port() != 0)).unwrap_or_default();
    SocketAddr::new(host, port)
}

/// A configuration with a profile for each person, at this port of this machine.
fn profiles(dir: &Path, port: u16) -> String {
    let profiles = PEOPLE.iter().map(|(_, folder, _)| {
        let place = dir.join("people").join(folder);
        let (place, ca) = (place.display(), dir.join("ca/ca.pem"));
        format!(
            "[profile.{folder}]\nlab = \"https://localhost:{port}\"\nlog = \"{ORIGIN}\"\nkey = \"{place}/key.pem\"\n\
             cert = \"{place}/cert.pem\"\ncert-key = \"{place}/cert-key.pem\"\nca = \"{}\"\n",
            ca.display()
        )
    });
    profiles.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_goes_to_the_port_after_the_one_that_was_given() {
        for (https, http) in [
            ("127.0.0.1:9443", "127.0.0.1:9444"),
            ("[::1]:9443", "[::1]:9444"),
            ("0.0.0.0:9443", "127.0.0.1:9444"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:65535", "127.0.0.1:0"),
        ] {
            assert_eq!(beside(&https.parse().unwrap()).to_string(), http);
        }
    }
}
