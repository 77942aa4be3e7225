//! `unseen dataset import`: into a lab's folder, or encrypted to a lab that is elsewhere.

use std::cell::RefCell;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use unseen_api::address::Addressed;
use unseen_client::{Client, ClientError, is_sealed, seal};
use unseen_data::Description;
use unseen_data::import::Progress;
use unseen_ids::{Digest, sha256};
use unseen_terminal::output::{self, Output, facts, progress};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_terminal::{FileError, Problem};
use unseen_texts::{Lang, Message, Say, say, text};
use unseen_tlog::Signer;
use unseen_usecases::datasets::ShowDataset;
use unseen_usecases::doctor::Hold;
use unseen_usecases::importing::{self, Import, Imported};
use unseen_usecases::imports::{ImportShown, ImportStanding, PrepareImport, PrepareRebucket, Register};
use unseen_usecases::labs::ShowLab;
use unseen_usecases::{Query, UseCaseError};

use super::quality::quality_text;
use super::{Outcome, read_text};
use crate::args::Globals;
use crate::config::cache_place;
use crate::place::{Place, with_key};
use unseen_shown::datasets::hints;
use unseen_shown::figures::bytes;
use unseen_shown::jobs as shown;

/// How long an encrypted copy is kept that was not sent to its end.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

pub fn import(globals: &Globals, request: &Import, steward: &dyn Signer, lang: Lang) -> Outcome {
    let done = match Place::of(globals, lang)? {
        Place::Remote { client, .. } => remote(&Desk::of(&client, steward)?, request, lang)?,
        place => local(&place, request, steward, lang)?,
    };
    Ok(Output::new(&done, registered(&done, lang)))
}

/// Deals the rows of a dataset into another number of buckets, where the lab is.
pub fn rebucket(globals: &Globals, request: &PrepareRebucket, steward: &dyn Signer, lang: Lang) -> Outcome {
    let done = match Place::of(globals, lang)? {
        Place::Remote { client, .. } => {
            let desk = Desk::of(&client, steward)?;
            let ready = desk.ready(request, lang)?;
            let shown = desk.known(|client| client.ask(ShowDataset { dataset: request.dataset.clone() }))?;
            let wish = Register {
                dataset: request.dataset.clone(),
                import: ready.import.clone(),
                description: shown.description,
                open_to: ready.open_to.clone(),
                keep_until: ready.keep_until,
                buckets: Some(request.buckets),
            };
            desk.register(ready, &wish)?
        }
        place => {
            let bar = progress(text!("Reading and sorting", "正在读取和排序").to(lang), Some(1));
            let done = importing::rebucket(place.folder()?, request, steward, &mut |step| advance(&bar, step, lang));
            bar.finish_and_clear();
            done?
        }
    };
    Ok(Output::new(&done, registered(&done, lang)))
}

/// What waits at a lab that is elsewhere: all of it, after one was taken back.
pub fn uploads(globals: &Globals, drop: Option<&Digest>, steward: &dyn Signer, lang: Lang) -> Outcome {
    let Place::Remote { client, .. } = Place::of(globals, lang)? else {
        return Err(text!(
            "nothing is uploaded to a folder: name the address of a lab with --lab https://...",
            "本机文件夹无需上传：请用 --lab https://... 指定实验室地址"
        )
        .into());
    };
    let client = with_key(&client, steward)?;
    drop.map(|upload| client.drop_upload(upload)).transpose()?;
    let found = client.uploads()?;
    let rows = found.uploads.iter().map(|waiting| {
        let state = match waiting.whole {
            true => text!("whole", "完整"),
            false => text!("not whole", "未传完"),
        };
        vec![waiting.upload.to_string(), bytes(waiting.received), state.told(lang), shown::local(waiting.until)]
    });
    let columns = [
        Left(text!("upload", "上传文件")),
        Right(text!("received", "已收到")),
        Left(text!("state", "状态")),
        Left(text!("kept until", "保留至")),
    ];
    Ok(Output::new(&found, table(lang, &columns, rows)))
}

fn local(lab: &Place, request: &Import, steward: &dyn Signer, lang: Lang) -> Result<Imported, Problem> {
    let bar = progress(text!("Reading and sorting", "正在读取和排序").to(lang), Some(1));
    let done = importing::import(lab.folder()?, request, steward, &mut |step| advance(&bar, step, lang));
    bar.finish_and_clear();
    Ok(done?)
}

