//! `ro-crate-metadata.json`: RO-Crate 1.2, profile Five Safes 0.4, and of the workflow inside it Workflow RO-Crate 1.0.

use serde_json::{Value, json};
use unseen_ids::Digest;
use unseen_usecases::jobs::Reads;
use unseen_usecases::plan::{Grain, Plan};

use crate::proof::Proven;
use crate::story::{NUMBERS, POLICY, Story, TABLE};

/// Where the workflow is: the job's manifest, as a crate of its own.
pub(crate) const WORKFLOW: &str = "workflow/";
const PROFILE: &str = "https://w3id.org/5s-crate/0.4";
const WORKFLOW_PROFILE: &str = "https://w3id.org/workflowhub/workflow-ro-crate/1.0";
const CONTEXT: &str = "https://w3id.org/ro/crate/1.2/context";
const VERSION: &str = "https://w3id.org/ro/crate/1.2";
const DONE: &str = "http://schema.org/CompletedActionStatus";
const SHA256: &str = "https://www.iana.org/assignments/named-information#sha-256";
const PROJECT: &str = "#project";
const LAB: &str = "#lab";
const PROGRAM: &str = "#unseen";
const RUN: &str = "#run";
const TERMS: &str = "#terms";
const COMPONENT: &str = "urn:unseen:module:";

/// Of the whole crate; `files` are the others in it, with their lengths.
pub(crate) fn metadata(story: &Story, files: impl Iterator<Item = (String, usize)>) -> Value {
    // What is in the workflow's folder is described there.
    let files: Vec<_> = files.filter(|(path, _)| !path.starts_with(WORKFLOW)).collect();
    let (job, title) = (story.shown.job.job, &story.shown.job.title);
    let assessments = assessments(story);
    let mut mentions = vec![id(RUN)];
    mentions.extend(assessments.iter().map(|action| json!({ "@id": action["@id"] })));
    let results = results(story);
    let inputs: Vec<_> = story.shown.reads.iter().map(input).collect();
    let in_files = |result: &&Value| files.iter().all(|(path, _)| result["@id"] != json!(path));
    let mut parts: Vec<Value> = files.iter().map(|(path, _)| id(path)).collect();
    parts.push(id(WORKFLOW));
    parts.extend(results.iter().filter(in_files).map(id_of));
    let mut graph = vec![
        json!({
            "@id": "ro-crate-metadata.json", "@type": "CreativeWork",
            "about": id("./"), "conformsTo": id(VERSION),
        }),
        json!({
            "@id": "./", "@type": "Dataset", "conformsTo": id(PROFILE),
            "name": format!("{job}: {title}"),
            "description": format!("The release of {job} of {}, with who asked for it, who approved it, what it read, how it was protected, and the proofs.", story.origin),
            "identifier": format!("urn:unseen:release:{}", story.release.body.to_hex()),
            "datePublished": story.released.time(),
            "license": id(TERMS), "publisher": id(LAB), "sourceOrganization": id(PROJECT),
            "mainEntity": id(WORKFLOW), "hasPart": parts, "mentions": mentions,
        }),
        json!({ "@id": PROFILE, "@type": "Profile", "name": "Five Safes RO-Crate profile 0.4" }),
        json!({
            "@id": TERMS, "@type": "CreativeWork", "name": "Terms of the lab and of those who provide its data",
            "description": "The log states none: ask the publisher.",
        }),
        json!({ "@id": LAB, "@type": "Organization", "name": story.origin, "description": "The lab: the name of its log." }),
        json!({
            "@id": PROGRAM, "@type": "SoftwareApplication", "name": story.run.runtime, "provider": id(LAB),
            "version": version(&story.run.runtime), "url": format!("urn:unseen:build:{}", story.run.runtime_build.to_hex()),
        }),
        json!({
            "@id": PROJECT, "@type": "Project", "name": title, "description": story.shown.plan.purpose,
            "identifier": format!("{}/{job}", story.origin),
        }),
        json!({
            "@id": WORKFLOW, "@type": "Dataset", "name": format!("The manifest of {job}"),
            "conformsTo": id(WORKFLOW_PROFILE), "identifier": story.shown.manifest.to_string(),
            "description": "What was run, as a crate of its own.", "hasPart": id(&format!("{WORKFLOW}job.toml")),
        }),
        json!({
            "@id": format!("{WORKFLOW}job.toml"), "@type": "File", "name": "job.toml", "encodingFormat": "application/toml",
            "description": "The manifest, as it was submitted.", "contentSize": story.shown.manifest_text.len().to_string(),
        }),
        json!({
            "@id": RUN, "@type": "CreateAction", "name": format!("The run of {job}"), "actionStatus": DONE,
            "startTime": story.started.time(), "endTime": story.released.time(),
            "agent": story.submitted.person(), "instrument": id(WORKFLOW),
            "object": inputs.iter().map(id_of).collect::<Vec<_>>(),
            "result": results.iter().map(id_of).collect::<Vec<_>>(),
            "subjectOf": [id(&story.started.recorded.envelope), id(&story.released.recorded.envelope)],
        }),
        json!({ "@id": SHA256, "@type": "DefinedTerm", "name": "sha-256 algorithm" }),
    ];
    graph.extend(people(story));
    graph.extend(inputs);
    graph.push(nobody_reads());
    graph.extend(parameters(&story.shown.plan));
    let described: Vec<Value> = files.iter().map(|(path, length)| file(story, path, *length)).collect();
    graph.extend(results.into_iter().filter(|result| in_files(&result)));
    graph.extend(assessments);
    graph.extend(described);
    json!({ "@context": CONTEXT, "@graph": graph })
}

