//! Which tasks are asked for, and how much of each.

use unseen_api::address::of_query;
use unseen_ids::JobId;
use unseen_usecases::jobs::{Jobs, ListJobs, ListedJob};

use super::task::{self, Detail};
use crate::problem::RequestError;

/// How many tasks a page has when nothing is said of it.
const PAGE: usize = 256;
/// A page has fewer than this.
const TOO_MANY: usize = 2048;

/// What a list is asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub detail: Detail,
    name_prefix: String,
    state: Option<String>,
    /// Tasks here have no tags, so whoever asks for some finds none.
    tagged: bool,
    page_size: Option<usize>,
    before: Option<JobId>,
}

impl Wanted {
    pub fn of(query: &str) -> Result<Wanted, RequestError> {
        let mut wanted = Wanted::default();
        for (name, value) in pairs(query)? {
            match name.as_str() {
                "view" => wanted.detail = detail(&value)?,
                "name_prefix" => wanted.name_prefix = value,
                "state" if task::STATES.contains(&value.as_str()) => wanted.state = Some(value),
                "tag_key" | "tag_value" => wanted.tagged = true,
                "page_size" => {
                    let size = value.parse().ok().filter(|size| (1..TOO_MANY).contains(size));
                    wanted.page_size = Some(size.ok_or_else(|| strange("page_size"))?);
                }
                "page_token" if value.is_empty() => {}
                "page_token" => wanted.before = Some(value.parse().map_err(|_| strange("page_token"))?),
                _ => return Err(strange(&name)),
            }
        }
        Ok(wanted)
    }

    /// The newest jobs that are asked for, newest first, and where the next page begins if there is one. `ask` answers
    /// with some of the jobs that the caller may see. What is submitted meanwhile moves nothing from page to page.
    pub fn page(
        &self,
        mut ask: impl FnMut(ListJobs) -> Result<Jobs, RequestError>,
    ) -> Result<(Vec<ListedJob>, Option<JobId>), RequestError> {
        if self.tagged {
            return Ok((Vec::new(), None));
        }
        let size = self.page_size.unwrap_or(PAGE);
        let (mut found, mut before) = (Vec::new(), self.before);
        loop {
            let Jobs { jobs, next, .. } = ask(ListJobs { before, ..ListJobs::default() })?;
            found.extend(jobs.into_iter().rev().filter(|job| self.has(job)));
            if found.len() > size || next.is_none() {
                break;
            }
            before = next;
        }
        let next = found.get(size).and(found.get(size - 1)).map(|job| job.job);
        found.truncate(size);
        Ok((found, next))
    }

    fn has(&self, job: &ListedJob) -> bool {
        job.title.starts_with(&self.name_prefix) && self.state.as_ref().is_none_or(|state| state == task::state(job))
    }
}

/// How much of a task the query of an address asks for, which says nothing else.
pub(super) fn detail_of(query: &str) -> Result<Detail, RequestError> {
    pairs(query)?.into_iter().try_fold(Detail::default(), |_, (name, value)| match name.as_str() {
        "view" => detail(&value),
        _ => Err(strange(&name)),
    })
}

fn detail(name: &str) -> Result<Detail, RequestError> {
    Detail::named(name).ok_or_else(|| strange("view"))
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, RequestError> {
    of_query(&[], query).map_err(RequestError::Malformed)
}

fn strange(name: &str) -> RequestError {
    RequestError::Malformed(format!("`{name}` is not known here, or its value is not"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tes::task::tests::job;
    use unseen_policies::lifecycle::State;

    /// Of a lab that answers with two jobs at a time.
    fn ask(query: &str, jobs: &[ListedJob]) -> (Vec<u64>, Option<JobId>) {
        let answer = |request: ListJobs| {
            let older = jobs.iter().filter(|job| request.before.is_none_or(|before| job.job < before));
            let older: Vec<_> = older.cloned().collect();
            let (rest, jobs) = older.split_at(older.len().saturating_sub(2));
            let next = jobs.first().filter(|_| !rest.is_empty()).map(|job| job.job);
            Ok(Jobs { jobs: jobs.to_vec(), next, at_work: Vec::new() })
        };
        let (page, next) = Wanted::of(query).unwrap().page(answer).unwrap();
        (page.iter().map(|job| job.job.0).collect(), next)
    }

    #[test]
    fn pages_go_on_where_the_last_one_ended_whatever_came_meanwhile() {
        let mut jobs: Vec<_> = [3, 5, 8, 13].map(|number| job(number, State::Submitted)).into();
        assert_eq!(ask("page_size=3", &jobs), (vec![13, 8, 5], Some(JobId(5))));
        jobs.push(job(21, State::Submitted));
        assert_eq!(ask("page_size=3&page_token=j5", &jobs), (vec![3], None));
        assert_eq!(ask("page_size=5&page_token=", &jobs), (vec![21, 13, 8, 5, 3], None));
    }

    #[test]
    fn filters_hold_together_and_before_pages_are_made() {
        let mut jobs = [3, 5, 8].map(|number| job(number, State::Submitted));
        jobs[0].title = "other".to_owned();
        jobs[1].state = State::Released;
        assert_eq!(ask("name_prefix=job", &jobs).0, [8, 5]);
        assert_eq!(ask("name_prefix=job&state=COMPLETE&page_size=1", &jobs), (vec![5], None));
        assert_eq!(ask("tag_key=a&tag_key=b", &jobs).0, [0; 0]);
        for wrong in ["state=DONE", "page_size=0", "page_size=2048", "page_token=x", "view=ALL", "sort=up"] {
            assert!(Wanted::of(wrong).is_err(), "{wrong}");
        }
    }
}