fn advance(bar: &output::Progress, step: Progress, lang: Lang) {
    match step {
        Progress::Reading { bytes, of_bytes, .. } => {
            bar.set_length(of_bytes.saturating_mul(2).max(1));
            bar.set_position(bytes);
        }
        Progress::Writing { rows, of_rows } => {
            bar.set_message(text!("Writing buckets", "正在写入分桶").told(lang));
            let half = bar.length().unwrap_or(2) / 2;
            bar.set_position(half + (half as f64 * rows as f64 / of_rows.max(1) as f64) as u64);
        }
    }
}

/// Encrypts the rows here, sends them, has them imported, and signs for what came of them.
fn remote(desk: &Desk<'_>, request: &Import, lang: Lang) -> Result<Imported, Problem> {
    let (source, file) = (&request.source, request.description.display().to_string());
    let description = read_text(&request.description)?;
    let parsed =
        Description::parse(&description).map_err(|error| UseCaseError::Description { file: file.clone(), error })?;
    // Before an hour of encrypting and sending.
    unseen_lab::refuse_twin(&file, &description).and_then(|()| importing::check_rows(source))?;
    let sealed = Sealed::of(desk, source, lang)?;
    let bar = progress(text!("Uploading", "正在上传").to(lang), Some(1));
    let upload = desk.known(|client| {
        client.send_rows(&sealed.file, &mut |sent, of| {
            bar.set_length(of.max(1));
            bar.set_position(sent);
        })
    });
    bar.finish_and_clear();
    let wish = PrepareImport {
        dataset: parsed.name.clone(),
        upload: upload?,
        source: source.display().to_string(),
        name: file,
        description: description.clone(),
        open_to: request.open_to.clone(),
        keep_until: request.keep_until,
        buckets: request.buckets,
    };
    let ready = desk.ready(&wish, lang)?;
    // Signed is what was typed here, whatever the lab says of it. A public table has no buckets.
    let wish = Register {
        dataset: parsed.name,
        import: ready.import.clone(),
        description,
        open_to: request.open_to.clone(),
        keep_until: request.keep_until,
        buckets: request.buckets.filter(|_| parsed.unit.is_some()),
    };
    let done = desk.register(ready, &wish)?;
    sealed.remove();
    Ok(done)
}

/// A lab that is elsewhere, and whoever imports there.
struct Desk<'a> {
    client: &'a Client,
    steward: &'a dyn Signer,
    /// The same client, logged in.
    known: RefCell<Client>,
}

impl<'a> Desk<'a> {
    fn of(client: &'a Client, steward: &'a dyn Signer) -> Result<Desk<'a>, Problem> {
        Ok(Desk { client, steward, known: RefCell::new(with_key(client, steward)?) })
    }

    /// Waits for an import until there is something to sign.
    fn ready<W>(&self, wish: &W, lang: Lang) -> Result<ImportShown, Problem>
    where
        W: Query<Answer = ImportShown> + Addressed + Clone,
    {
        let bar = progress(text!("Importing at the lab", "实验室正在导入").to(lang), Some(1000));
        let ready = self.known(|client| client.import(wish, &mut |done| bar.set_position((done * 1000.0) as u64)));
        bar.finish_and_clear();
        let ready = ready?;
        match ready.state {
            ImportStanding::Failed => Err(Problem::from(ready.why.unwrap_or_default())),
            _ => Ok(ready),
        }
    }

    /// Signs for what came of an import.
    fn register(&self, ready: ImportShown, wish: &Register) -> Result<Imported, Problem> {
        let unit = Description::parse(&wish.description).ok().and_then(|parsed| parsed.unit);
        let (unit, domain) = unit.map(|unit| (unit.column, unit.domain)).unzip();
        let done = self.known(|client| client.make(wish.clone(), self.steward))?;
        let strange =
            || Problem::from(text!("the lab's answer lacks what it should say", "实验室的答复缺少应有的内容"));
        Ok(Imported {
            dataset: done.dataset,
            entry: done.entry,
            unit,
            domain,
            buckets: ready.buckets,
            quality: ready.quality.ok_or_else(strange)?,
            ignored_columns: ready.ignored_columns,
            hints: ready.hints,
            memory: ready.memory.ok_or_else(strange)?,
        })
    }

    /// Does something as whom the key says. A session ends with the service; then there is another.
    fn known<T>(&self, mut work: impl FnMut(&Client) -> Result<T, ClientError>) -> Result<T, Problem> {
        for _ in 0..3 {
            match work(&self.known.borrow()) {
                Err(ClientError::Told(told)) if told.code() == "request.unknown" => {}
                done => return Ok(done?),
            }
            *self.known.borrow_mut() = with_key(self.client, self.steward)?;
        }
        Ok(work(&self.known.borrow())?)
    }
}