/// Of the workflow: a manifest that names a component, which everybody who may have it gets from the lab.
pub(crate) fn workflow(story: &Story) -> Value {
    let job = story.shown.job.job;
    let component = format!("{COMPONENT}{}", story.shown.module.to_hex());
    json!({ "@context": CONTEXT, "@graph": [
        { "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": id("./"), "conformsTo": [id(VERSION), id(WORKFLOW_PROFILE)] },
        {
            "@id": "./", "@type": "Dataset", "name": format!("The manifest of {job}"), "conformsTo": id(WORKFLOW_PROFILE),
            "description": "What was asked for: inputs, bounds, outputs, noise, limits. The component is named by its digest.",
            "datePublished": story.submitted.time(), "license": id(TERMS),
            "mainEntity": id("job.toml"), "hasPart": id("job.toml"),
        },
        { "@id": WORKFLOW_PROFILE, "@type": "Profile", "name": "Workflow RO-Crate 1.0" },
        { "@id": TERMS, "@type": "CreativeWork", "name": "Terms of its author", "description": "The log states none: ask the author." },
        {
            "@id": "job.toml", "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": format!("job.toml of {job}"), "encodingFormat": "application/toml",
            "sha256": story.shown.manifest.to_hex(), "programmingLanguage": id("#job-toml"), "hasPart": id(&component),
            "contentSize": story.shown.manifest_text.len().to_string(), "description": "As it was submitted.",
        },
        { "@id": "#job-toml", "@type": "ComputerLanguage", "name": "TOML, with the keys of a job manifest", "version": "1.0.0", "url": "https://toml.io/en/v1.0.0" },
        {
            "@id": component, "@type": "SoftwareApplication", "name": format!("The component of {job}"),
            "description": "A WebAssembly component with the functions contribute and advance.",
            "sha256": story.shown.module.to_hex(), "version": story.shown.module.to_string(), "url": component,
        },
    ] })
}

/// Of `unseen 0.2.0`.
fn version(runtime: &str) -> &str {
    runtime.rsplit(' ').next().unwrap_or(runtime)
}

fn id(of: &str) -> Value {
    json!({ "@id": of })
}

fn id_of(entity: &Value) -> Value {
    json!({ "@id": entity["@id"] })
}

/// What was read: nobody outside may, so it is named by its digest.
fn input(reads: &Reads) -> Value {
    let public = reads.domain.is_none();
    let mut input = json!({
        "@id": format!("urn:unseen:snapshot:{}", reads.snapshot.to_hex()),
        "@type": "DigitalDocument", "name": reads.dataset, "identifier": reads.snapshot.to_string(),
        "description": format!("Columns {}; level {}.", columns(reads), reads.classification.en()),
    });
    if !public {
        input["hasDigitalDocumentPermission"] = id("#inside-only");
    }
    input
}

