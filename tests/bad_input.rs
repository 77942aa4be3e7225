//! Files that are not what they should be: each gets one clear sentence, and nothing is registered,
//! half-written or left behind.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{Float64Array, RecordBatch, StringArray};
use support::*;

const IMPORT: &[&str] = &["dataset", "import", "it.csv", "--description", "it.toml", "--key", "keys/steward.pem"];

/// Imports `content`, which must be refused, and leaves no trace. Returns the sentence.
fn refused_import(lab: &Lab, content: &[u8], description: &str) -> String {
    lab.write("it.csv", content);
    lab.write("it.toml", description);
    let sentence = lab.refuses(IMPORT);
    assert_eq!(tree(&lab.path("lab/snapshots")), Vec::<String>::new(), "left behind after: {sentence}");
    sentence
}

/// Compares all sentences at once: (what it is about, what was said, what should have been).
fn golden(said: &[(String, String, String)]) {
    let wrong: Vec<_> = said.iter().filter(|(_, said, wanted)| said != wanted).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn imported(lab: &Lab, content: &[u8], description: &str) -> serde_json::Value {
    lab.write("it.csv", content);
    lab.write("it.toml", description);
    lab.ok(IMPORT)["quality"].clone()
}

#[test]
fn tables() {
    let lab = Lab::new();
    let none = |from: &str, to: &str| FIRMS.replace(from, to);
    let strict = none("nullable = false\n\n[[column]]\nname = \"town\"", "\n[[column]]\nname = \"town\"")
        .replace("set-aside", "refuse");
    let mut said = Vec::new();
    for (what, content, description, sentence) in [
        ("empty", &b""[..], FIRMS, "it.csv: the file is empty"),
        ("only a header", b"code,town,output\n", FIRMS, "it.csv: the file has a header but no rows"),
        (
            "ragged",
            b"code,town,output\na,north,1\nb,south\n",
            FIRMS,
            "it.csv: row 2 (line 3): 2 fields where 3 are expected; check the delimiter and the quotes",
        ),
        (
            "bad utf-8",
            b"code,town,output\na,north,1\nb,s\xffth,2\n",
            FIRMS,
            "it.csv: line 3: not valid utf-8; it seems to be windows-1252, and only UTF-8 and GB 18030 are read: convert it, `iconv -f windows-1252 -t UTF-8`",
        ),
        (
            "gb18030, undeclared",
            b"code,town,output\na,\xba\xfe\xcc\xc1,1\n",
            FIRMS,
            "it.csv: line 2: not valid utf-8; it seems to be gb18030: say encoding = \"gb18030\" under [csv]",
        ),
        (
            "utf-16",
            b"\xff\xfec\0o\0d\0e\0",
            FIRMS,
            "it.csv: the file is not CSV, Parquet or .xlsx but UTF-16 text: save it as UTF-8",
        ),
        (
            "a workbook",
            b"PK\x03\x04...",
            FIRMS,
            "it.csv: the file is not CSV, Parquet or .xlsx but a ZIP archive or a damaged workbook: unpack it, or save it as .xlsx again",
        ),
        (
            "two columns of one name",
            b"code,town,town\na,north,1\n",
            FIRMS,
            "it.csv: the header names column \"town\" twice: rename one of them",
        ),
        (
            "no unit column",
            b"id,town,output\na,north,1\n",
            FIRMS,
            "it.csv: the file lacks the unit column \"code\"; it has: id, town, output",
        ),
        ("no column", b"code,output\na,1\n", FIRMS, "it.csv: the file lacks column \"town\"; it has: code, output"),
        (
            "no unit at all",
            b"code,town,output\nNA,north,1\nNA,south,2\n",
            FIRMS,
            "it.csv: no row names a unit: column \"code\" is empty in all 2 rows",
        ),
        (
            "a unit refused",
            b"code,town,output\na,north,1\nNA,south,2\n",
            &strict,
            "it.csv: row 2 (line 3): the unit is missing, and the description says when_missing = \"refuse\"",
        ),
        (
            "a null",
            b"code,town,output\na,,1\n",
            &none("type = \"text\"\ndomain", "type = \"text\"\nnullable = false\ndomain"),
            "it.csv: row 1 (line 2), column \"town\": empty, but the column is declared not nullable",
        ),
        (
            "not a number",
            b"code,town,output\na,north,NaN\n",
            FIRMS,
            "it.csv: row 1 (line 2), column \"output\": not a finite number",
        ),
        (
            "an open quote",
            &[b"code,town,output\n\"", "a".repeat(17 << 20).as_bytes()].concat(),
            FIRMS,
            "it.csv: line 2: a record longer than 16 MiB; is a quote left open?",
        ),
        (
            "a description with an unknown field",
            b"",
            &none("provider", "provder"),
            "it.toml: line 4, column 1: unknown key \"provder\"; did you mean \"provider\"?",
        ),
        (
            "a description that is no TOML",
            b"",
            "name = ",
            "it.toml: line 1, column 8: string values must be quoted, expected literal string",
        ),
        (
            "a unit that is no column",
            b"",
            &none("column = \"code\"", "column = \"cod\""),
            "it.toml: line 9, column 19: no [[column]] is named \"cod\"; did you mean \"code\"?",
        ),
    ] {
        said.push((what.to_owned(), refused_import(&lab, content, description), sentence.to_owned()));
    }
    golden(&said);

    // Far down, where a sample would not have looked.
    let mut long = String::from("code,town,output\n");
    (1..300_000).for_each(|row| writeln!(long, "f{},north,{row}", row % 5_000).unwrap());
    long.push_str("f1,south,many\nf2,north,3\n");
    assert_eq!(
        refused_import(&lab, long.as_bytes(), FIRMS),
        "it.csv: row 300000 (line 300001), column \"output\": not a finite number"
    );
    std::fs::remove_file(lab.path("it.csv")).unwrap();
    assert_eq!(lab.refuses(IMPORT), "it.csv cannot be opened: No such file or directory (os error 2)");
    assert_eq!(lab.entries(), 7);
}

/// Unusual, and still read: a byte order mark, CRLF, GB 18030 as declared, a quoted line break, NA units.
#[test]
fn tables_that_are_taken() {
    let lab = Lab::new();
    let town = |quality: &serde_json::Value| quality["rows"].as_u64();
    assert_eq!(town(&imported(&lab, b"\xef\xbb\xbfcode,town,output\r\na,north,1\r\n", FIRMS)), Some(1));
    let declared =
        FIRMS.replace("[[column]]\nname = \"code\"", "[csv]\nencoding = \"gb18030\"\n\n[[column]]\nname = \"code\"");
    assert_eq!(town(&imported(&lab, b"code,town,output\na,\xba\xfe\xcc\xc1,1\nb,\"x\ny\",2\n", &declared)), Some(2));
    let quality = imported(&lab, b"code,town,output\na,north,1\nNA,north,2\nb,south,\n", FIRMS);
    assert_eq!(
        (quality["rows"].as_u64(), quality["setAside"].as_u64(), quality["units"].as_u64()),
        (Some(3), Some(1), Some(2))
    );
    assert_eq!(lab.kinds().iter().filter(|kind| *kind == "dataset-registered").count(), 3);

    // A reference table may be registered again, unchanged.
    lab.write("towns.csv", "town,name\nnorth,North\nsouth,South\n");
    lab.write("towns.toml", "name = \"towns\"\nkind = \"reference\"\nprovider = \"x\"\nclassification = \"public\"\nupdate_cycle = \"once\"\nsharing = \"unconditional\"\nkey = \"town\"\ntitle = { zh = \"镇\", en = \"Towns\" }\n[[column]]\nname = \"town\"\ntype = \"text\"\n[[column]]\nname = \"name\"\ntype = \"text\"\n");
    for _ in 0..2 {
        lab.ok(&["dataset", "import", "towns.csv", "--description", "towns.toml", "--key", "keys/steward.pem"]);
    }
}

#[test]
fn parquet() {
    let lab = Lab::new();
    let names = StringArray::from_iter_values((0..200).map(|i| format!("f{i}")));
    let towns = StringArray::from_iter_values((0..200).map(|i| ["north", "south"][i % 2]));
    let output = Float64Array::from_iter_values((0..200).map(f64::from));
    let batch = RecordBatch::try_from_iter([
        ("code", Arc::new(names) as _),
        ("town", Arc::new(towns) as _),
        ("output", Arc::new(output) as _),
    ])
    .unwrap();
    let mut good = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut good, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let lies = "it.csv: the Parquet file is damaged or lies about itself: ";
    let with = |at: usize, bytes: &[u8]| [&good[..at], bytes, &good[at + bytes.len()..]].concat();
    let end = good.len();
    for (content, sentence) in [
        (good[..end / 2].to_vec(), "it is cut off: the closing mark is missing"),
        (with(end - 8, &[0xff, 0xff, 0xff, 0x7f]), "its footer is said to be longer than the file or than 64 MiB"),
        (good[..8].to_vec(), "it is too short"),
    ] {
        assert_eq!(refused_import(&lab, &content, FIRMS), format!("{lies}{sentence}"));
    }
    // Wherever else a byte is wrong: one sentence, or a byte that says nothing.
    let footer = end - 8 - u32::from_le_bytes(good[end - 8..end - 4].try_into().unwrap()) as usize;
    for at in (footer..end - 8).step_by((end - 8 - footer) / 16) {
        lab.write("it.csv", with(at, &[good[at] ^ 0x55]));
        lab.write("it.toml", FIRMS.replace("\"firms\"", &format!("\"at-{at}\"")));
        let done = lab.unseen(IMPORT);
        let said = done.stderr.lines().count();
        assert!(matches!((done.code, said), (0, 0) | (1, 1)), "byte {at}: {done:?}");
        assert_eq!(lab.path(&format!("lab/snapshots/at-{at}")).exists(), done.code == 0, "byte {at}");
    }
    let quality = imported(&lab, &good, FIRMS);
    assert_eq!((quality["rows"].as_u64(), quality["units"].as_u64()), (Some(200), Some(200)));
}

#[test]
fn manifests() {
    let lab = Lab::with_job();
    let good = job("rho = 0.25");
    let value = "{ name = \"rows\", lower = 0, upper = 10, granularity = 1 }";
    let mut said = Vec::new();
    let number = "is not a finite number: write a decimal such as 0.01 or a fraction such as \"1/3\"";
    for (from, to, sentence) in [
        ("title", "titel", "line 2, column 1: `job` has no key `titel`: did you mean `title`?".to_owned()),
        ("[grain]", "[grain", "line 10, column 7: this is not valid TOML: unclosed table, expected `]`".to_owned()),
        ("lower = 0, upper = 10", "lower = 5, upper = 1",
            "line 15, column 36: `lower` is above `upper` for value `rows`: write the smaller bound as `lower`".to_owned()),
        ("upper = 10", "upper = 0",
            "line 15, column 64: no multiple of `granularity` other than 0 lies between `lower` and `upper`: use a finer granularity or wider bounds".to_owned()),
        ("upper = 10", "upper = nan", format!("line 15, column 47: `upper`: `nan` {number}")),
        ("lower = 0", "lower = -inf", format!("line 15, column 36: `lower`: `-inf` {number}")),
        ("granularity = 1", "granularity = 0", "line 15, column 65: `granularity` must be above 0: write the smallest difference that matters".to_owned()),
        ("granularity = 1", "granularity = 1e-30",
            "line 15, column 47: `upper` divided by `granularity` overflows 2^62 steps: use a coarser granularity".to_owned()),
        (value, &format!("{value}]\ngroups = [{{ name = \"n\", range = [1, 1_000_000] }}"),
            "line 14, column 8: output `rows` has more than 100000 groups: list fewer keys or use coarser ones".to_owned()),
        ("rho = 0.25", "rho = 0", "line 19, column 7: `rho` is 0: write a number from 1e-12 to 20".to_owned()),
        ("mechanism = \"gaussian\"\nrho = 0.25", "mechanism = \"laplace\"\nepsilon = 0",
            "line 19, column 11: `epsilon` is 0: write a number from 1e-6 to 20".to_owned()),
        ("mechanism = \"gaussian\"\nrho = 0.25", "mechanism = \"laplace\"\nepsilon = 1e9",
            "line 19, column 11: `epsilon` is 1000000000: write a number from 1e-6 to 20".to_owned()),
        ("rho = 0.25", "epsilon = 1", "line 19, column 11: gaussian noise has no pure epsilon: write rho, or mechanism = \"laplace\"".to_owned()),
        ("\"1MiB\"", "\"1TiB\"", "line 23, column 10: `memory` is `1TiB`: write 64KiB to 4GiB, such as \"64MiB\"".to_owned()),
        ("\"now\"", "\"soon\"", "line 4, column 11: `soon` is not a release time: write \"now\", a delay of 1 s to 366 days such as \"+2h\" or \"+PT1H\", or a time with its zone such as \"2027-01-31T08:00:00+08:00\"".to_owned()),
    ] {
        assert!(good.contains(from), "{from}");
        lab.write("job/job.toml", good.replace(from, to));
        said.push((to.to_owned(), lab.refuses(&["job", "check", "job"]), format!("job/job.toml: {sentence}")));
    }
    golden(&said);
    let submitted = lab.refuses(&["job", "submit", "job", "--key", "keys/analyst.pem"]);
    assert_eq!(submitted, said.pop().unwrap().2);
    assert_eq!(lab.refuses(&["job", "check", "nowhere"]), "nowhere: No such file or directory (os error 2)");
}

#[test]
fn modules() {
    let lab = Lab::with_job();
    let path = lab.path("job/target/job.wasm");
    let wasm = |text: &str| wat::parse_str(text).unwrap();
    let exporting = |result: &str| {
        wasm(&format!(
            r#"(component (core module $m (func (export "f") (result i32) (i32.const 1))) (core instance $i (instantiate $m))
               (func $f (result {result}) (canon lift (core func $i "f"))) (export "contribute" (func $f)))"#
        ))
    };
    let mut said = Vec::new();
    for (content, sentence) in [
        (b"hello".to_vec(), "this is not a WebAssembly file"),
        (Vec::new(), "this is not a WebAssembly file"),
        (wasm("(module)"), "this is a core WebAssembly module, not a component"),
        (
            wasm(
                "(component (import \"wasi:cli/environment@0.2.0\" (instance (export \"get-arguments\" (func (result (list string)))))))",
            ),
            "the module imports `wasi:cli/environment@0.2.0`; a job may import nothing, so that it can only compute",
        ),
        (
            wasm(
                "(component (import \"unseen:job/types@0.1.0\" (instance (type $t (list u8)) (export \"bytes\" (type (eq $t))))))",
            ),
            "the module was built for another version of the job contract, `unseen:job@0.1.0`: build it again with the tools of this version",
        ),
        (wasm("(component)"), "the module does not export `contribute`; write it against the job contract's WIT file"),
        (
            exporting("u32"),
            "the module exports `contribute` with another type than the job contract's: failed to convert function to given type: type mismatch with parameters: expected 2-tuple, found 0-tuple",
        ),
    ] {
        std::fs::write(&path, content).unwrap();
        let wanted = format!("the module is refused: {sentence}");
        said.push(("check".to_owned(), lab.refuses(&["job", "check", "job"]), wanted.clone()));
        said.push(("submit".to_owned(), lab.refuses(&["job", "submit", "job", "--key", "keys/analyst.pem"]), wanted));
    }
    let manifest = job("rho = 0.25");
    for (from, to, sentence) in [
        (
            "[\"town\", \"output\"]",
            "[\"output\", \"town\"]",
            "the component was built for a job.toml whose column 1 of `firms` is `town`, and here it is `output`: build it again",
        ),
        (
            "values = [{ name = \"rows\"",
            "values = [{ name = \"firms\"",
            "the component was built for a job.toml whose value 1 of `rows` is `rows`, and here it is `firms`: build it again",
        ),
    ] {
        std::fs::write(&path, component("(f64.const 1)")).unwrap();
        lab.write("job/job.toml", manifest.replace(from, to));
        let wanted = format!("the module is refused: {sentence}");
        said.push(("check".to_owned(), lab.refuses(&["job", "check", "job"]), wanted.clone()));
        said.push(("submit".to_owned(), lab.refuses(&["job", "submit", "job", "--key", "keys/analyst.pem"]), wanted));
    }
    lab.write("job/job.toml", manifest);
    golden(&said);
    // 200 MB take no room here, and no time there.
    std::fs::File::create(&path).unwrap().set_len(200_000_000).unwrap();
    assert_eq!(
        lab.refuses(&["job", "check", "job"]),
        "the module is refused: the module is 200000000 bytes long; at most 67108864 are allowed"
    );
    std::fs::write(&path, component("(f64.const 1)")).unwrap();
    let rounds = job("rho = 0.25").replace("[limits]", "[limits]\nrounds = 2");
    lab.write("job/job.toml", rounds);
    assert_eq!(
        lab.refuses(&["job", "submit", "job", "--key", "keys/analyst.pem"]),
        "the module is refused: the manifest asks for 2 rounds, but the component has no `advance`: export it, or set rounds = 1"
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        lab.refuses(&["job", "submit", "job", "--key", "keys/analyst.pem"]),
        "there is no component job/target/job.wasm: build it first"
    );
    assert_eq!(tree(&lab.path("lab/cache")), Vec::<String>::new(), "nothing refused is kept compiled");
}

