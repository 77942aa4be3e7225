//! A witness of one's own: for an organisation other than the lab's.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use unseen_keys::{open_key, write_secret};
use unseen_terminal::Outcome;
use unseen_terminal::examples;
use unseen_terminal::output::{Output, clean, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, say, text};
use unseen_tlog::note::NoteKey;
use unseen_tlog::{Signer, SigningKey};
use unseen_witness::{Server, Shutdown, state};

use crate::answers::{FollowedLog, LogFollowed, WitnessMade, WitnessServed, WitnessShown};

/// Being a witness.
#[derive(Subcommand)]
pub enum WitnessCommand {
    /// Make a witness in a new folder, with a new key unless one is given
    #[command(after_help = examples!("unseen-audit witness init witness --name audit.example/w1"))]
    Init {
        /// A new or empty folder
        dir: PathBuf,
        /// The witness's name, such as witness.audit.example/w1
        #[arg(long)]
        name: String,
        /// Its private key: a file, or a key on a token (pkcs11:...)
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Follow a log: its verifier key, got from the lab by a way you trust; again for a new key of the log
    #[command(after_help = examples!("unseen-audit witness add-log witness lab.wujin.gov.cn/2026+0a1b2c3d+AZ..."))]
    AddLog {
        /// The witness's folder
        dir: PathBuf,
        /// The log's verifier key
        vkey: String,
    },
    /// Answer logs over HTTP until the process is told to end
    #[command(after_help = examples!("unseen-audit witness serve witness --listen 127.0.0.1:8090"))]
    Serve {
        /// The witness's folder
        dir: PathBuf,
        /// Address to listen on; a proxy in front of it may add TLS
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
        /// Its private key, if it is not in its folder
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Show what the witness has cosigned, and evidence against logs
    #[command(after_help = examples!("unseen-audit witness show witness"))]
    Show {
        /// The witness's folder
        dir: PathBuf,
    },
}

/// Where the key is that `init` made.
const KEY: &str = "key.pem";

/// Does what was typed.
pub fn witness(command: &WitnessCommand, lang: Lang) -> Outcome {
    match command {
        WitnessCommand::Init { dir, name, key } => init(dir, name, key.as_deref(), lang),
        WitnessCommand::AddLog { dir, vkey } => {
            let log: NoteKey = vkey.trim().parse()?;
            state::add_log(dir, &log)?;
            let log = log.name().to_owned();
            Ok(Output::new(&LogFollowed { log: log.clone() }, facts(lang, &[(text!("Follows", "跟踪日志"), log)])))
        }
        WitnessCommand::Serve { dir, listen, key } => serve(dir, *listen, key.as_deref(), lang),
        WitnessCommand::Show { dir } => show(dir, lang),
    }
}

fn init(dir: &Path, name: &str, key: Option<&str>, lang: Lang) -> Outcome {
    let witness = match key {
        Some(key) => state::init(dir, name, &*open_key(key)?)?,
        None => {
            let key = SigningKey::generate()?;
            let witness = state::init(dir, name, &key)?;
            write_secret(&dir.join(KEY), key.to_pem().as_bytes())?;
            witness
        }
    };
    let text = format!(
        "{}{}",
        facts(lang, &[(text!("Witness", "见证方"), witness.name().to_owned()), (text!("Verifier key", "验证公钥"), witness.to_string())]),
        text!("Give the verifier key and your address to the lab. Follow its log with `witness add-log`, then `witness serve`.", "请把验证公钥和您的地址交给实验室。用 `witness add-log` 跟踪其日志，再运行 `witness serve`。").to(lang)
    );
    let made = WitnessMade { name: witness.name().to_owned(), verifier_key: witness.to_string() };
    Ok(Output::new(&made, text))
}

fn serve(dir: &Path, listen: SocketAddr, key: Option<&str>, lang: Lang) -> Outcome {
    let key: Arc<dyn Signer> = match key {
        Some(key) => open_key(key)?,
        None => open_key(&dir.join(KEY).display().to_string())?,
    };
    let server = Server::open(dir, key)?;
    let listener = TcpListener::bind(listen)
        .map_err(|error| say!("{listen} cannot be listened on: {error}", "无法监听 {listen}：{error}"))?;
    let address = listener.local_addr()?;
    // Line by line as things happen: whoever runs this as a service reads its standard error.
    server.serve(listener, Shutdown::on_signals(), move |event| eprintln!("{}", clean(event.line().to(lang))))?;
    Ok(Output::new(
        &WitnessServed { address: address.to_string() },
        text!("The witness has ended.", "见证方已结束运行。").to(lang),
    ))
}

fn show(dir: &Path, lang: Lang) -> Outcome {
    let status = state::status(dir)?;
    let latest =
        |log: &state::LogStatus| log.record.latest.as_ref().map(|latest| (latest.checkpoint.size, latest.time));
    let rows = status.logs.iter().map(|log| {
        let (size, time) = latest(log).map_or((String::new(), String::new()), |(size, time)| {
            let time = i64::try_from(time).ok().and_then(|time| chrono::DateTime::from_timestamp(time, 0));
            (size.to_string(), time.map_or_else(String::new, |time| time.format("%F %T").to_string()))
        });
        vec![log.origin.clone(), size, time, log.evidence.to_string()]
    });
    let text = format!(
        "{}{}",
        facts(
            lang,
            &[
                (text!("Witness", "见证方"), status.witness.name().to_owned()),
                (text!("Verifier key", "验证公钥"), status.witness.to_string())
            ]
        ),
        table(
            lang,
            &[
                Left(text!("log", "日志")),
                Right(text!("cosigned entries", "已联署条目数")),
                Left(text!("time (UTC)", "时间（UTC）")),
                Right(text!("evidence", "证据"))
            ],
            rows
        )
    );
    let logs = status.logs.iter().map(|log| FollowedLog {
        origin: log.origin.clone(),
        size: latest(log).map(|(size, _)| size),
        time: latest(log).map(|(_, time)| time),
        evidence: log.evidence,
        keys: log.record.keys.iter().map(ToString::to_string).collect(),
    });
    let (name, verifier_key) = (status.witness.name().to_owned(), status.witness.to_string());
    Ok(Output::new(&WitnessShown { name, verifier_key, logs: logs.collect() }, text))
}
