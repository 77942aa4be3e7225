//! `unseen job`: from an idea to a release.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use unseen_durable::Building;
use unseen_ids::{Digest, JobId, PublicKey};
use unseen_lab::open_key;
use unseen_toolchain::Template;
use unseen_usecases::check::{self, Check};
use unseen_usecases::doctor::Hold;
use unseen_usecases::jobs::{Approve, JobStanding, ListJobs, Prioritize, Reject, ShowJob, Submit, Withdraw};
use unseen_usecases::labs::ShowLab;
use unseen_usecases::logs::ProveEntry;
use unseen_usecases::modules::FetchModule;
use unseen_usecases::projects;
use unseen_usecases::release::{ReadRelease, Release};
use unseen_usecases::runs::{self, Ran, RunJob, Watch};
use unseen_usecases::trial::{self, Try};
use unseen_usecases::witnesses::ShowWitnesses;
use unseen_usecases::{Blob, UseCaseError};

use super::project::{Fetched, Project};
use super::{Outcome, Problem, change, key, new_job, packs};
use crate::args::{Globals, JobCommand, JobDir};
use crate::config::cache_place;
use crate::place::Place;
use unseen_shown::datasets::hints;
use unseen_shown::walls::title;
use unseen_shown::{jobs as shown, released, trials};
use unseen_terminal::output::{Output, Progress, facts, progress};
use unseen_terminal::{FileError, may_be_made, write_new};
use unseen_texts::{Lang, Say, Sentence, say, text};
use unseen_tlog::Signer;
use unseen_worker::kept::Kept;

