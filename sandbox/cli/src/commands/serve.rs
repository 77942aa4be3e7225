//! `unseen serve`: a lab on the network.

mod demo;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use unseen_api::answers::Served;
use unseen_listener::{Limits, Listener, TlsFiles, Wire, sockets};
use unseen_server::{Config, OfficeConfig, Service, Tell, serve};
use unseen_terminal::output::{Output, clean};
use unseen_terminal::{Outcome, Problem};
use unseen_texts::{Lang, Sentence, text};

use crate::args::{Globals, ServeArgs};
use crate::place::{Place, program};
use demo::Demo;

pub fn run(globals: &Globals, args: &ServeArgs, lang: Lang) -> Outcome {
    // Sockets that systemd hands over are taken before there are threads.
    let demo = args.demo.as_deref().map(|dir| Demo::prepare(dir, lang)).transpose()?;
    let (folder, listeners) = match &demo {
        Some(demo) => (demo.lab.clone(), demo.listeners(&args.listen)?),
        None => (Place::of(globals, lang)?.folder()?.folder.clone(), vec![listener(args)?]),
    };
    let addresses: Vec<SocketAddr> = listeners.iter().flat_map(Listener::addresses).collect();
    let hosts = if args.host.is_empty() { addresses.iter().flat_map(names).collect() } else { args.host.clone() };
    let office = args.sign_on.as_deref().map(OfficeConfig::read).transpose()?;
    let notices = args.notices.as_deref().map(unseen_notices::Config::read).transpose()?;
    let run_threads =
        args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32));
    let certificate = demo.as_ref().map(Demo::certificate).or(args.tls_cert.clone());
    let config = Config { folder, program: program()?, hosts, office, run_threads, certificate };
    let service = Service::open(config, teller(lang))?;
    if unseen_worker::cgroup::is_given() {
        service.tell(text!("each run and each import has a cgroup of its own", "每次运行和导入各有自己的 cgroup"));
    }
    if let Some(demo) = &demo {
        eprintln!("{}", demo.welcome(&service, &addresses, lang)?);
    }
    serve(&service, listeners, notices)?;
    let said = text!(
        "The service has ended. Runs that went on are resumed when it starts again.",
        "服务已停止。未完成的运行会在下次启动时继续。"
    );
    let addresses = addresses.iter().map(ToString::to_string).collect();
    Ok(Output::new(&Served { addresses }, said.to(lang)))
}

fn listener(args: &ServeArgs) -> Result<Listener, Problem> {
    let wire = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Wire::Tls(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: args.client_ca.clone(),
            crl: args.crl.clone(),
        }),
        _ if args.plain => Wire::Plain,
        _ => {
            return Err(text!(
                "give the server's certificate with --tls-cert and --tls-key; on this machine alone --plain does without, and --demo makes everything",
                "请用 --tls-cert 和 --tls-key 给出服务器证书；仅在本机使用时可用 --plain，或用 --demo 自动准备一切"
            )
            .into());
        }
    };
    Ok(Listener::new(sockets(&args.listen)?, wire, Limits::default())?)
}

/// The names under which an address is known on its own machine.
fn names(address: &SocketAddr) -> Vec<String> {
    let local = address.ip().is_loopback().then(|| format!("localhost:{}", address.port()));
    std::iter::once(address.to_string()).chain(local).collect()
}

/// Writes lines for operators on standard error, where systemd's journal reads them.
fn teller(lang: Lang) -> Tell {
    Arc::new(move |said: Sentence| eprintln!("{} {}", Utc::now().format("%FT%TZ"), clean(said.to(lang))))
}

/// A file in a folder.
fn within(folder: &std::path::Path, name: &str) -> PathBuf {
    folder.join(name)
}
