//! Who asks, about what, and how, as Cedar's entities.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Entity, EntityUid, RestrictedExpression};
use unseen_ids::Keeping;

use crate::schema::CEDAR;
use crate::vocabulary::{Context, Dataset, Job, Level, Person, Principal, Resource};

/// Who asks. None, here and below, only if the schema lacks a word that its test says it has.
pub(crate) fn principal(principal: &Principal) -> Option<Entity> {
    let Principal::Person(person) = principal else {
        return Some(Entity::new_no_attrs(CEDAR.uid("Visitor", "visitor")?, HashSet::new()));
    };
    let attributes = HashMap::from([name(&person.name), key(&person.key), kept(person)?]);
    Entity::new(CEDAR.uid("Person", &person.key)?, attributes, roles(person)?).ok()
}

/// What is asked about.
pub(crate) fn resource(resource: &Resource) -> Option<Entity> {
    let (uid, attributes) = match resource {
        Resource::Lab => (CEDAR.uid("Lab", "lab")?, HashMap::new()),
        Resource::Dataset(dataset) => (CEDAR.uid("Dataset", &dataset.name)?, of_dataset(dataset)),
        Resource::Job(job) => (CEDAR.uid("Job", &number(job))?, of_job(job)?),
        Resource::Release(job) => (CEDAR.uid("Release", &number(job))?, of_job(job)?),
        Resource::Person(person) => {
            let roles = roles(person)?.into_iter().map(RestrictedExpression::new_entity_uid);
            let roles = ("roles".to_owned(), RestrictedExpression::new_set(roles));
            let attributes = [name(&person.name), key(&person.key), kept(person)?, roles];
            (CEDAR.uid("Enrolment", &person.key)?, HashMap::from(attributes))
        }
    };
    Entity::new(uid, attributes, HashSet::new()).ok()
}

/// How it is asked.
pub(crate) fn context(context: &Context) -> Option<cedar_policy::Context> {
    let session = RestrictedExpression::new_entity_uid(CEDAR.uid("Session", context.session.name())?);
    let signed = RestrictedExpression::new_bool(context.signed);
    cedar_policy::Context::from_pairs([("session".to_owned(), session), ("signed".to_owned(), signed)]).ok()
}

type Attribute = (String, RestrictedExpression);

fn of_dataset(dataset: &Dataset) -> HashMap<String, RestrictedExpression> {
    let mut attributes = HashMap::from(of_data(std::slice::from_ref(dataset)));
    attributes.extend([name(&dataset.name)]);
    attributes.extend(dataset.steward.as_ref().map(|steward| text("steward", steward)));
    attributes
}

fn of_job(job: &Job) -> Option<HashMap<String, RestrictedExpression>> {
    let state = RestrictedExpression::new_entity_uid(CEDAR.uid("State", job.state.name())?);
    let mut attributes = HashMap::from(of_data(&job.datasets));
    attributes.extend([
        text("author", &job.author),
        ("state".to_owned(), state),
        texts("datasets", job.datasets.iter().map(|dataset| &dataset.name)),
        texts("stewards", job.datasets.iter().filter_map(|dataset| dataset.steward.as_ref())),
        texts("approvedBy", job.approved_by.iter()),
        long("approvals", job.approved_by.len() as i64),
        long("approvedElsewhere", job.approved_elsewhere.into()),
        long("approvalsNeeded", job.approvals_needed.into()),
    ]);
    Some(attributes)
}

/// What a dataset and a job that reads several have alike. Cedar does not go over the members of a set, so what
/// must hold of each of them is summed up here.
fn of_data(datasets: &[Dataset]) -> [Attribute; 5] {
    let named = || datasets.iter().filter(|dataset| !dataset.open_to.is_empty());
    let open_to_all_of_them = named()
        .map(|dataset| dataset.open_to.iter().collect::<BTreeSet<_>>())
        .reduce(|some, others| &some & &others)
        .unwrap_or_default();
    let gravest = |level: Option<Level>, none: i64| level.map_or(none, |level| level as i64);
    let unnamed = datasets.iter().filter(|dataset| dataset.open_to.is_empty());
    [
        long("level", gravest(datasets.iter().map(|dataset| dataset.level).max(), 0)),
        long("openLevel", gravest(unnamed.map(|dataset| dataset.level).max(), -1)),
        flag("restricted", named().next().is_some()),
        texts("openTo", open_to_all_of_them),
        flag("closed", datasets.iter().any(|dataset| dataset.closed)),
    ]
}

fn roles(person: &Person) -> Option<HashSet<EntityUid>> {
    person.roles.iter().map(|role| CEDAR.uid("Role", role.name())).collect()
}

fn number(job: &Job) -> String {
    job.id.map_or_else(|| "draft".to_owned(), |id| id.to_string())
}

fn name(name: &str) -> Attribute {
    text("name", name)
}

fn key(key: &str) -> Attribute {
    text("key", key)
}

fn kept(person: &Person) -> Option<Attribute> {
    let kept = CEDAR.uid("Keeping", person.kept.map_or("unsaid", Keeping::name))?;
    Some(("kept".to_owned(), RestrictedExpression::new_entity_uid(kept)))
}

fn text(attribute: &str, value: &str) -> Attribute {
    (attribute.to_owned(), RestrictedExpression::new_string(value.to_owned()))
}

fn texts<'a>(attribute: &str, values: impl IntoIterator<Item = &'a String>) -> Attribute {
    let values = values.into_iter().map(|value| RestrictedExpression::new_string(value.clone()));
    (attribute.to_owned(), RestrictedExpression::new_set(values))
}

fn long(attribute: &str, value: i64) -> Attribute {
    (attribute.to_owned(), RestrictedExpression::new_long(value))
}

fn flag(attribute: &str, value: bool) -> Attribute {
    (attribute.to_owned(), RestrictedExpression::new_bool(value))
}
