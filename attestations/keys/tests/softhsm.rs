//! Keys on a real token: SoftHSM 2, with keys made by OpenSC's pkcs11-tool.
//!
//! A PKCS#11 library and its settings are one for a whole process, so every story is played in a process
//! of its own: each test starts this program again for the ignored function of the same name.
#![cfg(feature = "pkcs11")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use skip::skipped;
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use unseen_keys::{KeyStoreError, open_key, write_secret};
use unseen_tlog::{
    KeyError,
    dsse::Envelope,
    note::{Checkpoint, Note, NoteKey},
};

const PIN: &str = "271828";
const SO_PIN: &str = "31415926";

#[test]
fn a_token_signs_what_a_file_would() {
    play("signing");
}

#[test]
fn what_is_not_the_key_is_refused() {
    play("refusing");
}

#[test]
fn a_token_that_went_away_is_opened_again() {
    play("reopening");
}

#[test]
fn a_token_that_signs_wrongly_is_found_out() {
    play("lying");
}

#[test]
#[ignore = "played by a_token_signs_what_a_file_would"]
fn signing() {
    let Some(token) = Token::of_this_process() else { return };
    token.make_key("EC:edwards25519", "log", "01");
    token.make_key("EC:edwards25519", "the service; no 2", "02");
    let log = open_key(&token.uri("object=log")).unwrap();
    let service = open_key(&token.uri("object=the%20service%3B%20no%202;id=%02;type=private")).unwrap();
    assert_ne!(log.verifying_key(), service.verifying_key());
    assert_eq!(open_key(&token.uri("id=%01")).unwrap().verifying_key(), log.verifying_key());

    let checkpoint = Checkpoint { origin: "lab.example/log".into(), size: 7, root: [7; 32] };
    let note = checkpoint.sign(&*log).unwrap();
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    let key = NoteKey::new("lab.example/log", log.verifying_key()).unwrap();
    assert_eq!(Checkpoint::open(&read, &key).unwrap(), checkpoint);
    let envelope = Envelope::sign(&*service, "text/plain", b"yes".to_vec()).unwrap();
    let read = Envelope::from_bytes(&envelope.to_bytes()).unwrap();
    assert_eq!(read.verify(&service.verifying_key()).unwrap(), b"yes");
    assert!(read.verify(&log.verifying_key()).is_err());

    // Empty, long, and from several threads over one session.
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let log = Arc::clone(&log);
            scope.spawn(move || {
                for length in [0, 1, 100, 100_000] {
                    let message = vec![thread; length];
                    let signature = log.sign(&message).unwrap();
                    assert_eq!(log.verifying_key().verify(&message, &signature), Ok(()));
                    assert_eq!(log.sign(&message).unwrap(), signature, "one message has one signature");
                }
            });
        }
    });
    assert_eq!(format!("{log:?}"), format!("TokenKey(of {})", log.verifying_key()));

    // A token may hold the private key alone, if that tells its public half.
    token.tool(&["--delete-object", "--type", "pubkey", "--id", "02"]);
    let alone = open_key(&token.uri("id=%02"));
    assert!(
        matches!(&alone, Err(KeyStoreError::NoPublicKey))
            || alone.as_ref().is_ok_and(|key| key.verifying_key() == service.verifying_key()),
        "{alone:?}"
    );
}

