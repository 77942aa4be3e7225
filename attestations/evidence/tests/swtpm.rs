//! The whole way with a TPM that is a program: keys, PCRs, quotes, and a second opinion by tpm2-tools.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use std::{
    collections::BTreeSet,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use unseen_evidence::{
    CollectError, CollectOptions, EventLog, Evidence, EvidenceError, Expected, ExpectedTpm2, Provider, Tpm2,
    attestation_key_digest, collect, parts, verify,
};
use unseen_ids::hex;

const TOOLS: [&str; 11] = [
    "swtpm",
    "setpriv",
    "tpm2_createek",
    "tpm2_createak",
    "tpm2_evictcontrol",
    "tpm2_flushcontext",
    "tpm2_pcrextend",
    "tpm2_quote",
    "tpm2_readpublic",
    "tpm2_checkquote",
    "tpm2_eventlog",
];
const NONCE: [u8; 32] = *b"the nonce of the captured quotes";
const OTHER: [u8; 32] = *b"the nonce of quite another quote";
const A: [u8; 32] = [0xaa; 32];
const B: [u8; 32] = [0xbb; 32];

/// With UNSEEN_BLESS=1 in the environment this writes the quotes in `tests/data` anew.
#[test]
fn quotes_of_both_kinds_of_keys() {
    for (kind, scheme) in [("ecc", "ecdsa"), ("rsa", "rsassa")] {
        let Some(tpm) = Swtpm::start() else { return };
        tpm.extend(16, A);
        let key = tpm.attestation_key(kind, scheme);
        let options = tpm.options(&key, &[0, 7, 16]);
        let good = tpm.quote(&NONCE, &options);
        if std::env::var_os("UNSEEN_BLESS").is_some() {
            let json = [Evidence::Tpm2(good.clone()).to_bytes().unwrap(), b"\n".to_vec()].concat();
            let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
            std::fs::write(data.join(format!("tpm2-{kind}.json")), json).unwrap();
        }
        let policy = named(&good);
        assert_eq!(check(&good, &NONCE, &policy), Ok(()));
        assert!(tpm.checkquote(&good, &NONCE), "tpm2_checkquote agrees");

        // Another run's nonce, a changed value, a changed quote: both refuse.
        assert_eq!(check(&good, &OTHER, &policy), Err(EvidenceError::Nonce));
        assert!(!tpm.checkquote(&good, &OTHER));
        let mut bad = good.clone();
        bad.pcrs.get_mut(&16).unwrap()[0] ^= 1;
        assert_eq!(check(&bad, &NONCE, &policy), Err(EvidenceError::PcrDigest));
        assert!(!tpm.checkquote(&bad, &NONCE));
        let mut bad = good.clone();
        *bad.attest.0.last_mut().unwrap() ^= 1;
        assert_eq!(check(&bad, &NONCE, &policy), Err(EvidenceError::Signature(parts::QUOTE)));
        assert!(!tpm.checkquote(&bad, &NONCE));
        let mut bad = good.clone();
        bad.pcrs.remove(&0);
        assert_eq!(
            check(&bad, &NONCE, &ExpectedTpm2 { pcrs: bad.pcrs.clone(), ..policy.clone() }),
            Err(EvidenceError::PcrSelection)
        );

        // The machine starts something else: its quote holds, and the policy says that it is another.
        tpm.extend(16, B);
        let later = tpm.quote(&OTHER, &options);
        assert_eq!(check(&later, &OTHER, &named(&later)), Ok(()));
        assert_eq!(check(&later, &OTHER, &policy), Err(EvidenceError::PcrValue(16)));
        assert!(tpm.checkquote(&later, &OTHER));

        // The old machine's values under the new quote, and the old quote for the new run.
        let mixed = Tpm2 { pcrs: good.pcrs.clone(), ..later };
        assert_eq!(check(&mixed, &OTHER, &policy), Err(EvidenceError::PcrDigest));
        assert_eq!(check(&good, &OTHER, &policy), Err(EvidenceError::Nonce));
    }
}

