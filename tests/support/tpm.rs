//! A TPM in software, for tests.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::*;

/// A TPM in software, ended when this is dropped.
pub struct Tpm {
    process: std::process::Child,
    pub tcti: String,
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Tpm {
    /// None where swtpm or tpm2-tools are not installed.
    pub fn start(lab: &Lab) -> Option<Tpm> {
        Command::new("tpm2_quote").arg("--version").output().ok()?;
        let state = lab.path("tpm");
        std::fs::create_dir(&state).unwrap();
        // Two neighbouring ports: commands and control.
        let port = (0..50).find_map(|_| {
            let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            (port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok()).then_some(port)
        })?;
        let process = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", state.display())])
            .args(["--server", &format!("type=tcp,port={port},disconnect")])
            .args(["--ctrl", &format!("type=tcp,port={}", port + 1)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let tpm = Tpm { process, tcti: format!("swtpm:host=127.0.0.1,port={port}") };
        let start = Instant::now();
        while !tpm.tool("tpm2_getrandom", &["--hex", "4"], lab) {
            assert!(start.elapsed() < Duration::from_secs(20), "swtpm does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(tpm)
    }

    pub fn tool(&self, program: &str, args: &[&str], lab: &Lab) -> bool {
        let mut command = Command::new(program);
        command.args(args).current_dir(lab.path(".")).env("TPM2TOOLS_TCTI", &self.tcti);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Makes an attestation key that is kept at this handle; its name in a policy.
    pub fn attestation_key(&self, lab: &Lab, handle: &str) -> String {
        for (program, args) in [
            ("tpm2_createek", "-c ek.ctx -G ecc -u ek.pub".to_owned()),
            ("tpm2_createak", "-C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa".to_owned()),
            ("tpm2_evictcontrol", format!("-C o -c ak.ctx {handle}")),
            ("tpm2_readpublic", format!("-c {handle} -f pem -o ak.pem")),
        ] {
            assert!(self.tool(program, &args.split(' ').collect::<Vec<_>>(), lab), "{program}");
            // Without a resource manager, a TPM has room for three objects only.
            assert!(self.tool("tpm2_flushcontext", &["-t"], lab));
        }
        let key = text(&lab.ok(&["evidence", "key", "ak.pem"])["key"]);
        ["ek.pub", "ak.pem"].iter().for_each(|made| std::fs::remove_file(lab.path(made)).unwrap());
        key
    }

    /// How the machine of a lab or a node is asked for evidence by a key at this handle.
    pub fn evidence_toml(&self, handle: &str) -> String {
        format!("attestation_key = \"{handle}\"\npcrs = [0]\nevent_log = \"\"\ntcti = \"{}\"\n", self.tcti)
    }
}
