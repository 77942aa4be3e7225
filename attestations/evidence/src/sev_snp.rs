//! One SEV-SNP attestation report, verified over its raw bytes: nothing is taken apart and put
//! together again, so no bit of it can change unseen.
//!
//! Offsets are those of ATTESTATION_REPORT in AMD's SEV-SNP ABI specification (56860), which all of
//! its versions 2 to 5 share; certificates are described in AMD's VCEK specification (57230).

use crate::{EvidenceError, ExpectedSevSnp, Product, Proven, Provider, SevSnp, parts};
use ring::signature::{ECDSA_P384_SHA384_FIXED, RSA_PSS_2048_8192_SHA384, UnparsedPublicKey};
use std::ops::Range;
use unseen_ids::{hex, sha256};
use unseen_texts::{Text, text};
use x509_cert::{
    Certificate,
    der::{Decode, Encode, oid::ObjectIdentifier},
};

const LENGTH: usize = 1184;
const VERSION: Range<usize> = 0x00..0x04;
const POLICY: Range<usize> = 0x08..0x10;
const VMPL: Range<usize> = 0x30..0x34;
const SIGNATURE_ALGORITHM: Range<usize> = 0x34..0x38;
const KEY_INFO: Range<usize> = 0x48..0x4c;
const REPORT_DATA: Range<usize> = 0x50..0x90;
const MEASUREMENT: Range<usize> = 0x90..0xc0;
const REPORTED_TCB: Range<usize> = 0x180..0x188;
const CHIP_ID: Range<usize> = 0x1a0..0x1e0;
const SIGNED: Range<usize> = 0x00..0x2a0;
/// The two numbers of the signature, little-endian, 48 bytes and 24 zeros each.
const R: Range<usize> = 0x2a0..0x2e8;
const S: Range<usize> = 0x2e8..0x330;
const RESERVED: Range<usize> = 0x330..LENGTH;

const POLICY_MIGRATION_AGENT: u64 = 1 << 18;
const POLICY_DEBUG: u64 = 1 << 19;
/// Which key signed, in KEY_INFO: bits 2 to 4, zero for a VCEK.
const SIGNING_KEY: u32 = 0b11100;

/// The SHA-256 of AMD's root certificates in DER, taken from those that the crate `sev` 8.0.0 ships in
/// `src/certs/snp/builtin`. AMD itself serves them, behind the ASK, at
/// `https://kdsintf.amd.com/vcek/v1/Milan/cert_chain` (`Genoa`, `Turin`), for whoever wants to compare:
/// `openssl x509 -outform der | sha256sum`.
fn root(product: Product) -> &'static str {
    match product {
        Product::Milan => "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
        Product::Genoa => "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
        Product::Turin => "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
    }
}

/// Checks a report; see [`crate::verify`].
pub(crate) fn verify(evidence: &SevSnp, nonce: &[u8; 32], expected: &ExpectedSevSnp) -> Result<Proven, EvidenceError> {
    let mut report_data = [0; 64];
    report_data[..32].copy_from_slice(nonce);
    verify_for(evidence, &report_data, expected)
}

fn verify_for(evidence: &SevSnp, data: &[u8; 64], expected: &ExpectedSevSnp) -> Result<Proven, EvidenceError> {
    if hex::encode(&sha256(&[&evidence.chain.ark.0])) != root(expected.product) {
        return Err(EvidenceError::Root);
    }
    let ark = certificate(parts::ARK, &evidence.chain.ark.0)?;
    let ask = certificate(parts::ASK, &evidence.chain.ask.0)?;
    let vcek = certificate(parts::VCEK, &evidence.vcek.0)?;
    // The root's signature of itself proves nothing more: its digest is what is trusted.
    signed_by(&ask, &ark, parts::ASK)?;
    signed_by(&vcek, &ask, parts::VCEK)?;
    let report: &[u8; LENGTH] =
        evidence.report.0.as_slice().try_into().map_err(|_| EvidenceError::Malformed(parts::REPORT))?;
    vcek_is_of(&vcek, report, expected.product)?;
    report_signed_by(report, &vcek)?;
    fields(report, data, expected)?;
    Ok(proven(expected))
}

