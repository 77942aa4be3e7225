//! The lab signs in SM2 with SM3 too, once it has such a key: every checkpoint bears a second line, every
//! release a second envelope. Ed25519 goes on being what counts for everybody else.

use unseen_keys::write_secret;
use unseen_policies::event::PolicySet;
use unseen_policies::policy::Policy;
use unseen_tlog::Signer;
use unseen_tlog::dsse::Envelope;
use unseen_tlog::sm2::{Sm2Envelope, Sm2NoteKey, Sm2SigningKey};

use crate::error::LabError;
use crate::lab::Lab;
use crate::sm2_key::{join, key, other};

impl Lab {
    /// Makes an SM2 key and names it in the policy. From here on it signs. Signed by an
    /// operator; returns the entry. A lab that has the key already only names it again.
    pub fn enable_sm2(&mut self, operator: &dyn Signer) -> Result<u64, LabError> {
        if key(&self.keys)?.is_none() {
            let pem = Sm2SigningKey::generate().and_then(|key| key.to_pem()).map_err(other)?;
            write_secret(&self.keys.sm2_file(), pem.as_bytes())?;
            join(&mut self.log, &self.keys)?;
        }
        let made = key(&self.keys)?.ok_or_else(|| LabError::NotAKey(self.keys.sm2_file()))?;
        let verifier = Sm2NoteKey::new(self.ledger().origin(), made.verifying_key()).map_err(other)?;
        let mut policy = self.ledger().policy().cloned().unwrap_or_default();
        policy.sm2_key = Some(verifier.to_string());
        self.sign_and_accept(PolicySet { policy }, operator, &[])
    }

    /// Whether the lab signs with the SM2 key that a policy names: where it does not, every checkpoint from
    /// then on would lack a signature.
    pub(crate) fn check_sm2(&self, policy: &Policy) -> Result<(), LabError> {
        let Some(named) = &policy.sm2_key else { return Ok(()) };
        let own = key(&self.keys)?.map(|key| Sm2NoteKey::new(self.ledger().origin(), key.verifying_key()));
        let own = own.transpose().map_err(other)?.map(|key| key.to_string());
        if own.as_ref() == Some(named) { Ok(()) } else { Err(LabError::OtherSm2Key) }
    }

    /// The second envelope of a release, if the lab has an SM2 key. Doing so again changes nothing that
    /// matters.
    pub(crate) fn countersign_release(&mut self, entry: u64) -> Result<(), LabError> {
        let Some(key) = key(&self.keys)? else { return Ok(()) };
        let envelope = Envelope::from_bytes(&self.log.entry(entry)?).map_err(other)?;
        let payload = envelope.unverified_payload().to_vec();
        let second = Sm2Envelope::sign(&key, envelope.payload_type(), payload).map_err(other)?;
        Ok(self.log.put_sm2_envelope(entry, second.to_bytes())?)
    }
}