#[test]
fn a_quote_with_its_event_log() {
    let Some(tpm) = Swtpm::start() else { return };
    let key = tpm.attestation_key("ecc", "ecdsa");
    let log = tpm.dir.path().join("log");
    let header = b"\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x21\0\0\0Spec ID Event03\0\0\0\0\0\0\x02\0\x02\x01\0\0\0\x0b\0\x20\0\0";
    // EV_SEPARATOR, whose event has four bytes.
    let event = |digest: [u8; 32]| {
        [b"\x07\0\0\0\x04\0\0\0\x01\0\0\0\x0b\0".as_slice(), &digest, b"\x04\0\0\0\0\0\0\0"].concat()
    };
    std::fs::write(&log, [header.as_slice(), &event(A), &event(B)].concat()).unwrap();
    tpm.extend(7, A);
    let options = CollectOptions { event_log: EventLog::File(log.clone()), ..tpm.options(&key, &[0, 7]) };
    let early = tpm.collect(Provider::Tpm2, &NONCE, &options).unwrap_err();
    assert!(matches!(early, CollectError::Unsound(EvidenceError::EventLog(7))), "{early}");
    tpm.extend(7, B);
    let good = tpm.quote(&NONCE, &options);
    assert_eq!(good.event_log.as_ref().unwrap().0, std::fs::read(&log).unwrap());
    assert_eq!(check(&good, &NONCE, &named(&good)), Ok(()));
    let seven = hex::encode(&good.pcrs[&7]);
    let second = String::from_utf8(tpm.run("tpm2_eventlog", &[log.to_str().unwrap()]).stdout).unwrap();
    assert!(second.contains(&seven), "tpm2_eventlog does not find {seven}: {second}");
    let mut bad = good.clone();
    bad.event_log.as_mut().unwrap().0[header.len() + 14] ^= 1;
    assert_eq!(check(&bad, &NONCE, &named(&bad)), Err(EvidenceError::EventLog(7)));
    // The verdict says whether there was a log.
    let about = |quote: &Tpm2| {
        let verdict = verify(&Evidence::Tpm2(quote.clone()), &NONCE, &Expected::Tpm2(named(quote))).unwrap();
        verdict.established.iter().any(|sentence| sentence.en.contains("event log"))
    };
    assert!(about(&good) && !about(&Tpm2 { event_log: None, ..good }));
}

#[test]
fn what_cannot_be_collected_is_said() {
    let Some(tpm) = Swtpm::start() else { return };
    let key = tpm.attestation_key("ecc", "ecdsa");
    let ask = |provider, options: &CollectOptions| tpm.collect(provider, &NONCE, options);
    let good = tpm.options(&key, &[0]);
    assert_eq!(ask(Provider::None, &good).unwrap(), Evidence::None);
    assert!(matches!(ask(Provider::SevSnp, &good), Err(CollectError::SevSnp)));
    for pcrs in [&[][..], &[24], &[0, 255]] {
        assert!(matches!(ask(Provider::Tpm2, &tpm.options(&key, pcrs)), Err(CollectError::Pcrs)));
    }
    for key in ["0x81019999", "no-such-file"] {
        let refused = ask(Provider::Tpm2, &tpm.options(key, &[0])).unwrap_err();
        assert!(matches!(&refused, CollectError::Tool { tool: "tpm2_quote", said } if !said.is_empty()), "{refused}");
    }
    let nowhere = CollectOptions { tcti: Some("swtpm:host=127.0.0.1,port=1".into()), ..good.clone() };
    assert!(matches!(ask(Provider::Tpm2, &nowhere), Err(CollectError::Tool { .. })));
    let missing = CollectOptions { event_log: EventLog::File("no-such-log".into()), ..good.clone() };
    assert!(matches!(ask(Provider::Tpm2, &missing), Err(CollectError::Read { .. })));
    assert!(ask(Provider::Tpm2, &good).is_ok());
}

/// A policy that names this quote's key and all of its values.
fn named(quote: &Tpm2) -> ExpectedTpm2 {
    let key = hex::decode(&attestation_key_digest(&quote.attestation_key).unwrap()).unwrap();
    ExpectedTpm2 { key, pcrs: quote.pcrs.clone() }
}

fn check(quote: &Tpm2, nonce: &[u8; 32], expected: &ExpectedTpm2) -> Result<(), EvidenceError> {
    verify(&Evidence::Tpm2(quote.clone()), nonce, &Expected::Tpm2(expected.clone())).map(drop)
}

