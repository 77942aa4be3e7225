//! Fifty people who write to a lab at a time: accepted entries a second at its desk and through its service, and one by
//! one for comparison. Every entry is durable and published before its writer hands in the next.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::json;
use unseen_ids::JobId;
use unseen_lab::Lab;
use unseen_listener::ca::Ca;
use unseen_policies::event::JobPrioritized;
use unseen_usecases::change::{hand_in, receive};
use unseen_usecases::jobs::Prioritize;
use unseen_usecases::{Desk, Shared};

use crate::cost::{Fallible, ticks_of};
use crate::lab::Made;
use crate::serving::{Server, Stream, Times, post, times};
use crate::tiny::unseen;

const WRITERS: usize = 50;
/// How many entries each of them hands in.
const EACH: usize = 400;
/// How many are handed in where nobody else writes.
const ALONE: usize = 200;

/// Between two commands.
const PAUSE: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Debug, Serialize)]
pub struct Written {
    /// One writer, for whom the lab is opened each time, as by a command.
    pub opened_each_time: Times,
    /// The same at a desk that many share, in one process.
    pub at_the_desk: Times,
    /// Fifty at a time there.
    pub fifty_at_the_desk: Together,
    /// One writer at the service by TLS.
    pub served: Times,
    /// Fifty at a time there.
    pub fifty_served: Together,
    /// A command on the lab's machine that writes, while the fifty do.
    pub command: Times,
}

/// Entries of many writers.
#[derive(Debug, Serialize)]
pub struct Together {
    /// Accepted entries a second.
    pub a_second: f64,
    /// How long each took.
    pub each: Times,
    /// CPU for each, of the process that has the lab, in microseconds.
    pub cpu: f64,
}

/// A change, and the signed entry for it.
struct Signed {
    change: Prioritize,
    entry: Vec<u8>,
}

/// Measures, with a lab that nobody serves.
pub fn run(dir: &Path, lab: &Made, jobs: &[JobId], ca: &Ca) -> Fallible<Written> {
    let one_by_one = |each: &mut dyn FnMut(&Signed) -> Fallible<()>| -> Fallible<Times> {
        Ok(times(signed(lab, jobs, ALONE)?.iter().map(|signed| timed(signed, each)).collect::<Fallible<_>>()?))
    };
    let opened_each_time =
        one_by_one(&mut |Signed { change, entry }| Ok(hand_in(&lab.desk, change, entry).map(drop)?))?;

    let desk = Shared::open(lab.folder.clone(), unseen()?, || ())?;
    let put = |Signed { change, entry }: &Signed| -> Fallible<()> {
        let entry = desk.view()?.verified(entry)?;
        desk.together(|lab| -> Fallible<()> { Ok(receive(lab, change, &entry).map(drop)?) })
    };
    let at_the_desk = one_by_one(&mut |signed| put(signed))?;
    let own_cpu = || Ok(ticks_of("self")?.own / 100.0);
    let fifty_at_the_desk = by_fifty(&signed(lab, jobs, WRITERS * EACH)?, (0..WRITERS).map(|_| put), own_cpu)?;
    drop(desk);

    let people = (0..WRITERS).map(|number| format!("writer {number}")).collect::<Vec<_>>();
    people.iter().try_for_each(|name| lab.enrol(name))?;
    let server = Server::start(dir)?;
    let clients = people.iter().map(|name| Server::client(ca, name)).collect::<Fallible<Vec<_>>>()?;
    let mut stream = server.connect(&clients[0])?;
    let served = one_by_one(&mut |signed| send(&mut stream, signed))?;
    let streams = clients.iter().map(|client| server.connect(client)).collect::<Fallible<Vec<_>>>()?;
    let senders = streams.into_iter().map(|mut stream| move |signed: &Signed| send(&mut stream, signed));
    let all = signed(lab, jobs, WRITERS * EACH)?;
    let busy = AtomicBool::new(true);
    let (fifty_served, command) = std::thread::scope(|scope| -> Fallible<_> {
        let commands = scope.spawn(|| {
            let mut took = Vec::new();
            while busy.load(Ordering::Relaxed) {
                took.push(command(dir, lab, jobs[0]).map_err(|error| error.to_string())?);
                std::thread::sleep(PAUSE);
            }
            Ok::<_, String>(took)
        });
        let written = by_fifty(&all, senders, || server.cpu());
        busy.store(false, Ordering::Relaxed);
        let took = commands.join().map_err(|_| "a command panicked")??;
        Ok((written?, times(took)))
    })?;
    Ok(Written { opened_each_time, at_the_desk, fifty_at_the_desk, served, fifty_served, command })
}

/// So many entries, signed by the owner: jobs that wait get other places in the queue.
fn signed(lab: &Made, jobs: &[JobId], count: usize) -> Fallible<Vec<Signed>> {
    let open = Lab::open(&lab.folder)?;
    let one = |number: usize| {
        let (job, priority) = (jobs[number % jobs.len()], 1 + (number % 9) as u8);
        let entry = open.signed(JobPrioritized { job, priority }, &lab.owner)?;
        Ok(Signed { change: Prioritize { job, priority }, entry })
    };
    (0..count).map(one).collect()
}

fn timed(signed: &Signed, put: &mut dyn FnMut(&Signed) -> Fallible<()>) -> Fallible<Duration> {
    let begun = Instant::now();
    put(signed)?;
    Ok(begun.elapsed())
}

/// Each writer hands in a share of the entries, one after the other.
fn by_fifty<P: FnMut(&Signed) -> Fallible<()> + Send>(
    all: &[Signed],
    writers: impl Iterator<Item = P>,
    cpu: impl Fn() -> Fallible<f64>,
) -> Fallible<Together> {
    let (before, begun) = (cpu()?, Instant::now());
    let took = std::thread::scope(|scope| {
        let writing: Vec<_> = writers
            .zip(all.chunks(all.len() / WRITERS))
            .map(|(mut put, share)| {
                scope.spawn(move || {
                    let each = share.iter().map(|signed| timed(signed, &mut put));
                    each.collect::<Fallible<Vec<_>>>().map_err(|error| error.to_string())
                })
            })
            .collect();
        let took = writing.into_iter().map(|writer| writer.join().map_err(|_| "a writer panicked")?);
        took.collect::<Result<Vec<_>, String>>()
    })?;
    let a_second = (all.len() as f64 / begun.elapsed().as_secs_f64()).round();
    let cpu = ((cpu()? - before) / all.len() as f64 * 1e6).round();
    Ok(Together { a_second, each: times(took.concat()), cpu })
}

fn send(stream: &mut Stream, Signed { change, entry }: &Signed) -> Fallible<()> {
    let body = json!({ "change": { "priority": change.priority }, "entry": BASE64_STANDARD.encode(entry) });
    post(stream, &format!("/v1/jobs/{}/priority", change.job), &body.to_string()).map(drop)
}

/// `unseen job prioritize` in a process of its own.
fn command(dir: &Path, lab: &Made, job: JobId) -> Fallible<Duration> {
    let begun = Instant::now();
    let mut command = Command::new(unseen()?);
    command.args(["job", "prioritize", &job.to_string(), "5"]).arg("--lab").arg(&lab.folder);
    let done = command.arg("--key").arg(dir.join("owner")).stdin(Stdio::null()).output()?;
    if done.status.success() { Ok(begun.elapsed()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().into()) }
}