/// One certificate in strict DER: written out again it is the same bytes, so that what is verified
/// below is what was given.
fn certificate(what: Text, der: &[u8]) -> Result<Certificate, EvidenceError> {
    let parsed = Certificate::from_der(der).map_err(|_| EvidenceError::Malformed(what))?;
    // The algorithm stands outside of what is signed too, and must be the same there (RFC 5280, 4.1.1.2).
    let same = parsed.to_der().is_ok_and(|again| again == der)
        && parsed.signature_algorithm() == parsed.tbs_certificate().signature();
    if same { Ok(parsed) } else { Err(EvidenceError::Malformed(what)) }
}

/// RSASSA-PSS with SHA-384, as AMD signs all of these.
fn signed_by(signed: &Certificate, signer: &Certificate, what: Text) -> Result<(), EvidenceError> {
    let message = signed.tbs_certificate().to_der().map_err(|_| EvidenceError::Malformed(what))?;
    let signature = signed.signature().as_bytes().ok_or(EvidenceError::Malformed(what))?;
    let verified = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, public_key(signer)).verify(&message, signature);
    verified.map_err(|_| EvidenceError::Signature(what))
}

/// ECDSA on P-384 with SHA-384, and zeros wherever neither the signed part nor the signature is.
fn report_signed_by(report: &[u8; LENGTH], vcek: &Certificate) -> Result<(), EvidenceError> {
    let malformed = EvidenceError::Malformed(parts::REPORT);
    if report[RESERVED].iter().any(|byte| *byte != 0) || number(report, SIGNATURE_ALGORITHM) != 1 {
        return Err(malformed);
    }
    let mut signature = Vec::with_capacity(96);
    for half in [&report[R], &report[S]] {
        let (number, padding) = half.split_at(48);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(malformed);
        }
        signature.extend(number.iter().rev());
    }
    let verified =
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, public_key(vcek)).verify(&report[SIGNED], &signature);
    verified.map_err(|_| EvidenceError::Signature(parts::REPORT))
}

/// The certificate names the chip and, level by level, the firmware of the report.
fn vcek_is_of(vcek: &Certificate, report: &[u8; LENGTH], product: Product) -> Result<(), EvidenceError> {
    // The chip's identity stands bare in its extension. Since Turin it has 8 bytes, and zeros in the report.
    let chip = extension(vcek, &[4])?;
    let length = if product == Product::Turin { 8 } else { 64 };
    let (named, zeros) = report[CHIP_ID].split_at(length);
    if chip != named || zeros.iter().any(|byte| *byte != 0) {
        return Err(EvidenceError::OtherChip);
    }
    // Which extension under 1.3.6.1.4.1.3704.1.3 goes with which byte of REPORTED_TCB: 1 boot loader,
    // 2 TEE, 3 SNP firmware, 4 to 7 reserved, 8 microcode, 9 FMC.
    let levels = match product {
        Product::Milan | Product::Genoa => [1, 2, 4, 5, 6, 7, 3, 8],
        Product::Turin => [9, 1, 2, 3, 5, 6, 7, 8],
    };
    for (arc, byte) in levels.into_iter().zip(&report[REPORTED_TCB]) {
        let level = u8::from_der(extension(vcek, &[3, arc])?);
        if level.ok() != Some(*byte) {
            return Err(EvidenceError::OtherChip);
        }
    }
    Ok(())
}