pub fn run(globals: &Globals, command: &JobCommand, lang: Lang) -> Outcome {
    match command {
        JobCommand::New { name, dataset, blocks, iterative } => {
            let template = match (blocks, iterative) {
                (true, _) => Template::Blocks,
                (_, true) => Template::Iterative,
                _ => Template::Histogram,
            };
            new_job::new_job(globals, name, template, dataset.as_deref(), lang)
        }
        JobCommand::Build { job, module } => build(job, module.as_deref(), lang),
        JobCommand::Check { job, twins, key } => check(globals, job, twins.as_deref(), key.as_deref(), lang),
        JobCommand::Suggest { dataset, rows_per_unit } => super::ask::suggest(globals, dataset, *rows_per_unit, lang),
        JobCommand::Try { job, twins, seed, no_noise } => {
            let job = Project::read(job)?;
            let (name, module, twins) = (job.name(), job.component()?, twins.clone().unwrap_or_else(|| job.twins()));
            let wish = Try { name, manifest: job.text, module, twins, seed: *seed, no_noise: *no_noise };
            match trial::trial(&wish, kept().as_ref()) {
                Ok(trial) => {
                    let counts = trial.tally.counted > 0;
                    Ok(Output::new(&trial, trials::trial(&trial, lang)).bad_unless(counts))
                }
                Err(UseCaseError::Trial { error, failed }) => {
                    let failures = Sentence::new_in(|lang| trials::failures(&failed, lang));
                    Err(say!("{error}{failures}", "{error}{failures}").into())
                }
                Err(error) => Err(error.into()),
            }
        }
        JobCommand::Submit { job, signer } => {
            let job = Project::read(job)?;
            let (name, module) = (job.name(), job.component()?);
            let wish = Submit { name, manifest: job.text, module: Blob::new(module) };
            change(globals, wish, signer, lang, |done| {
                let needed = done.approvals_needed.to_string();
                let text = facts(
                    lang,
                    &[
                        (text!("Submitted", "已提交"), done.job.to_string()),
                        (text!("Approvals needed", "所需审批数"), needed),
                    ],
                );
                Output::new(done, text)
            })
        }
        JobCommand::List { state, author, dataset, limit } => {
            let lab = Place::of(globals, lang)?;
            let (author, dataset) = (author.clone(), dataset.clone());
            let mut wanted = ListJobs { state: *state, author, dataset, before: None, limit: *limit };
            let mut found = lab.ask(wanted.clone())?;
            while let Some(before) = found.next.take().filter(|_| limit.is_none()) {
                wanted.before = Some(before);
                let mut more = lab.ask(wanted.clone())?;
                more.jobs.append(&mut found.jobs);
                (found.jobs, found.next) = (more.jobs, more.next);
            }
            Ok(Output::new(&found, shown::jobs(&found, lang)))
        }
        JobCommand::Show { job, manifest } => {
            let found = Place::of(globals, lang)?.ask(ShowJob { job: *job })?;
            let text = shown::job(&found, lang);
            Ok(Output::new(&found, if *manifest { format!("{text}\n{}", found.manifest_text) } else { text }))
        }
        JobCommand::Fetch { job, out } => fetch(&Place::of(globals, lang)?, *job, out, lang),
        JobCommand::Approve { job, signer } => {
            change(globals, Approve { job: *job }, signer, lang, |done| standing(done, lang))
        }
        JobCommand::Reject { job, reason, signer } => {
            let wish = Reject { job: *job, reason: reason.clone() };
            change(globals, wish, signer, lang, |done| standing(done, lang))
        }
        JobCommand::Withdraw { job, reason, signer } => {
            let wish = Withdraw { job: *job, reason: reason.clone() };
            change(globals, wish, signer, lang, |done| standing(done, lang))
        }
        JobCommand::Prioritize { job, priority, signer } => {
            let wish = Prioritize { job: *job, priority: *priority };
            change(globals, wish, signer, lang, |done| standing(done, lang))
        }
        JobCommand::Run { job, threads, signer } => {
            let mut watch = Screen { lang, quiet: globals.json, bar: None };
            let request = RunJob { job: *job, threads: *threads };
            let lab = Place::of(globals, lang)?;
            if matches!(lab, Place::Remote { .. }) {
                return Err(say!(
                    "a lab that is served runs what was approved by itself, each in its turn: `unseen job show {job}` says where it stands",
                    "联网服务的实验室会自行依次运行已批准的作业：请用 `unseen job show {job}` 查看进展"
                )
                .into());
            }
            let ran = runs::run(lab.folder()?, &request, &*key(globals, signer)?, &mut watch);
            watch.clear();
            let ran = ran?;
            Ok(Output::new(&ran, after_run(&ran, lang)).bad_unless(!ran.failed))
        }
        JobCommand::Crate { job, out, numbers, signer } => {
            packs::five_safes(globals, *job, out, numbers.then_some(signer), lang)
        }
        JobCommand::Release { job, csv, html, parquet, receipt, signer } => {
            let wish = ReadRelease { job: *job };
            let forms: [(&str, &Option<PathBuf>, Form); 4] = [
                ("--csv", csv, |found, _, _| Ok(released::csv::write(&found.numbers).map_err(std::io::Error::other)?)),
                ("--html", html, |found, lang, _| Ok(released::page::html(found, lang).into_bytes())),
                ("--parquet", parquet, |found, _, _| {
                    Ok(released::parquet::write(&found.numbers).map_err(std::io::Error::other)?)
                }),
                ("--receipt", receipt, |found, _, ask| receipt_of(found, ask)),
            ];
            let files: Vec<_> =
                forms.iter().filter_map(|(name, file, form)| Some((name, file.as_deref()?, form))).collect();
            files.iter().try_for_each(|(_, file, _)| may_be_made(file))?;
            for (at, (one, file, _)) in files.iter().enumerate() {
                if let Some((other, ..)) = files[..at].iter().find(|(_, before, _)| before == file) {
                    return Err(say!(
                        "{other} and {one} both name {file}: give two names",
                        "{other} 和 {one} 都写了 {file}：请给出两个名称"
                    )
                    .into());
                }
            }
            if signer.out.is_some() {
                return change(globals, wish, signer, lang, |found| Output::new(found, after_release(found, lang)));
            }
            let (place, key) = (Place::of(globals, lang)?, key(globals, &signer.signer)?);
            let found = place.make(wish, &*key)?;
            let mut text = after_release(&found, lang);
            for (_, file, form) in files {
                write_new(file, &form(&found, lang, &Asking { place: &place, key: &*key })?)?;
                text.push_str(&facts(lang, &[(text!("Written", "已写入"), file.display().to_string())]));
            }
            Ok(Output::new(&found, text))
        }
    }
}

/// How a release is written as a file.
type Form = fn(&Release, Lang, &Asking<'_>) -> Result<Vec<u8>, Problem>;

/// What else is asked of the lab, and in whose name.
struct Asking<'a> {
    place: &'a Place,
    key: &'a dyn Signer,
}