/// A TPM with a folder and ports of its own. It ends with this value, or with this process.
struct Swtpm {
    child: Child,
    tcti: String,
    dir: tempfile::TempDir,
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Swtpm {
    /// `None`, loudly, where the tools are missing.
    fn start() -> Option<Swtpm> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let missing = TOOLS.iter().find(|tool| !std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()));
        if let Some(missing) = missing {
            let why = "quotes by a TPM (apt install swtpm tpm2-tools libtss2-tcti-swtpm0)";
            skip::skipped(&format!("{why}: there is no {missing}"));
            return None;
        }
        // Somebody else may take the ports between here and there: try again.
        Some((0..20).find_map(|_| Swtpm::try_start()).expect("swtpm does not start"))
    }

    fn try_start() -> Option<Swtpm> {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        std::fs::create_dir(&state).unwrap();
        // The TCTI expects the control channel on the next port.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let next = TcpListener::bind(("127.0.0.1", port.checked_add(1)?)).ok()?;
        drop((free, next));
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "swtpm", "socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", state.display())])
            .args(["--server", &format!("type=tcp,port={port},bindaddr=127.0.0.1")])
            .args(["--ctrl", &format!("type=tcp,port={},bindaddr=127.0.0.1", port + 1)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut tpm = Swtpm { child, tcti: format!("swtpm:host=127.0.0.1,port={port}"), dir };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) && tpm.child.try_wait().unwrap().is_none() {
            if tpm.output("tpm2_flushcontext", &["-t"]).status.success() {
                return Some(tpm);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn output(&self, tool: &str, args: &[&str]) -> Output {
        Command::new(tool).args(args).current_dir(&self.dir).env("TPM2TOOLS_TCTI", &self.tcti).output().unwrap()
    }

    fn run(&self, tool: &str, args: &[&str]) -> Output {
        let output = self.output(tool, args);
        assert!(output.status.success(), "{tool} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// As docs/evidence.md tells operators; there is no resource manager here, so what is loaded is flushed.
    fn attestation_key(&self, kind: &str, scheme: &str) -> String {
        let flush = || self.run("tpm2_flushcontext", &["-t"]);
        self.run("tpm2_createek", &["-c", "ek.ctx", "-G", kind, "-u", "ek.pub"]);
        flush();
        self.run("tpm2_createak", &["-C", "ek.ctx", "-c", "ak.ctx", "-G", kind, "-g", "sha256", "-s", scheme]);
        flush();
        if kind == "ecc" {
            return self.dir.path().join("ak.ctx").to_str().unwrap().to_owned();
        }
        self.run("tpm2_evictcontrol", &["-C", "o", "-c", "ak.ctx", "0x81010002"]);
        flush();
        "0x81010002".to_owned()
    }

    fn extend(&self, pcr: u8, digest: [u8; 32]) {
        self.run("tpm2_pcrextend", &[&format!("{pcr}:sha256={}", hex::encode(&digest))]);
    }

    fn options(&self, key: &str, pcrs: &[u8]) -> CollectOptions {
        CollectOptions {
            attestation_key: key.to_owned(),
            pcrs: pcrs.iter().copied().collect::<BTreeSet<_>>(),
            event_log: EventLog::Omit,
            tcti: Some(self.tcti.clone()),
        }
    }

    fn collect(
        &self,
        provider: Provider,
        nonce: &[u8; 32],
        options: &CollectOptions,
    ) -> Result<Evidence, CollectError> {
        let evidence = collect(provider, nonce, options);
        // A key in a file is loaded each time, and without a resource manager it stays.
        self.run("tpm2_flushcontext", &["-t"]);
        evidence
    }

    fn quote(&self, nonce: &[u8; 32], options: &CollectOptions) -> Tpm2 {
        let evidence = self.collect(Provider::Tpm2, nonce, options).unwrap();
        assert_eq!(Evidence::parse(&evidence.to_bytes().unwrap()).unwrap(), evidence);
        let Evidence::Tpm2(quote) = evidence else { panic!("not a quote") };
        quote
    }

    /// The verdict of tpm2-tools on signature, nonce and PCR values.
    fn checkquote(&self, quote: &Tpm2, nonce: &[u8; 32]) -> bool {
        let put = |name: &str, bytes: &[u8]| {
            let path: PathBuf = self.dir.path().join(name);
            std::fs::write(path, bytes).unwrap();
        };
        put("a", &quote.attest.0);
        put("s", &quote.signature.0);
        put("k", quote.attestation_key.as_bytes());
        put("v", &quote.pcrs.values().copied().collect::<Vec<_>>().concat());
        let list: Vec<_> = quote.pcrs.keys().map(u8::to_string).collect();
        let list = format!("sha256:{}", list.join(","));
        let nonce = hex::encode(nonce);
        let args = ["-u", "k", "-m", "a", "-s", "s", "-g", "sha256", "-f", "v", "-l", &list, "-q", &nonce];
        self.output("tpm2_checkquote", &args).status.success()
    }
}
