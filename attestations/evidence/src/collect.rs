//! Asking the machine. Everything else in this crate computes; this runs programs and reads files.

use crate::{
    Blob, Evidence, EvidenceError, ExpectedTpm2, MAX_BYTES, PcrBank, Pcrs, Provider, Tpm2, key::AttestationKey, tpm2,
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use unseen_ids::hex;
use unseen_texts::Say;

/// Where Linux shows the event log of the firmware. Only root reads it.
pub const FIRMWARE_LOG: &str = "/sys/kernel/security/tpm0/binary_bios_measurements";

/// How long one of the TPM's tools may take. Discrete TPMs sign an RSA quote in about a second.
const LIMIT: Duration = Duration::from_secs(60);

/// How to ask.
#[derive(Debug, Clone)]
pub struct CollectOptions {
    /// The attestation key as tpm2-tools name it: a file with its context, or a persistent handle
    /// such as `0x81010002`. It has no password.
    pub attestation_key: String,
    /// The PCRs of the sha256 bank to quote, at least one.
    pub pcrs: BTreeSet<u8>,
    /// Which event log to add.
    pub event_log: EventLog,
    /// How tpm2-tools reach the TPM; `None` leaves it to the variable `TPM2TOOLS_TCTI` and to their default.
    pub tcti: Option<String>,
}

/// The event log that goes with a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventLog {
    /// [`FIRMWARE_LOG`], if that is there.
    Firmware,
    /// This file.
    File(PathBuf),
    /// None.
    Omit,
}

/// Asks for evidence bound to `nonce`, the SHA-256 of the signed statement that starts the run.
///
/// For [`Provider::Tpm2`] this needs `tpm2_quote` and `tpm2_readpublic` of tpm2-tools 5 on the `PATH`.
/// What they write is verified against its own key before it is handed back, so that what could never
/// convince an auditor is an error now.
pub fn collect(provider: Provider, nonce: &[u8; 32], options: &CollectOptions) -> Result<Evidence, CollectError> {
    match provider {
        Provider::None => Ok(Evidence::None),
        Provider::Tpm2 => quote(nonce, options).map(Evidence::Tpm2),
        Provider::SevSnp => Err(CollectError::SevSnp),
    }
}

fn quote(nonce: &[u8; 32], options: &CollectOptions) -> Result<Tpm2, CollectError> {
    if options.pcrs.is_empty() || options.pcrs.iter().any(|index| *index > 23) {
        return Err(CollectError::Pcrs);
    }
    let dir = tempfile::Builder::new().prefix("unseen-quote-").tempdir().map_err(CollectError::Folder)?;
    let path = |name: &str| dir.path().join(name);
    let list: Vec<_> = options.pcrs.iter().map(u8::to_string).collect();
    let mut command = Command::new("tpm2_quote");
    command.arg("-c").arg(&options.attestation_key).args(["-q", &hex::encode(nonce), "-g", "sha256", "-F", "values"]);
    command.args(["-l", &format!("sha256:{}", list.join(","))]);
    command.arg("-m").arg(path("attest")).arg("-s").arg(path("signature")).arg("-o").arg(path("values"));
    run("tpm2_quote", command, options, dir.path())?;
    let mut command = Command::new("tpm2_readpublic");
    command.arg("-c").arg(&options.attestation_key).args(["-f", "pem", "-o"]).arg(path("key"));
    run("tpm2_readpublic", command, options, dir.path())?;

    let values = read(&path("values"))?;
    let (values, []) = values.as_chunks::<32>() else { return Err(CollectError::Values) };
    if values.len() != options.pcrs.len() {
        return Err(CollectError::Values);
    }
    let attestation_key = String::from_utf8(read(&path("key"))?).map_err(|_| EvidenceError::Key)?;
    let quote = Tpm2 {
        attest: Blob(read(&path("attest"))?),
        signature: Blob(read(&path("signature"))?),
        pcr_bank: PcrBank::Sha256,
        pcrs: options.pcrs.iter().copied().zip(values.iter().copied()).collect(),
        event_log: event_log(&options.event_log)?.map(Blob),
        attestation_key,
    };
    let own = ExpectedTpm2 { key: AttestationKey::from_pem(&quote.attestation_key)?.digest(), pcrs: Pcrs::new() };
    tpm2::verify(&quote, nonce, &own)?;
    Ok(quote)
}