/// What the report says of the guest, against nonce and policy.
fn fields(report: &[u8; LENGTH], data: &[u8; 64], expected: &ExpectedSevSnp) -> Result<(), EvidenceError> {
    if !(2..=5).contains(&number(report, VERSION)) {
        return Err(EvidenceError::Malformed(parts::REPORT));
    }
    if number(report, KEY_INFO) & u64::from(SIGNING_KEY) != 0 {
        return Err(EvidenceError::Guest(text!(
            "the report is signed with another key than a VCEK",
            "报告不是由 VCEK 密钥签名"
        )));
    }
    // A report that the host asked for has all ones here.
    if number(report, VMPL) > 3 {
        return Err(EvidenceError::Guest(text!(
            "the report was asked for by the host and not by a guest",
            "报告是由宿主机而不是虚拟机索取的"
        )));
    }
    if report[REPORT_DATA] != *data {
        return Err(EvidenceError::Nonce);
    }
    let policy = number(report, POLICY);
    if policy & POLICY_DEBUG != 0 && !expected.allow_debug {
        return Err(EvidenceError::Guest(text!(
            "the host may read and change the guest's memory for debugging",
            "宿主机可借调试读取和更改虚拟机内存"
        )));
    }
    if policy & POLICY_MIGRATION_AGENT != 0 {
        return Err(EvidenceError::Guest(text!(
            "the guest may be moved to other machines by a migration agent",
            "虚拟机可由迁移代理移到别的机器"
        )));
    }
    if expected.measurement.is_some_and(|measurement| report[MEASUREMENT] != measurement) {
        return Err(EvidenceError::Guest(text!(
            "the guest was started with another measurement",
            "虚拟机启动时的度量值不同"
        )));
    }
    let old = |least: [u8; 8]| report[REPORTED_TCB].iter().zip(least).any(|(level, least)| *level < least);
    if expected.minimum_tcb.is_some_and(old) {
        return Err(EvidenceError::Guest(text!(
            "the processor's firmware is older than the least level",
            "处理器固件低于最低级别"
        )));
    }
    Ok(())
}

/// A little-endian number of at most 8 bytes.
fn number(report: &[u8; LENGTH], range: Range<usize>) -> u64 {
    report[range].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn public_key(certificate: &Certificate) -> &[u8] {
    // A key of a fraction of bytes is none, and no signature is its.
    certificate.tbs_certificate().subject_public_key_info().subject_public_key.as_bytes().unwrap_or_default()
}

/// The content of the one extension whose name is AMD's 1.3.6.1.4.1.3704.1 and `arcs`.
fn extension<'a>(vcek: &'a Certificate, arcs: &[u32]) -> Result<&'a [u8], EvidenceError> {
    let name =
        arcs.iter().try_fold(ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1"), |name, arc| name.push_arc(*arc));
    let extensions = vcek.tbs_certificate().extensions().map(Vec::as_slice).unwrap_or_default();
    let mut found = extensions.iter().filter(|extension| Ok(extension.extn_id) == name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.extn_value.as_bytes()),
        _ => Err(EvidenceError::Malformed(parts::VCEK)),
    }
}

