//! What people type. The help texts are English here; `help.rs` holds the Chinese ones.

mod ask;
mod certificates;
mod datasets;
mod jobs;
mod nodes;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use ask::AskArgs;
pub use certificates::CertificateCommand;
use chrono::NaiveDate;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Parser, Subcommand};
use clap_complete::Shell;
use unseen_auditor::{EvidenceCommand, ProofArgs, ReceiptArgs, VerifyArgs, WitnessCommand};
use unseen_ids::{JobId, Role};
use unseen_policies::event::Event;
use unseen_terminal::examples;
use unseen_texts::{Sentence, say};
use unseen_toolchain::Language;

use datasets::day;
pub use datasets::{Dataset, DatasetCommand, FitArgs, TwinArgs};
pub use jobs::{JobCommand, JobDir};
pub use nodes::NodeCommand;

/// Compute on data you may use but never see.
///
/// Raw records stay in the lab. Analysts bring code as WebAssembly components; the code runs where
/// the data is, and only noised aggregates leave, each with a signed history that anyone can check.
#[derive(Parser)]
#[command(name = "unseen", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = examples!(
    "unseen doctor",
    "unseen key new owner.pem",
    "unseen lab init lab --origin lab.wujin.gov.cn/2026 --owner owner.pem"
))]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub globals: Globals,
}

#[derive(Args)]
pub struct Globals {
    /// The lab: its folder, or its address (https://...)
    #[arg(long, global = true, env = "UNSEEN_LAB", value_name = "LAB", help_heading = "Everywhere")]
    pub lab: Option<String>,
    /// Lab and key of this name in ~/.config/unseen/config.toml
    #[arg(long, global = true, env = "UNSEEN_PROFILE", value_name = "NAME", help_heading = "Everywhere")]
    pub profile: Option<String>,
    /// Your certificate for a lab at an address, in PEM
    #[arg(long, global = true, value_name = "FILE", requires = "cert_key", help_heading = "Everywhere")]
    pub cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, global = true, value_name = "FILE", requires = "cert", help_heading = "Everywhere")]
    pub cert_key: Option<PathBuf>,
    /// The authority that the lab's certificate is from, in PEM; those that this machine trusts when left out
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub ca: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Language of texts; by default as LANG says
    #[arg(long = "lang", global = true, value_parser = Tongues, value_name = "LANG", help_heading = "Everywhere")]
    pub tongues: Vec<Tongue>,
}

/// What `--lang` may name: people say it of both.
#[derive(Clone, Copy)]
pub enum Tongue {
    /// The language of texts, which was read before anything else.
    Texts,
    /// That of a new job's code.
    Code(Language),
}

/// Those of texts are offered; the others stand in the help of `job new`.
#[derive(Clone)]
struct Tongues;

impl TypedValueParser for Tongues {
    type Value = Tongue;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<Tongue, clap::Error> {
        tongue.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(["en", "zh"].map(PossibleValue::new).into_iter()))
    }
}

fn tongue(name: &str) -> Result<Tongue, Sentence> {
    match (name, Language::named(name)) {
        ("en" | "zh", _) => Ok(Tongue::Texts),
        (_, Some(language)) => Ok(Tongue::Code(language)),
        _ => Err(say!(
            "`{name}` is not spoken here: texts are in en or zh, and the code of `job new` in rust, python, js or c",
            "不支持 `{name}`：文字用 en 或 zh，`job new` 的代码用 rust、python、js 或 c"
        )),
    }
}