fn event_log(log: &EventLog) -> Result<Option<Vec<u8>>, CollectError> {
    match log {
        EventLog::Omit => Ok(None),
        EventLog::Firmware if matches!(Path::new(FIRMWARE_LOG).try_exists(), Ok(false)) => Ok(None),
        EventLog::Firmware => read(Path::new(FIRMWARE_LOG)).map(Some),
        EventLog::File(path) => read(path).map(Some),
    }
}

/// Runs one tool to its end, or to [`LIMIT`].
fn run(tool: &'static str, mut command: Command, options: &CollectOptions, dir: &Path) -> Result<(), CollectError> {
    let failed = |source| CollectError::Start { tool, source };
    let said = dir.join("said");
    // A file and not a pipe: a tool that says much is not held up by nobody reading.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&said).map_err(failed)?);
    if let Some(tcti) = &options.tcti {
        command.env("TPM2TOOLS_TCTI", tcti);
    }
    let mut child = command.spawn().map_err(failed)?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if start.elapsed() > LIMIT => {
                // It may have ended just now; either way it is gone after this.
                let _ = child.kill();
                child.wait().map_err(failed)?;
                return Err(CollectError::Late(tool));
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&read(&said)?).trim().replace('\n', "; ");
    Err(CollectError::Tool { tool, said })
}

/// A whole file, if it is no longer than evidence may be.
fn read(path: &Path) -> Result<Vec<u8>, CollectError> {
    let failed = |source| CollectError::Read { path: path.into(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_BYTES { Err(EvidenceError::TooLong(bytes.len()).into()) } else { Ok(bytes) }
}

/// Why there is no evidence. These messages are for operators.
#[derive(Debug, thiserror::Error, Say)]
#[code("evidence-collect")]
pub enum CollectError {
    /// Not built.
    #[error("SEV-SNP reports are verified but not collected here: name tpm2 or none as the provider")]
    #[zh("此处只验证、不采集 SEV-SNP 报告：provider 请写 tpm2 或 none")]
    SevSnp,
    /// No PCR, or one that no TPM has.
    #[error("a quote needs at least one PCR, of 0 to 23: list them in the options")]
    #[zh("引证至少需要一个 PCR（0 至 23）：请在选项中列出")]
    Pcrs,
    /// No folder to work in.
    #[error("cannot make a temporary folder for the quote: {0}")]
    #[zh("无法为引证创建临时文件夹：{0}")]
    Folder(io::Error),
    /// A tool that is not there.
    #[error("cannot run {tool}: {source}; install tpm2-tools")]
    #[zh("无法运行 {tool}：{source}；请安装 tpm2-tools")]
    Start {
        /// Which.
        tool: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A tool that failed.
    #[error("{tool} failed: {said}; look at the attestation key and at TPM2TOOLS_TCTI")]
    #[zh("{tool} 失败：{said}；请检查证明密钥和 TPM2TOOLS_TCTI")]
    Tool {
        /// Which.
        tool: &'static str,
        /// What it said.
        said: String,
    },
    /// A tool that did not end.
    #[error("{0} had not ended after {limit} seconds and was killed: look whether the TPM answers", limit = LIMIT.as_secs())]
    #[zh("{0} 运行 {limit} 秒仍未结束，已被终止：请检查 TPM 是否应答", limit = LIMIT.as_secs())]
    Late(&'static str),
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}; if that is an event log, only root may read it, and it can be left out")]
    #[zh("无法读取 {path}：{source}；如为事件日志，只有 root 可读，也可以省略")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not the values that were asked for.
    #[error("tpm2_quote wrote other PCR values than were asked for: look whether the TPM has the sha256 bank")]
    #[zh("tpm2_quote 写出的 PCR 值不是所要求的：请检查 TPM 是否有 sha256 PCR 组")]
    Values,
    /// What was collected does not hold.
    #[error("what the TPM and its event log say does not hold together: {0}")]
    #[zh("TPM 与其事件日志所述不一致：{0}")]
    Unsound(#[from] EvidenceError),
}