fn receipt_of(found: &Release, Asking { place, key }: &Asking<'_>) -> Result<Vec<u8>, Problem> {
    let proof = place.ask_as(ProveEntry { entry: found.entry }, *key)?;
    let (lab, witnesses) = (place.ask_as(ShowLab {}, *key)?, place.ask_as(ShowWitnesses {}, *key)?);
    released::receipt::write(found, &proof, &lab.log_key, &witnesses).ok_or_else(|| {
        text!(
            "the lab gave other numbers than its log names: keep them, and tell an auditor",
            "实验室给出的数字与其日志所载不符：请保留，并告知审计员"
        )
        .into()
    })
}

/// Writes what was submitted as a project that `job check` and `job try` take.
fn fetch(place: &Place, job: JobId, out: &Path, lang: Lang) -> Outcome {
    let shown = place.ask(ShowJob { job })?;
    let found = place.ask(FetchModule { job })?;
    let (manifest, module) = (Digest::of(shown.manifest_text.as_bytes()), Digest::of(&found.bytes));
    if (manifest, module) != (shown.manifest, shown.module) {
        return Err(text!("the lab gave something else than what was submitted", "实验室给出的不是所提交的内容").into());
    }
    may_be_made(out)?;
    let building = Building::beside(out, 0o777).map_err(FileError::at(out))?;
    let own = Fetched { job: job.to_string(), manifest, module };
    Project::write_fetched(building.path(), &own, &shown.manifest_text, &found.bytes)?;
    building.publish().map_err(FileError::at(out))?;
    let made = projects::Project { project: out.display().to_string() };
    let about = [
        (text!("Project", "项目"), made.project.clone()),
        (text!("Manifest", "作业清单"), manifest.to_string()),
        (text!("Component", "组件"), module.to_string()),
    ];
    Ok(Output::new(&made, facts(lang, &about)))
}

fn after_release(found: &Release, lang: Lang) -> String {
    let mut about = vec![
        (text!("Job", "作业"), format!("{} {}", found.job, found.title)),
        (text!("Entry", "条目"), found.entry.to_string()),
        (text!("Costs, rho", "开销 rho"), shown::cost(&found.plan, lang)),
    ];
    about.extend(shown::made(&found.plan));
    let bounds = released::bounds(&found.plan);
    about.extend(bounds.iter().map(|line| (text!("Bound", "贡献界限"), line.told(lang))));
    let witnessed = shown::witnessed(found.witnessed.as_ref(), lang);
    format!("{}{witnessed}{}", facts(lang, &about), released::text(&found.numbers, lang))
}

fn build(job: &JobDir, module: Option<&Path>, lang: Lang) -> Outcome {
    let folder = if job.path.is_dir() { &job.path } else { job.path.parent().unwrap_or(Path::new(".")) };
    let built = match module {
        None => {
            let spinner = progress(text!("Compiling", "正在编译").to(lang), None);
            let built = projects::build(folder);
            spinner.finish_and_clear();
            built?
        }
        Some(module) => projects::componentize(folder, module)?,
    };
    let text = facts(
        lang,
        &[
            (text!("Component", "组件"), built.component.clone()),
            (text!("Size", "大小"), format!("{} B", built.bytes)),
            (text!("Digest", "摘要"), built.digest.to_string()),
        ],
    );
    Ok(Output::new(&built, text))
}