#[derive(Subcommand)]
pub enum Command {
    /// Make a lab, or look at one
    #[command(subcommand)]
    Lab(LabCommand),
    /// Make and look at personal keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Who may do what in the lab
    #[command(subcommand)]
    Person(PersonCommand),
    /// Machines that carry out parts of runs
    #[command(subcommand)]
    Node(NodeCommand),
    /// The lab's rules: caps, approvals, releases
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Register datasets and look at their quality
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Write synthetic rows that follow a dataset's description and never its data, or a release that was paid for
    #[command(after_help = examples!("unseen twin monthly --rows 4000 --out twins", "unseen twin monthly.toml --out twins", "unseen twin monthly --fitted j12 --out twins --key analyst.pem"))]
    Twin(TwinArgs),
    /// Write, check, try, submit, approve and run jobs
    #[command(subcommand)]
    Job(JobCommand),
    /// Ask in SQL: writes the job that answers it, says what it costs and how exact it will be, and submits it after a yes
    #[command(after_help = examples!(
        "unseen ask \"SELECT year_month(month) AS month, AVG(output) FROM monthly GROUP BY month\" --error \"5 %\"",
        "unseen ask \"SELECT COUNT(DISTINCT uscc) FROM monthly WHERE output > 100\" --rho 0.01 --yes --key analyst.pem"
    ))]
    Ask(AskArgs),
    /// What has been spent of the privacy budget, and what is left
    #[command(after_help = examples!("unseen budget", "unseen budget --dataset monthly --analyst wang"))]
    Budget(BudgetArgs),
    /// Read the signed log, prove and export its entries
    #[command(subcommand)]
    Log(LogCommand),
    /// Verify an exported log from outside, or replay a run inside the lab
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Be a witness: cosign a log's checkpoints, and keep it from showing people different histories
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Evidence of the machine on which a run happened
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Serve a lab on the network, run its approved jobs in turn, and publish results at their time
    #[command(after_help = examples!("unseen serve --demo", "unseen serve --lab lab --listen 0.0.0.0:8443 --host lab.wujin.gov.cn:8443 --tls-cert server.pem --tls-key server-key.pem --client-ca people-ca.pem"))]
    Serve(ServeArgs),
    /// Certificates for a server and for people, where there is no other authority
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// Log in to a lab at an address, so that what you ask need not name your key each time
    #[command(after_help = examples!("unseen login --lab https://lab.wujin.gov.cn:8443 --key wang.pem", "unseen login --profile wujin"))]
    Login {
        /// Sign on at your office's identity provider instead, which asks for no key
        #[arg(long, conflicts_with = "key")]
        office: bool,
        #[command(flatten)]
        signer: Signer,
    },
    /// Forget the session at a lab
    #[command(after_help = examples!("unseen logout --lab https://lab.wujin.gov.cn:8443"))]
    Logout,
    /// Take a change that was signed elsewhere and written with --out
    #[command(after_help = examples!("unseen receive j12.approval --lab lab"))]
    Receive {
        /// The file; where it was to be signed with `ssh-keygen`, the signature is beside it in FILE.to-sign.sig
        file: PathBuf,
    },
    /// Sign a change that somebody else has signed with --out: for labs whose changes need two
    #[command(after_help = examples!("unseen countersign policy.hand-in --key li.pem"))]
    Countersign {
        /// The file, which is written anew
        file: PathBuf,
        #[command(flatten)]
        signer: Signer,
    },
    /// Say which protections hold on this machine
    #[command(after_help = examples!("unseen doctor", "unseen doctor --lab lab"))]
    Doctor,
    /// Explain a word that is met in answers and manifests, or all of them
    #[command(after_help = examples!("unseen explain rho", "unseen explain 截断 --lang zh"))]
    Explain {
        /// The word, in English or Chinese
        word: Option<String>,
    },
    /// Print what lets a shell complete these commands
    #[command(after_help = examples!("unseen completions bash > ~/.local/share/bash-completion/completions/unseen"))]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a manual page for each command, in your language
    #[command(after_help = examples!("unseen man ~/.local/share/man/man1", "unseen man --lang zh ~/.local/share/man/zh_CN/man1"))]
    Man {
        /// The folder; pages of these names in it are written anew
        dir: PathBuf,
    },
}