fn columns(reads: &Reads) -> String {
    reads.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn nobody_reads() -> Value {
    json!({
        "@id": "#inside-only", "@type": "DigitalDocumentPermission", "name": "Read inside the lab by approved code alone",
        "permissionType": "http://schema.org/ReadPermission", "grantee": id(LAB),
    })
}

/// What came out: the numbers where they are here, else their digest.
fn results(story: &Story) -> Vec<Value> {
    if story.opened {
        return [NUMBERS, TABLE].iter().map(|path| id(path)).collect();
    }
    vec![json!({
        "@id": format!("urn:unseen:release:{}", story.release.body.to_hex()),
        "@type": "DigitalDocument", "name": format!("The release of {}", story.shown.job.job),
        "sha256": story.release.body.to_hex(),
        "description": "Read at the lab with a signature, which is put on record.",
    })]
}

fn people(story: &Story) -> Vec<Value> {
    let mut people: Vec<Value> = Vec::new();
    let author = std::iter::once((&story.submitted, story.shown.job.author.as_str(), true));
    let approvers = story.approvals.iter().map(|(entry, by)| (entry, by.as_str(), false));
    for (entry, name, is_author) in author.chain(approvers) {
        let mut person = entry.person();
        if people.iter().any(|known| known["@id"] == person["@id"]) {
            continue;
        }
        person["@type"] = json!("Person");
        person["name"] = json!(name);
        person["affiliation"] = id(LAB);
        if is_author {
            person["memberOf"] = json!([id(PROJECT)]);
        }
        people.push(person);
    }
    people
}

/// What the lab and its people looked at, in the order in which they did.
fn assessments(story: &Story) -> Vec<Value> {
    let whole = || vec![id("./"), id(WORKFLOW), id(PROJECT)];
    let action = |at: &str, kind: &str, name: String, entry: &Proven, agent: Value| {
        json!({
            "@id": at, "@type": "AssessAction", "additionalType": id(&format!("https://w3id.org/shp#{kind}")),
            "name": name, "endTime": entry.time(), "object": whole(), "agent": agent, "actionStatus": DONE,
            "subjectOf": id(&entry.recorded.envelope),
        })
    };
    let job = story.shown.job.job;
    let mut check = action(
        "#check",
        "CheckValue",
        format!("Digests of the manifest, the component and the snapshots of {job}: as its author signed them"),
        &story.submitted,
        id(PROGRAM),
    );
    check["instrument"] = id(SHA256);
    let mut validation = action(
        "#validation",
        "ValidationCheck",
        format!("{job} within the rules of the lab: bounds, cost, budget, limits, imports of the component"),
        &story.submitted,
        id(PROGRAM),
    );
    validation["instrument"] = id(POLICY);
    let mut actions = vec![check, validation];
    for (entry, by) in &story.approvals {
        let at = format!("#sign-off-{}", entry.recorded.entry);
        let mut sign_off = action(&at, "SignOff", format!("{job} approved by {by}"), entry, entry.person());
        sign_off["instrument"] = id(POLICY);
        actions.push(sign_off);
    }
    let mut disclosure = action(
        "#disclosure",
        "DisclosureCheck",
        format!(
            "Disclosure of {job} bounded before its first row was read: differential privacy, rho {}",
            story.run.rho
        ),
        &story.released,
        id(PROGRAM),
    );
    disclosure["instrument"] = parameters(&story.shown.plan).iter().map(id_of).collect();
    disclosure["object"] = [whole(), results(story).iter().map(id_of).collect()].concat().into();
    actions.push(disclosure);
    actions
}

/// What a disclosure check was made with: the noise, and the most that one unit can add.
fn parameters(plan: &Plan) -> Vec<Value> {
    let parameter = |at: String, name: String, value: Value| json!({ "@id": at, "@type": "PropertyValue", "name": name, "value": value });
    let grain = match plan.grain {
        Grain::Unit => "one unit".to_owned(),
        Grain::Blocks { count } => format!("one of {count} blocks of units"),
    };
    let mut found = vec![
        parameter(
            "#privacy-rho".into(),
            "rho (zero-concentrated differential privacy)".into(),
            plan.rho.to_string().into(),
        ),
        parameter("#privacy-epsilon".into(), format!("epsilon at delta {:e}", plan.delta), plan.epsilon.into()),
        parameter("#privacy-grain".into(), "what code sees at a time".into(), grain.into()),
        parameter("#privacy-rounds".into(), "rounds".into(), plan.rounds.into()),
    ];
    if let Some(pure) = &plan.pure_epsilon {
        found.push(parameter("#privacy-pure-epsilon".into(), "pure epsilon".into(), pure.clone().into()));
    }
    for (at, output) in plan.outputs.iter().enumerate() {
        found.push(parameter(
            format!("#output-{at}-groups"),
            format!("{}: groups one grain can add to, of {}", output.name, output.groups),
            output.max_groups_per_unit.into(),
        ));
        for (value_at, value) in output.values.iter().enumerate() {
            let deviation = value.standard_deviation.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
            found.push(parameter(
                format!("#output-{at}-value-{value_at}"),
                format!("{}.{}: bounds, step, standard deviation of the noise in each round", output.name, value.name),
                format!("{} to {}, {}, {deviation}", value.lower, value.upper, value.granularity).into(),
            ));
        }
    }
    found
}

fn file(story: &Story, path: &str, length: usize) -> Value {
    let job = story.shown.job.job;
    let (said, kind) = match path {
        NUMBERS => (format!("The release of {job}, byte for byte as the log names it"), "application/json"),
        TABLE => (format!("The release of {job} as a table"), "text/csv"),
        POLICY => ("The rules of the lab that the job was submitted under".to_owned(), "application/json"),
        "log/checkpoint" => ("The log's signed checkpoint".to_owned(), "text/plain"),
        "log/log.vkey" => ("The log's verifier key: compare it with one from elsewhere".to_owned(), "text/plain"),
        "log/README.md" => ("How to check the proofs".to_owned(), "text/markdown"),
        path if path.ends_with(".tlog-proof") => {
            ("Proof that an entry is in the log (C2SP tlog-proof)".to_owned(), "text/plain")
        }
        path => {
            let kind =
                story.entries().find(|entry| entry.recorded.envelope == path).map(|entry| entry.record.event.kind());
            (format!("Entry of the log: {}", kind.unwrap_or("another file")), "application/json")
        }
    };
    let mut file = json!({
        "@id": path, "@type": "File", "name": path, "description": said, "encodingFormat": kind,
        "contentSize": length.to_string(),
    });
    if path == NUMBERS {
        let sum: Digest = story.release.body;
        file["sha256"] = json!(sum.to_hex());
    }
    file
}