/// The verdict on a report that holds.
pub(crate) fn proven(expected: &ExpectedSevSnp) -> Proven {
    let mut established = vec![
        text!(
            "A processor certified under the AMD root that the policy names reported on an SEV-SNP guest that presented the digest of this run.",
            "由规则所指 AMD 根认证的处理器，对出示了本次运行摘要的 SEV-SNP 虚拟机作出了报告。"
        ),
        text!(
            "The report was signed when the statement that starts this run was there already: it holds its digest.",
            "报告签署之时，开始本次运行的声明已经存在：报告中含有其摘要。"
        ),
        text!(
            "The processor's certificate is for exactly the chip and the firmware level in the report.",
            "处理器证书恰好对应报告中的芯片和固件级别。"
        ),
    ];
    let mut not_established = vec![
        text!(
            "That the run happened inside that guest: the report shows that the guest knew the run's digest, and not what it did.",
            "运行是否发生在该虚拟机内：报告只表明虚拟机知道本次运行的摘要，不表明它做了什么。"
        ),
        text!(
            "That AMD's certificates are still good: no revocation list and no clock was consulted.",
            "AMD 的证书是否仍然有效：未查询吊销列表，也未核对时间。"
        ),
        text!(
            "Whose machine that is, and that nobody attacked the processor physically or through a weakness of its firmware.",
            "该机器属于谁，以及是否有人以物理方式或利用固件弱点攻击过处理器。"
        ),
    ];
    if expected.measurement.is_some() {
        established.push(text!(
            "The guest was started with the measurement that the policy names.",
            "虚拟机启动时的度量值即规则所指的值。"
        ));
    } else {
        not_established.push(text!(
            "What software the guest was started with: the policy names no measurement.",
            "虚拟机启动时运行的是什么软件：规则没有指明度量值。"
        ));
    }
    if expected.minimum_tcb.is_some() {
        established.push(text!(
            "The processor's firmware has at least the level that the policy names.",
            "处理器固件达到规则所要求的级别。"
        ));
    } else {
        not_established.push(text!(
            "How recent the processor's firmware is: the policy names no least level.",
            "处理器固件有多新：规则没有指明最低级别。"
        ));
    }
    if expected.allow_debug {
        not_established.push(text!(
            "That the host could not read the guest's memory: the policy allows guests that can be debugged.",
            "宿主机是否无法读取虚拟机内存：规则允许可调试的虚拟机。"
        ));
    } else {
        established.push(text!(
            "The guest's policy forbids the host to debug it, and a migration agent to move it.",
            "虚拟机的策略禁止宿主机对其调试，也禁止迁移代理将其移走。"
        ));
    }
    Proven { provider: Provider::SevSnp, established, not_established }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Blob, Chain, Evidence, Expected};

    const REPORT: &[u8; LENGTH] = include_bytes!("../tests/data/report-milan.bin");
    const VCEK: &[u8] = include_bytes!("../tests/data/vcek-milan.der");
    const ASK: &[u8] = include_bytes!("../tests/data/ask-milan.der");
    const ARK: &[u8] = include_bytes!("../tests/data/ark-milan.der");
    const ARK_GENOA: &[u8] = include_bytes!("../tests/data/ark-genoa.der");
    const VCEK_TURIN: &[u8] = include_bytes!("../tests/data/vcek-turin.der");
    const ASK_TURIN: &[u8] = include_bytes!("../tests/data/ask-turin.der");
    const ARK_TURIN: &[u8] = include_bytes!("../tests/data/ark-turin.der");

    fn shipped() -> SevSnp {
        let blob = |bytes: &[u8]| Blob(bytes.to_vec());
        SevSnp { report: blob(REPORT), vcek: blob(VCEK), chain: Chain { ask: blob(ASK), ark: blob(ARK) } }
    }

    fn milan() -> ExpectedSevSnp {
        ExpectedSevSnp { product: Product::Milan, measurement: None, minimum_tcb: None, allow_debug: false }
    }

    fn data() -> [u8; 64] {
        REPORT[REPORT_DATA].try_into().unwrap()
    }

    fn check(evidence: &SevSnp) -> Result<(), EvidenceError> {
        verify_for(evidence, &data(), &milan()).map(drop)
    }

    fn read(der: &[u8]) -> Certificate {
        certificate(parts::VCEK, der).unwrap()
    }

    #[test]
    fn a_report_of_a_real_processor_holds() {
        assert_eq!(check(&shipped()), Ok(()));
        let evidence = Evidence::SevSnp(shipped());
        assert_eq!(Evidence::parse(&evidence.to_bytes().unwrap()), Ok(evidence.clone()));
        // Its guest put 64 bytes of its own where a run has its nonce and zeros.
        let nonce = data()[..32].try_into().unwrap();
        assert_eq!(crate::verify(&evidence, &nonce, &Expected::SevSnp(milan())), Err(EvidenceError::Nonce));
    }

    #[test]
    fn every_flipped_byte_of_the_report_is_refused_by_its_signature() {
        let vcek = read(VCEK);
        assert_eq!(report_signed_by(REPORT, &vcek), Ok(()));
        for i in 0..LENGTH {
            // One bit a byte is enough under the signature; all bits of what it does not cover.
            for bit in if SIGNED.contains(&i) { i % 8..i % 8 + 1 } else { 0..8 } {
                let mut report = *REPORT;
                report[i] ^= 1 << bit;
                assert!(report_signed_by(&report, &vcek).is_err(), "bit {bit} of byte {i}");
            }
        }
        let mut report = *REPORT;
        report[SIGNATURE_ALGORITHM.start] = 2;
        assert_eq!(report_signed_by(&report, &vcek), Err(EvidenceError::Malformed(parts::REPORT)), "another algorithm");
        for length in [0, 1, SIGNED.end, LENGTH - 1, LENGTH + 1] {
            let mut evidence = shipped();
            evidence.report.0.resize(length, 0);
            assert_eq!(check(&evidence), Err(EvidenceError::Malformed(parts::REPORT)), "{length} bytes");
        }
    }

    #[test]
    fn every_flipped_byte_of_the_evidence_is_refused() {
        type Part = fn(&mut SevSnp) -> &mut Vec<u8>;
        let parts: [(&str, Part, usize); 4] = [
            ("report", |evidence| &mut evidence.report.0, LENGTH),
            ("vcek", |evidence| &mut evidence.vcek.0, VCEK.len()),
            ("ask", |evidence| &mut evidence.chain.ask.0, ASK.len()),
            ("ark", |evidence| &mut evidence.chain.ark.0, ARK.len()),
        ];
        for (name, part, length) in parts {
            for i in 0..length {
                let mut evidence = shipped();
                part(&mut evidence)[i] ^= 1 << (i % 8);
                assert!(check(&evidence).is_err(), "{name}, byte {i}");
            }
            let mut evidence = shipped();
            part(&mut evidence).push(0);
            assert!(check(&evidence).is_err(), "{name} with a byte more");
            part(&mut evidence).truncate(length - 1);
            assert!(check(&evidence).is_err(), "{name} with a byte less");
        }
    }

    /// Other bytes that a reader of certificates takes for the same: here a year of four digits where
    /// RFC 5280 wants two.
    #[test]
    fn another_spelling_of_a_certificate_is_refused() {
        let at = VCEK.windows(15).position(|bytes| bytes == b"\x17\x0d230403192343Z").unwrap();
        let mut spelt = [&VCEK[..at], b"\x18\x0f20230403192343Z", &VCEK[at + 15..]].concat();
        // Two bytes more in the certificate, in what is signed, and in the validity.
        for length in [3, 7, at - 1] {
            spelt[length] += 2;
        }
        assert!(Certificate::from_der(&spelt).is_ok_and(|same| same.to_der().unwrap() == VCEK));
        let evidence = SevSnp { vcek: Blob(spelt), ..shipped() };
        assert_eq!(check(&evidence), Err(EvidenceError::Malformed(parts::VCEK)));
    }

    #[test]
    fn another_root_is_refused() {
        let of = |product| verify_for(&shipped(), &data(), &ExpectedSevSnp { product, ..milan() }).map(drop);
        assert_eq!(of(Product::Genoa), Err(EvidenceError::Root));
        assert_eq!(of(Product::Turin), Err(EvidenceError::Root));
        let mut evidence = shipped();
        evidence.chain.ark = Blob(ARK_GENOA.to_vec());
        assert_eq!(check(&evidence), Err(EvidenceError::Root));
        let genoa = ExpectedSevSnp { product: Product::Genoa, ..milan() };
        let refused = verify_for(&evidence, &data(), &genoa).map(drop);
        assert_eq!(refused, Err(EvidenceError::Signature(parts::ASK)));
        // A root that signs itself and whatever else is wanted, in the place of the signer.
        let mut evidence = shipped();
        evidence.chain.ask = Blob(ARK.to_vec());
        assert_eq!(check(&evidence), Err(EvidenceError::Signature(parts::VCEK)));
        evidence.vcek = Blob(ASK.to_vec());
        assert_eq!(check(&evidence), Err(EvidenceError::Malformed(parts::VCEK)), "none of a processor");
    }

    #[test]
    fn the_roots_are_those_of_their_lines() {
        for (product, ark, name) in [
            (Product::Milan, ARK, "ARK-Milan"),
            (Product::Genoa, ARK_GENOA, "ARK-Genoa"),
            (Product::Turin, ARK_TURIN, "ARK-Turin"),
        ] {
            assert_eq!(hex::encode(&sha256(&[ark])), root(product));
            let ark = read(ark);
            assert_eq!(signed_by(&ark, &ark, parts::ARK), Ok(()));
            assert!(ark.tbs_certificate().subject().to_string().contains(name));
        }
    }

    #[test]
    fn the_certificate_is_for_the_chip_and_level_of_the_report() {
        let flips = |vcek: &Certificate, good: &[u8; LENGTH], product| {
            assert_eq!(vcek_is_of(vcek, good, product), Ok(()));
            for i in REPORTED_TCB.chain(CHIP_ID) {
                let mut report = *good;
                report[i] ^= 1;
                assert_eq!(vcek_is_of(vcek, &report, product), Err(EvidenceError::OtherChip), "byte {i}");
            }
        };
        flips(&read(VCEK), REPORT, Product::Milan);
        assert!(vcek_is_of(&read(VCEK), REPORT, Product::Turin).is_err());
        let mut evidence = shipped();
        evidence.report.0[CHIP_ID.start] ^= 1;
        assert_eq!(check(&evidence), Err(EvidenceError::OtherChip));
        // A certificate of the Turin line, and what its chip would report: microcode 9, all else 0.
        let (vcek, ask, ark) = (read(VCEK_TURIN), read(ASK_TURIN), read(ARK_TURIN));
        assert_eq!(signed_by(&ask, &ark, parts::ASK), Ok(()));
        assert_eq!(signed_by(&vcek, &ask, parts::VCEK), Ok(()));
        let mut report = *REPORT;
        report[REPORTED_TCB].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9]);
        report[CHIP_ID].fill(0);
        report[CHIP_ID][..8].copy_from_slice(&hex::decode::<8>("1e550a8ee5cf9f4d").unwrap());
        flips(&vcek, &report, Product::Turin);
        // An ASK has none of these extensions.
        assert_eq!(vcek_is_of(&read(ASK), REPORT, Product::Milan), Err(EvidenceError::Malformed(parts::VCEK)));
    }

    #[test]
    fn what_the_policy_does_not_accept_is_refused() {
        let with = |at: usize, byte: u8, expected: &ExpectedSevSnp| {
            let mut report = *REPORT;
            report[at] = byte;
            fields(&report, &data(), expected)
        };
        let refused = |at, byte| with(at, byte, &milan());
        assert_eq!(refused(0, 2), Ok(()));
        for version in [0, 1, 6] {
            assert_eq!(refused(0, version), Err(EvidenceError::Malformed(parts::REPORT)));
        }
        assert!(matches!(refused(KEY_INFO.start, 4), Err(EvidenceError::Guest(_))), "a VLEK");
        assert!(matches!(refused(VMPL.start, 4), Err(EvidenceError::Guest(_))));
        assert!(matches!(refused(VMPL.end - 1, 0xff), Err(EvidenceError::Guest(_))));
        assert_eq!(refused(VMPL.start, 3), Ok(()));
        for i in REPORT_DATA {
            assert_eq!(refused(i, REPORT[i] ^ 1), Err(EvidenceError::Nonce));
        }
        let debug = Err(EvidenceError::Guest(text!(
            "the host may read and change the guest's memory for debugging",
            "宿主机可借调试读取和更改虚拟机内存"
        )));
        assert_eq!(refused(POLICY.start + 2, 0b1000), debug);
        assert_eq!(with(POLICY.start + 2, 0b1000, &ExpectedSevSnp { allow_debug: true, ..milan() }), Ok(()));
        assert!(matches!(refused(POLICY.start + 2, 0b0100), Err(EvidenceError::Guest(_))), "a migration agent");

        let measurement: [u8; 48] = REPORT[MEASUREMENT].try_into().unwrap();
        let expected = ExpectedSevSnp { measurement: Some(measurement), ..milan() };
        assert_eq!(fields(REPORT, &data(), &expected), Ok(()));
        for i in MEASUREMENT {
            assert!(matches!(with(i, REPORT[i] ^ 1, &expected), Err(EvidenceError::Guest(_))));
        }
        let level: [u8; 8] = REPORT[REPORTED_TCB].try_into().unwrap();
        assert_eq!(fields(REPORT, &data(), &ExpectedSevSnp { minimum_tcb: Some(level), ..milan() }), Ok(()));
        for i in 0..8 {
            let mut more = level;
            more[i] += 1;
            let refused = fields(REPORT, &data(), &ExpectedSevSnp { minimum_tcb: Some(more), ..milan() });
            assert!(matches!(refused, Err(EvidenceError::Guest(_))), "level {i}");
        }
    }

    #[test]
    fn the_verdict_follows_the_policy() {
        let strict = ExpectedSevSnp { measurement: Some([0; 48]), minimum_tcb: Some([0; 8]), ..milan() };
        let loose = ExpectedSevSnp { allow_debug: true, ..milan() };
        let (strict, loose) = (proven(&strict), proven(&loose));
        assert_eq!(strict.established.len(), loose.established.len() + 3);
        assert_eq!(strict.not_established.len(), loose.not_established.len() - 3);
    }
}