#[derive(Args)]
pub struct ServeArgs {
    /// Where to listen; may be given several times; with --demo first HTTPS, then HTTP for a browser (8080, or the port after a given one)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub listen: Vec<SocketAddr>,
    /// Host and port under which people know the lab; may be given several times; as it listens when left out
    #[arg(long, value_name = "HOST:PORT")]
    pub host: Vec<String>,
    /// The server's certificate, in PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The authorities of people's certificates (URI urn:unseen:person:NAME), in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub client_ca: Option<PathBuf>,
    /// Revocation lists of those authorities, in PEM
    #[arg(long, value_name = "FILE", requires = "client_ca")]
    pub crl: Option<PathBuf>,
    /// Without TLS: for this machine only
    #[arg(long, conflicts_with = "tls_cert")]
    pub plain: bool,
    /// Threads for a job's run; all cores when left out. The result does not depend on it
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
    /// Let people sign on by the office's identity provider (OpenID Connect): a TOML file
    #[arg(long, value_name = "TOML")]
    pub sign_on: Option<PathBuf>,
    /// Whom to tell by webhook and mail what happens: a TOML file
    #[arg(long, value_name = "TOML")]
    pub notices: Option<PathBuf>,
    /// Make a lab with made-up people and data in this folder, if there is none yet, and serve it on this machine
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "demo-served", conflicts_with_all = ["tls_cert", "plain"])]
    pub demo: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum LabCommand {
    /// Make a new lab in an empty folder; the owner becomes its first operator
    #[command(after_help = examples!("unseen lab init lab --origin lab.wujin.gov.cn/2026 --owner owner.pem --name \"Zhang Min\""))]
    Init {
        /// A new or empty folder
        dir: PathBuf,
        /// Name of the lab's log, such as lab.wujin.gov.cn/2026
        #[arg(long)]
        origin: String,
        /// The owner's private key: a file, or a key on a token (pkcs11:...)
        #[arg(long, value_name = "KEY")]
        owner: String,
        /// The owner's name
        #[arg(long, default_value = "owner")]
        name: String,
    },
    /// Show the lab: origin, size, people, nodes, datasets, jobs
    #[command(after_help = examples!("unseen lab show --lab lab"))]
    Show,
    /// Copy the whole lab, its keys too, into a new folder
    #[command(after_help = examples!("unseen lab backup /media/usb/2026-11-27"))]
    Backup {
        /// A new folder, readable by its owner only
        out: PathBuf,
    },
    /// Make a lab out of a backup, if it is whole and not older than what was published
    #[command(after_help = examples!("unseen lab restore /media/usb/2026-11-27 lab --since checkpoint.txt"))]
    Restore {
        /// The backup
        backup: PathBuf,
        /// A new folder
        dir: PathBuf,
        /// The newest checkpoint there is, kept elsewhere; without it the policy's witnesses are asked
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// Compare with nothing: an old backup gives spent budget back, and you answer for it
        #[arg(long, conflicts_with = "since")]
        unchecked: bool,
    },
    /// Sign checkpoints and releases in SM2 with SM3 too, with a new key that the policy names
    #[command(after_help = examples!("unseen lab enable-sm2 --key owner.pem"))]
    EnableSm2 {
        #[command(flatten)]
        signer: Signer,
    },
    /// Hand the log over to a new key: the next checkpoint is signed by both, later ones by the new key
    #[command(after_help = examples!("unseen lab rotate-key --key owner.pem", "unseen lab rotate-key --to \"pkcs11:token=lab;object=log\" --key owner.pem"))]
    RotateKey {
        /// A key on a token of the lab's machine (pkcs11:...); without it the lab makes a new key file
        #[arg(long, value_name = "URI")]
        to: Option<String>,
        #[command(flatten)]
        signer: ChangeSigner,
    },
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a new Ed25519 key (PKCS#8 PEM, readable by its owner only)
    #[command(after_help = examples!("unseen key new analyst.pem"))]
    New {
        /// Where to write it; an existing file is never overwritten
        file: PathBuf,
    },
    /// Show the public half of a key
    #[command(after_help = examples!("unseen key show analyst.pem"))]
    Show {
        /// The private key: a file, or a key on a token (pkcs11:...)
        key: String,
    },
}

/// Which entries of the log are wanted.
#[derive(Args)]
#[group(multiple = true, conflicts_with = "entry")]
pub struct Only {
    /// Only of this kind, such as job-approved
    #[arg(long, value_parser = PossibleValuesParser::new(Event::KINDS.iter().copied()), hide_possible_values = true)]
    pub kind: Option<String>,
    /// Only those that this person signed; `lab` for the lab itself
    #[arg(long, value_name = "PERSON")]
    pub by: Option<String>,
    /// Only about this job
    #[arg(long)]
    pub job: Option<JobId>,
    /// Only about this dataset, and the jobs that read it
    #[arg(long)]
    pub dataset: Option<String>,
    /// Only from this day on, by the signers' clocks (UTC), such as 2026-11-01
    #[arg(long, value_parser = day, value_name = "DAY")]
    pub since: Option<NaiveDate>,
    /// Only up to this day
    #[arg(long, value_parser = day, value_name = "DAY")]
    pub until: Option<NaiveDate>,
}

/// The signer's private key.
#[derive(Args)]
pub struct Signer {
    /// Your private key: a file, or a key on a token (pkcs11:...)
    #[arg(long, env = "UNSEEN_KEY", value_name = "KEY")]
    pub key: Option<String>,
}

/// Who signs a change, and whether it is handed in.
#[derive(Args)]
pub struct ChangeSigner {
    #[command(flatten)]
    pub signer: Signer,
    /// Hand nothing in: write the change, signed, to a file for `unseen receive`; with an SSH public key, sign FILE.to-sign with `ssh-keygen -Y sign -n unseen`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Subcommand)]
pub enum PersonCommand {
    /// Ask to be enrolled: writes a request signed by the new key, for an operator; with an SSH public key, sign the request with `ssh-keygen -Y sign -n unseen`
    #[command(after_help = examples!("unseen person request --name wang --role analyst --new-key wang.pem --origin lab.wujin.gov.cn/2026 --out wang.json"))]
    Request {
        #[command(flatten)]
        who: NewPerson,
        /// Origin of the lab's log
        #[arg(long)]
        origin: String,
        /// Where to write the request
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Enrol a person: signed by an operator and by the new key
    #[command(alias = "enrol")]
    #[command(after_help = examples!("unseen person enroll --request wang.json --key owner.pem"))]
    Enroll {
        /// A request made with `unseen person request`
        #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "new_key", "role"], required_unless_present = "new_key")]
        request: Option<PathBuf>,
        #[command(flatten)]
        who: Option<NewPerson>,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Revoke a person's key
    #[command(after_help = examples!("unseen person revoke wang --reason \"left the bureau\" --key owner.pem"))]
    Revoke {
        /// The person's name, or the public key
        person: String,
        /// Why, for the record
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// List everyone enrolled
    #[command(after_help = examples!("unseen person list"))]
    List,
}

#[derive(Args)]
pub struct NewPerson {
    /// The person's name
    #[arg(long)]
    pub name: String,
    /// A role: steward, analyst, operator or auditor; may be given several times
    #[arg(long, value_name = "ROLE", required = true)]
    pub role: Vec<Role>,
    /// The new private key: a file, or a key on a token (pkcs11:...); for `request` also an SSH public key
    #[arg(long, value_name = "KEY")]
    pub new_key: String,
}

#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Show the rules in force, as a file that `policy set` takes
    #[command(after_help = examples!("unseen policy show > policy.toml"))]
    Show,
    /// Show what new rules would change, and which jobs would be void, before they are set
    #[command(after_help = examples!("unseen policy diff policy.toml", "unseen policy diff policy.toml --access rules.cedar"))]
    Diff {
        /// A TOML file as `policy show` prints it
        file: PathBuf,
        /// Rules of access to the lab's service, in Cedar
        #[arg(long, value_name = "CEDAR")]
        access: Option<PathBuf>,
    },
    /// Check rules of access, in Cedar
    #[command(after_help = examples!("unseen policy check rules.cedar"))]
    Check {
        /// The rules
        file: PathBuf,
    },
    /// Say in a sentence each what rules of access allow and forbid
    #[command(after_help = examples!("unseen policy explain", "unseen policy explain --cedar > rules.cedar", "unseen policy explain rules.cedar"))]
    Explain {
        /// The rules; those in force when left out
        file: Option<PathBuf>,
        /// Print their text in Cedar instead, to begin new ones with
        #[arg(long, conflicts_with = "file")]
        cedar: bool,
    },
    /// Set new rules from a file
    #[command(after_help = examples!("unseen policy set policy.toml --key owner.pem"))]
    Set {
        /// A TOML file as `policy show` prints it
        file: PathBuf,
        /// New rules of access to the lab's service, in Cedar
        #[arg(long, value_name = "CEDAR")]
        access: Option<PathBuf>,
        #[command(flatten)]
        signer: ChangeSigner,
    },
}

#[derive(Args)]
pub struct BudgetArgs {
    /// Only this dataset
    #[arg(long)]
    pub dataset: Option<String>,
    /// Only this analyst
    #[arg(long)]
    pub analyst: Option<String>,
}

#[derive(Subcommand)]
pub enum LogCommand {
    /// List the log's entries
    #[command(after_help = examples!("unseen log show --from 100", "unseen log show --job j12", "unseen --json log show --entry 12"))]
    Show {
        /// First entry to show
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Show one entry whole
        #[arg(long, conflicts_with = "from")]
        entry: Option<u64>,
        #[command(flatten)]
        only: Only,
    },
    /// Print the signed checkpoint: keep it, and no later history can be shortened or changed unnoticed
    #[command(after_help = examples!("unseen log checkpoint > checkpoint.txt"))]
    Checkpoint,
    /// Ask the policy's witnesses to cosign the present checkpoint
    #[command(after_help = examples!("unseen log witness", "unseen log witness --list"))]
    Witness {
        /// Ask nobody: show who the witnesses are, and who has cosigned it
        #[arg(long)]
        list: bool,
    },
    /// Show who came to a served lab, who read what, and who was refused: for auditors
    #[command(after_help = examples!("unseen log access --day 2026-11-28", "unseen log access --person wang --action readRelease"))]
    Access {
        /// The day, in UTC; today when left out
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        day: Option<NaiveDate>,
        /// Only what this person did
        #[arg(long, value_name = "NAME")]
        person: Option<String>,
        /// Only this action, by its name in the rules of access
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
    },
    /// Print a proof that an entry is in the log (C2SP tlog-proof)
    #[command(after_help = examples!("unseen log prove 12 > entry-12.tlog-proof"))]
    Prove {
        /// The entry's index
        entry: u64,
    },
    /// Export what an auditor needs: the tiles, the checkpoint and the public blobs
    #[command(after_help = examples!("unseen log export bundle"))]
    Export {
        /// A new folder
        out: PathBuf,
        /// Take the jobs' components too
        #[arg(long)]
        modules: bool,
    },
}

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Verify an exported bundle, offline: signatures, tree, life-cycle, approvals, budget, releases
    #[command(after_help = examples!("unseen audit verify bundle --html report.html"))]
    Verify(VerifyArgs),
    /// Check a proof that one entry is in the log (C2SP tlog-proof)
    #[command(after_help = examples!("unseen audit proof entry-12.tlog-proof --log-key \"$(cat log.vkey)\""))]
    Proof(ProofArgs),
    /// Check a receipt: one release in one file, with the proof that the log names these very numbers
    #[command(after_help = examples!("unseen audit receipt j12.receipt.json --log-key \"$(cat log.vkey)\""))]
    Receipt(ReceiptArgs),
    /// Write what the lab shows for GB/T 22239-2019 (level 3) and SATRE, and what it does not show, with proofs (zip)
    #[command(after_help = examples!("unseen audit pack --out evidence.zip"))]
    Pack {
        /// Where to write it; never overwrites
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Run a job again inside the lab and derive every released number a second time
    #[command(after_help = examples!("unseen audit replay j12"))]
    Replay {
        /// The job's number
        job: JobId,
    },
}