/// A file that is encrypted to the lab. What we encrypt ourselves is kept until it is registered, so that typing the
/// same again, or another description of the same rows, goes on with the same bytes.
struct Sealed {
    file: PathBuf,
    /// That no other process encrypts the same file, or removes what it sends; none for what is not ours.
    ours: Option<File>,
}

impl Sealed {
    fn of(desk: &Desk<'_>, source: &Path, lang: Lang) -> Result<Sealed, Problem> {
        if is_sealed(source)? {
            return Ok(Sealed { file: source.to_owned(), ours: None });
        }
        let recipient = desk.known(|client| client.ask(ShowLab {}))?.upload_to;
        let recipient =
            recipient.ok_or_else(|| Problem::from(text!("this lab takes no uploads", "此实验室不接受上传")))?;
        let file = copy_of(source, &recipient)?;
        let held = held(&file.with_extension("lock"))?;
        if !file.exists() {
            let bar = progress(text!("Encrypting", "正在加密").to(lang), None);
            let half_done = file.with_extension("tmp");
            let sealed = seal(source, &recipient, &half_done);
            bar.finish_and_clear();
            sealed?;
            std::fs::rename(&half_done, &file).map_err(FileError::at(&file))?;
        }
        Ok(Sealed { file, ours: Some(held) })
    }

    fn remove(&self) {
        if self.ours.is_some() {
            let _ = std::fs::remove_file(&self.file);
        }
    }
}

fn held(lock: &Path) -> Result<File, Problem> {
    let file = File::create(lock).map_err(FileError::at(lock))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(text!("another command imports this file: wait for it", "另一条命令正在导入此文件：请等它结束").into())
        }
        Err(TryLockError::Error(error)) => Err(FileError::at(lock)(error).into()),
    }
}

/// Where the encrypted copy of a file as it is now is kept.
fn copy_of(source: &Path, recipient: &str) -> Result<PathBuf, Problem> {
    let failed = FileError::at(source);
    let found = std::fs::canonicalize(source).and_then(|path| Ok((path.metadata()?, path)));
    let (about, path) = found.map_err(failed)?;
    let changed =
        about.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
    let name = format!("{recipient} {} {} {}", path.display(), about.len(), changed.as_nanos());
    let name: String = sha256(&[name.as_bytes()])[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = cache_place("uploads").unwrap_or_else(|| std::env::temp_dir().join("unseen-uploads"));
    std::fs::create_dir_all(&folder).map_err(FileError::at(&folder))?;
    sweep(&folder);
    Ok(folder.join(format!("{name}.age")))
}

fn sweep(folder: &Path) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let changed = file.metadata().and_then(|found| found.modified()).ok();
        if changed.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > KEPT) {
            let _ = std::fs::remove_file(file.path());
        }
    }
}

fn registered(done: &Imported, lang: Lang) -> String {
    let mut text = facts(
        lang,
        &[(text!("Registered", "已登记"), done.dataset.clone()), (text!("Entry", "条目"), done.entry.to_string())],
    );
    if let (Some(unit), Some(domain)) = (&done.unit, &done.domain) {
        text.push_str(&facts(
            lang,
            &[(
                text!("Privacy unit", "隐私单元"),
                say!("{domain}, named by the column {unit}", "{domain}，由列 {unit} 标识").told(lang),
            )],
        ));
        let failed = done.quality.columns.iter().find(|column| column.name == *unit);
        if let Some(failed @ 1..) = failed.map(|column| column.failed_check) {
            text.push_str(&facts(
                lang,
                &[(text!("Rows whose unit fails its check", "隐私单元未通过校验的行数"), failed.to_string())],
            ));
        }
    }
    if let Some(buckets) = done.buckets {
        text.push_str(&facts(lang, &[(text!("Buckets", "分桶数"), buckets.to_string())]));
    }
    if !done.ignored_columns.is_empty() {
        text.push_str(&facts(
            lang,
            &[(text!("Columns not described, left out", "描述中没有、未导入的列"), done.ignored_columns.join(", "))],
        ));
    }
    text.push_str(&quality_text(&done.quality, lang));
    text.push_str(&hints(&done.hints, lang));
    if done.memory.state != Hold::Holds {
        let why = done.memory.why.told(lang);
        text.push_str(&format!(
            "\n{}",
            facts(lang, &[(text!("Rows may have gone to swap", "数据行可能已写入交换区"), why)])
        ));
    }
    text
}