fn check(globals: &Globals, job: &JobDir, twins: Option<&Path>, key: Option<&str>, lang: Lang) -> Outcome {
    let job = Project::read(job)?;
    // A component that is not built yet is not a fault of the manifest; a bad one is refused.
    let (name, module) = (job.name(), job.component_if_built()?);
    let author = key.map(|key| Ok::<_, Problem>(PublicKey::from(open_key(key)?.verifying_key()))).transpose()?;
    let request = Check { name, manifest: job.text, module: module.map(Blob::new), author };
    let checked = match twins {
        Some(twins) => check::check_on_twins(twins, &request, kept().as_ref())?,
        None => Place::of(globals, lang)?.ask(request)?,
    };
    let mut text = shown::plan(&checked.plan, lang);
    if let Some(cap) = checked.job_cap {
        text.push_str(&facts(lang, &[(text!("Cap for one job", "单个作业上限"), format!("{cap} rho"))]));
    }
    let state = match checked.module {
        Some(module) if shown::ready_made(&module).is_some() => {
            text!("none is needed: the lab's own map does it", "不需要：由实验室自带的映射完成").to(lang)
        }
        Some(_) => {
            text!("good: it imports nothing and exports what a job must", "合格（没有任何导入，导出符合作业约定）")
                .to(lang)
        }
        None => text!("not built yet: run `unseen job build`", "尚未生成：请运行 `unseen job build`").to(lang),
    };
    text.push_str(&facts(lang, &[(text!("Component", "组件"), state.to_owned())]));
    text.push_str(&shown::left(&checked.budget, lang));
    text.push_str(&hints(&checked.hints, lang));
    text.push_str(&super::ask::refusal(&checked, lang));
    Ok(Output::new(&checked, text).bad_unless(checked.refusal.is_none()))
}

/// Where this person's compiled components are kept.
fn kept() -> Option<Kept> {
    unseen_lab::kept_in(&cache_place("compiled")?)
}

fn standing(job: &JobStanding, lang: Lang) -> Output {
    let text = facts(
        lang,
        &[
            (text!("Job", "作业"), format!("{} {}", job.job, job.title)),
            (text!("State", "状态"), job.state.told(lang)),
            (text!("Approvals", "审批"), format!("{} / {}", job.approvals, job.approvals_needed)),
            (text!("Entry", "条目"), job.entry.to_string()),
        ],
    );
    Output::new(job, text)
}

/// What is shown while a job runs.
struct Screen {
    lang: Lang,
    quiet: bool,
    bar: Option<Progress>,
}

impl Screen {
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Screen {
    fn slot(&mut self, until: DateTime<Utc>) {
        let said = say!(
            "The slot of this run lasts until {at}. This command ends then, so that nothing done next tells how long the run took; stopping it sooner loses nothing.",
            "本次运行的时段到 {at} 为止。本命令届时结束，使随后的操作不会泄露运行用了多久；提前中止它不会丢失任何东西。",
            at = shown::local(until)
        );
        if !self.quiet {
            eprintln!("{}", said.to(self.lang));
        }
    }

    fn steps(&mut self, done: u32, all: u32) {
        let bar = self.bar.get_or_insert_with(|| progress(text!("Running", "正在运行").to(self.lang), Some(1)));
        bar.set_length(u64::from(all));
        bar.set_position(u64::from(done));
    }
}

fn after_run(ran: &Ran, lang: Lang) -> String {
    let mut text = facts(lang, &[(text!("Job", "作业"), ran.job.to_string())]);
    let missing = ran.walls.iter().filter(|wall| wall.state != Hold::Holds);
    let missing: Vec<_> =
        missing.map(|wall| title(&wall.name).map_or_else(|| wall.name.clone(), |title| title.told(lang))).collect();
    if !missing.is_empty() {
        text.push_str(&facts(
            lang,
            &[(text!("Walls that this machine does not have", "本机缺少的防护"), missing.join(", "))],
        ));
    }
    if let Some(why) = &ran.without_evidence {
        text.push_str(&facts(lang, &[(text!("There is no evidence of the machine", "没有机器证据"), why.told(lang))]));
    }
    if let Some(why) = &ran.cut_short {
        text.push_str(&facts(lang, &[(text!("The run was cut short", "运行中断"), why.told(lang))]));
    }
    match ran.released {
        Some(entry) => {
            text.push_str(&facts(lang, &[(text!("Released by entry", "发布条目"), entry.to_string())]));
            text.push_str(text!("Read it with `unseen job release`.", "用 `unseen job release` 查看。").to(lang));
        }
        None if ran.failed => {
            let reason = ran.reason.clone().unwrap_or_default();
            text.push_str(&facts(lang, &[(text!("Reason", "原因"), reason)]));
            text.push_str(
                text!("The job failed and has no result; its charge stays.", "作业失败，没有结果；已扣预算不退还。")
                    .to(lang),
            );
        }
        None => text.push_str(&facts(
            lang,
            &[(text!("The result is sealed until", "结果封存至"), shown::local(ran.release_at))],
        )),
    }
    text
}