#[test]
fn policies_requests_and_bundles() {
    let lab = Lab::new();
    let mut said = Vec::new();
    for (from, to, sentence) in [
        ("approvals", "aprovals", "it.toml: line 1, column 1: there is no key `aprovals`: did you mean `approvals`?"),
        (
            "approvals = 2",
            "approvals = 0",
            "the policy cannot stand: `approvals` is 0: a job needs between 1 and 16 approvals",
        ),
        (
            "1e-6",
            "nan",
            "the policy cannot stand: `delta` is NaN: it must lie between 0 and 0.5, usually far below one over the number of units",
        ),
        (
            "\"0.5\"",
            "\"-1\"",
            "it.toml: line 6, column 11: `-1` is not an amount of rho: write a decimal of at most 12 places, not negative",
        ),
    ] {
        lab.write("it.toml", POLICY.replace(from, to));
        said.push((
            to.to_owned(),
            lab.refuses(&["policy", "set", "it.toml", "--key", "keys/owner.pem"]),
            sentence.to_owned(),
        ));
    }

    lab.ok(&["key", "new", "keys/new.pem"]);
    let request = |origin: &str| {
        let _ = std::fs::remove_file(lab.path("request.json"));
        lab.ok(&[
            "person",
            "request",
            "--name",
            "new",
            "--role",
            "auditor",
            "--new-key",
            "keys/new.pem",
            "--origin",
            origin,
            "--out",
            "request.json",
        ])
    };
    let enroll = || lab.refuses(&["person", "enroll", "--request", "request.json", "--key", "keys/owner.pem"]);
    request("lab.example/other");
    assert_eq!(enroll(), "the entry was signed for the log `lab.example/other`, not for `lab.example/test`");
    let mut more = request(ORIGIN);
    more["roles"] = serde_json::json!(["auditor", "operator"]);
    lab.write("request.json", more.to_string());
    assert_eq!(enroll(), "the new key did not sign this enrolment");
    lab.write("request.json", "{}");
    assert_eq!(enroll(), "request.json is not an enrolment request");

    lab.ok(&["log", "export", "bundle"]);
    lab.write("empty/x", "");
    lab.write("kept", "not a checkpoint");
    for (command, sentence) in [
        ("audit verify empty", "empty is no exported bundle"),
        ("audit verify bundle --since kept", "kept is no checkpoint: give one that you kept from before"),
        (
            "audit verify bundle --log-key lab.example/test+00000000+AAAA",
            "the verifier key you know: \"lab.example/test+00000000+AAAA\" is not a verifier key of this kind (name+id+base64)",
        ),
    ] {
        said.push((command.to_owned(), lab.refuses(&command.split(' ').collect::<Vec<_>>()), sentence.to_owned()));
    }
    golden(&said);
}
