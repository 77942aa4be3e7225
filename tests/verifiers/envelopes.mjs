// Verifies every entry of a log as a DSSE envelope, with @sigstore/verify and the keys that the log itself
// enrols, and shows that the same envelopes are refused once altered. It knows nothing of signatures by SSH and by
// passkeys: those are counted, and left to envelopes.py.
//
//     node envelopes.mjs MODULES FOLDER
//
// Ends with one line, and with 0 if that begins with OK.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [modules, folder] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(modules, 'package.json'));
const { bundleFromJSON } = require('@sigstore/bundle');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const keys = {};
const learn = (hex) => {
  const key = Buffer.from(hex, 'hex');
  // An Ed25519 key as SubjectPublicKeyInfo (RFC 8410).
  const rawBytes = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  keys[createHash('sha256').update(key).digest('hex')] = { rawBytes };
};

const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const thresholds = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 };

const verify = (dsseEnvelope) => {
  const bundle = bundleFromJSON({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: dsseEnvelope.signatures[0].keyid }, tlogEntries: [] },
    dsseEnvelope,
  });
  new Verifier(toTrustMaterial(none, keys), thresholds).verify(toSignedEntity(bundle));
};

const refused = (envelope, what) => {
  try {
    verify(envelope);
  } catch {
    return;
  }
  throw new Error(`accepted though ${what}`);
};

const flipped = (base64) => (base64[0] === 'B' ? 'C' : 'B') + base64.slice(1);

const entries = () => {
  const size = Number(readFileSync(join(folder, 'checkpoint'), 'utf8').split('\n')[1]);
  const found = [];
  while (found.length < size) {
    const [n, width] = [found.length / 256, Math.min(256, size - found.length)];
    const name = String(n % 1000).padStart(3, '0') + (width < 256 ? `.p/${width}` : '');
    const data = readFileSync(join(folder, 'tile/entries', name));
    let at = 0;
    for (let i = 0; i < width; i++) {
      const end = at + 2 + data.readUInt16BE(at);
      found.push(JSON.parse(data.subarray(at + 2, end).toString()));
      at = end;
    }
    if (at !== data.length) throw new Error(`${name} is ${data.length} bytes long, not ${at}`);
  }
  return found;
};

try {
  const all = entries();
  let others = 0;
  all.forEach((envelope, index) => {
    // The start of a run is SLSA provenance and has no event.
    const { event = {} } = JSON.parse(Buffer.from(envelope.payload, 'base64')).predicate;
    if (index === 0) [event.ownerKey, event.serviceKey].forEach(learn);
    const [signature] = envelope.signatures;
    if (/^(SSHSIG|WEBAUTHN)/.test(Buffer.from(signature.sig, 'base64').toString('latin1'))) {
      others += 1;
      return;
    }
    verify(envelope);
    refused({ ...envelope, payload: flipped(envelope.payload) }, `the payload of entry ${index} was altered`);
    refused({ ...envelope, payloadType: `x${envelope.payloadType}` }, `the type of entry ${index} was altered`);
    const forged = { ...signature, sig: flipped(signature.sig) };
    refused({ ...envelope, signatures: [forged] }, `the signature of entry ${index} was altered`);
    const other = Object.keys(keys).find((id) => id !== signature.keyid);
    refused({ ...envelope, signatures: [{ ...signature, keyid: other }] }, `entry ${index} names another signer`);
    if (event.key && event.proof) learn(event.key);
  });
  console.log(`OK ${all.length} envelopes by ${Object.keys(keys).length} keys, ${others} by SSH or passkeys not looked at`);
} catch (why) {
  console.log(`REFUSED ${why.message}`);
  process.exitCode = 1;
}