#[test]
#[ignore = "played by what_is_not_the_key_is_refused"]
fn refusing() {
    let Some(token) = Token::of_this_process() else { return };
    for (kind, label, id) in [
        ("EC:edwards25519", "log", "01"),
        ("EC:edwards25519", "twin", "02"),
        ("EC:edwards25519", "twin", "03"),
        ("EC:prime256v1", "p256", "04"),
        ("rsa:2048", "rsa", "05"),
    ] {
        token.make_key(kind, label, id);
    }
    let pin = token.dir.join("pin");
    let uri = token.uri("object=log");
    // While nobody is logged in: a login is the whole process's.
    std::fs::write(&pin, "161803\n").unwrap();
    refused(&uri, "the token refused the PIN (PinIncorrect)");
    std::fs::set_permissions(&pin, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&uri, "can be read by others (mode 644)");
    std::fs::set_permissions(&pin, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&pin, [0xff]).unwrap();
    refused(&uri, "is not text");
    refused(&uri.replace(pin.to_str().unwrap(), "/no/such/file"), "/no/such/file: ");
    refused(uri.split("&pin-source").next().unwrap(), "add pin-source=FILE");
    std::fs::write(&pin, format!("{PIN}\r\n")).unwrap();

    refused(&uri.replace("token=lab", "token=bal"), "no token in any slot");
    refused(&uri.replace("token=lab", "token=lab;serial=0"), "no token in any slot");
    refused(&uri.replace("token=lab", "slot-id=3"), "no token in any slot");
    refused(&token.uri("object=gol"), "holds no private key");
    refused(&token.uri("object=log;id=%02"), "holds no private key");
    refused(&token.uri("object=twin"), "2 private keys on the token");
    refused(&token.uri("object=p256"), "has type CKK_EC, not Ed25519");
    refused(&token.uri("object=rsa"), "has type CKK_RSA, not Ed25519");
    refused(&uri.replace(&token.module, "/no/such/module.so"), "/no/such/module.so cannot be used");
    refused(&uri.replace(&token.module, pin.to_str().unwrap()), "cannot be used");
    refused(&format!("{uri}&pin-value={PIN}"), "shell history");

    assert!(open_key(&uri).is_ok());
    assert!(open_key(&token.uri("object=twin;id=%02")).is_ok());
    // A second token with the same label.
    token.init("lab");
    token.restart_library();
    refused(&uri, "2 tokens match the key's URI");
}

#[test]
#[ignore = "played by a_token_that_went_away_is_opened_again"]
fn reopening() {
    let Some(token) = Token::of_this_process() else { return };
    token.make_key("EC:edwards25519", "log", "01");
    let key = open_key(&token.uri("object=log")).unwrap();
    let signs =
        || key.sign(b"again").map(|signature| assert_eq!(key.verifying_key().verify(b"again", &signature), Ok(())));
    signs().unwrap();

    // Somebody logs out: the login is the process's.
    let module = Pkcs11::new(&token.module).unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_ro_session(slot).unwrap();
    session.logout().unwrap();
    signs().unwrap();
    drop(session);

    // All sessions are lost, as when a token is pulled out.
    token.restart_library();
    signs().unwrap();

    // It is away: no signature, and one again when it is back.
    let (here, away) = (token.dir.join("tokens"), token.dir.join("away"));
    std::fs::rename(&here, &away).unwrap();
    std::fs::create_dir(&here).unwrap();
    token.restart_library();
    let sentence = |error: KeyError| error.to_string();
    assert!(signs().map_err(sentence).unwrap_err().contains("no token in any slot"));
    std::fs::remove_dir_all(&here).unwrap();
    std::fs::rename(&away, &here).unwrap();
    token.restart_library();
    signs().unwrap();

    // Another key of the same name takes its place.
    token.tool(&["--delete-object", "--type", "privkey", "--id", "01"]);
    token.tool(&["--delete-object", "--type", "pubkey", "--id", "01"]);
    token.make_key("EC:edwards25519", "log", "01");
    token.restart_library();
    assert!(signs().map_err(sentence).unwrap_err().contains("another key of the same name"));

    // A PIN that was refused once is not tried again: tokens lock themselves after a few tries.
    let key = open_key(&token.uri("object=log")).unwrap();
    let pin = token.dir.join("pin");
    std::fs::write(&pin, "161803").unwrap();
    token.restart_library();
    let refusal = key.sign(b"").map_err(sentence).unwrap_err();
    assert!(refusal.contains("PinIncorrect"), "{refusal}");
    std::fs::write(&pin, PIN).unwrap();
    assert_eq!(key.sign(b"").map_err(sentence).unwrap_err(), refusal);
    assert!(open_key(&token.uri("object=log")).unwrap().sign(b"").is_ok());
}

#[test]
#[ignore = "played by a_token_that_signs_wrongly_is_found_out"]
fn lying() {
    let Some(token) = Token::of_this_process() else { return };
    token.make_key("EC:edwards25519", "log", "01");
    token.make_key("EC:edwards25519", "other", "02");
    token.tool(&["--delete-object", "--type", "pubkey", "--id", "01"]);
    // Now the public key beside the private one is another's, as if the token signed with the wrong key.
    token.tool(&["--set-id", "01", "--type", "pubkey", "--id", "02"]);
    let key = open_key(&token.uri("object=log")).unwrap();
    let error = key.sign(b"message").unwrap_err().to_string();
    assert!(error.contains("is not a signature of its public key"), "{error}");
    token.make_key("EC:edwards25519", "third", "03");
    token.tool(&["--set-id", "01", "--type", "pubkey", "--id", "03"]);
    token.restart_library();
    refused(&token.uri("object=log"), "does not give the key's public half");
}

#[track_caller]
fn refused(uri: &str, why: &str) {
    let error = open_key(uri).unwrap_err().to_string();
    assert!(error.contains(why), "{uri}: {error}");
    assert!(!error.contains(PIN), "{error}");
}

/// A folder with one token, `lab`, and a file with its PIN.
struct Token {
    dir: PathBuf,
    module: String,
}

impl Token {
    /// The token that [`play`] has set this process up for.
    fn of_this_process() -> Option<Token> {
        let Some(dir) = std::env::var_os("UNSEEN_TEST_TOKEN") else {
            skipped("this is played by the test that its mark names");
            return None;
        };
        let token = Token { dir: dir.into(), module: softhsm().unwrap().to_owned() };
        token.init("lab");
        write_secret(&token.dir.join("pin"), format!("{PIN}\n").as_bytes()).unwrap();
        Some(token)
    }

    fn uri(&self, key: &str) -> String {
        format!("pkcs11:token=lab;{key}?module-path={}&pin-source=file:{}/pin", self.module, self.dir.display())
    }

    fn init(&self, label: &str) {
        run(Command::new("softhsm2-util").args([
            "--init-token",
            "--free",
            "--label",
            label,
            "--pin",
            PIN,
            "--so-pin",
            SO_PIN,
        ]));
    }

    fn make_key(&self, kind: &str, label: &str, id: &str) {
        self.tool(&["--keypairgen", "--key-type", kind, "--label", label, "--id", id]);
    }

    fn tool(&self, args: &[&str]) {
        let login = ["--module", &self.module, "--token-label", "lab", "--login", "--pin", PIN];
        run(Command::new("pkcs11-tool").args(login).args(args));
    }

    /// Ends the library's life in this process behind everybody's back, and begins another.
    fn restart_library(&self) {
        let module = Pkcs11::new(&self.module).unwrap();
        module.clone().finalize().unwrap();
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    }
}

/// Runs an ignored function of this file in a process of its own, with an empty token store.
fn play(story: &str) {
    if softhsm().is_none()
        || [("softhsm2-util", "--version"), ("pkcs11-tool", "--help")].iter().any(|(tool, arg)| missing(tool, arg))
    {
        return skipped("SoftHSM 2 or pkcs11-tool is not installed (Debian: softhsm2 opensc)");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("tokens")).unwrap();
    let settings = format!(
        "directories.tokendir = {}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
        dir.path().display()
    );
    let file = dir.path().join("softhsm2.conf");
    std::fs::write(&file, settings).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", story, "--ignored", "--nocapture"])
        .env("SOFTHSM2_CONF", file)
        .env("UNSEEN_TEST_TOKEN", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The library's path, in the places where distributions put it.
fn softhsm() -> Option<&'static str> {
    [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
}

fn missing(tool: &str, arg: &str) -> bool {
    Command::new(tool).arg(arg).output().is_err()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
