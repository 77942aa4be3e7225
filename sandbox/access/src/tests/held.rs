//! What holds for whatever is asked, by whatever rules.

use std::sync::LazyLock;

use cedar_policy::{Authorizer, Entities, PolicySet, Request};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::schema::CEDAR;
use crate::{Action, Rules, entities};

const NAMES: [&str; 3] = ["ana", "bo", "sun"];
const ROLES: [Role; 4] = [Role::Steward, Role::Analyst, Role::Operator, Role::Auditor];

static DEFAULT: LazyLock<Rules> = LazyLock::new(Rules::default);

fn names() -> impl Strategy<Value = Vec<String>> {
    subsequence(NAMES.map(str::to_owned).to_vec(), 0..=2)
}

fn people() -> impl Strategy<Value = Person> {
    let kept = select(vec![None, Some(Keeping::Browser), Some(Keeping::Passkey)]);
    (select(&NAMES[..]), subsequence(ROLES.to_vec(), 0..=3), kept)
        .prop_map(|(name, roles, kept)| Person { kept, ..somebody(name, &roles) })
}

fn principals() -> impl Strategy<Value = Principal> {
    prop_oneof![1 => Just(Principal::Visitor), 5 => people().prop_map(Principal::Person)]
}

fn datasets() -> impl Strategy<Value = Dataset> {
    let levels = select(vec![Level::Public, Level::Internal, Level::Sensitive, Level::Core]);
    let steward = proptest::option::of(select(&NAMES[..]));
    (steward, levels, names(), any::<bool>()).prop_map(|(steward, level, open_to, closed)| Dataset {
        name: "firms".to_owned(),
        steward: steward.map(str::to_owned),
        level,
        open_to,
        closed,
    })
}

fn jobs() -> impl Strategy<Value = Job> {
    let datasets = proptest::collection::vec(datasets(), 0..3);
    let approvals = (names(), 0..3u32, 0..3u32);
    (proptest::option::of(0..9u64), select(&NAMES[..]), select(JobState::ALL), datasets, approvals).prop_map(
        |(id, author, state, datasets, (approved_by, approved_elsewhere, approvals_needed))| Job {
            id: id.map(crate::JobId),
            author: author.to_owned(),
            state,
            datasets,
            approved_by,
            approved_elsewhere,
            approvals_needed,
        },
    )
}

fn things() -> impl Strategy<Value = Resource> {
    prop_oneof![
        1 => Just(Resource::Lab),
        2 => datasets().prop_map(Resource::Dataset),
        4 => jobs().prop_map(Resource::Job),
        1 => jobs().prop_map(Resource::Release),
        2 => people().prop_map(Resource::Person),
    ]
}

fn contexts() -> impl Strategy<Value = Context> {
    (select(Session::ALL), any::<bool>()).prop_map(|(session, signed)| Context { session, signed })
}

/// A rule of any effect about some of what there is.
fn rule(effect: &'static str) -> impl Strategy<Value = String> {
    let who = select(vec!["principal", "principal is Person", "principal in Role::\"operator\""]);
    let what = prop_oneof![
        Just("action".to_owned()),
        select(vec!["read", "change", "entry"]).prop_map(|group| format!("action in Action::\"{group}\"")),
        subsequence(Action::ALL.to_vec(), 1..4).prop_map(|some| {
            let some: Vec<_> = some.iter().map(|action| format!("Action::\"{}\"", action.name())).collect();
            format!("action in [{}]", some.join(", "))
        }),
    ];
    let when = select(vec![
        "",
        "when { context.signed }",
        "unless { context.session == Session::\"oidc\" }",
        "when { resource has author && resource.author == \"ana\" }",
        "when { resource has level && resource.level > 1 }",
    ]);
    (who, what, when).prop_map(move |(who, what, when)| {
        format!("@id(\"one-more\") @en(\"one more\") @zh(\"再一条\") {effect} ({who}, {what}, resource) {when};\n")
    })
}

/// The default rules with one more; none where that is no good set of rules.
fn with(rule: &str) -> Option<Rules> {
    Rules::parse(&format!("{}{rule}", Rules::DEFAULT)).ok()
}

/// Reading rules is what takes long here, in a debug build.
fn few() -> ProptestConfig {
    ProptestConfig { cases: 24, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn visitors_change_nothing_by_whatever_rules(extra in rule("permit"), thing in things(), context in contexts()) {
        let rules = with(&extra).unwrap_or_else(|| DEFAULT.clone());
        for (action, decision) in rules.asking(&Principal::Visitor, &context).actions(&thing) {
            let changes = CEDAR.action(action).unwrap().within.contains(&"Action::\"change\"".parse().unwrap());
            prop_assert!(!(changes && decision.allowed), "{action}");
        }
    }

    #[test]
    fn a_rule_that_forbids_never_allows(
        extra in rule("forbid"), who in principals(), thing in things(), context in contexts()
    ) {
        let Some(stricter) = with(&extra) else { return Ok(()) };
        let (before, after) = (&*DEFAULT, stricter);
        let before = before.asking(&who, &context).actions(&thing);
        let after = after.asking(&who, &context).actions(&thing);
        prop_assert_eq!(before.len(), after.len());
        for ((action, before), (_, after)) in before.into_iter().zip(after) {
            prop_assert!(before.allowed || !after.allowed, "{action}: {extra}");
        }
    }

    #[test]
    fn authors_never_approve_their_own(who in people(), job in jobs(), context in contexts()) {
        let job = Job { author: who.name.clone(), ..job };
        let who = Principal::Person(who);
        prop_assert!(!DEFAULT.decide(&who, Action::ApproveJob, &Resource::Job(job), &context).allowed);
    }

    /// Against the engine asked in full: all rules, and the schema checked at each step.
    #[test]
    fn the_short_way_answers_as_the_long_one(who in principals(), thing in things(), context in contexts()) {
        let rules = &*DEFAULT;
        let all: PolicySet = Rules::DEFAULT.parse().unwrap();
        for (action, decision) in rules.asking(&who, &context).actions(&thing) {
            let (who, thing) = (entities::principal(&who).unwrap(), entities::resource(&thing).unwrap());
            let context = entities::context(&context).unwrap();
            let uid = CEDAR.action(action).unwrap().entity.uid();
            let request = Request::new(who.uid(), uid, thing.uid(), context, Some(&CEDAR.schema));
            let Ok(request) = request else {
                prop_assert!(!decision.allowed);
                continue;
            };
            let entities = Entities::from_entities([who, thing], Some(&CEDAR.schema)).unwrap();
            let response = Authorizer::new().is_authorized(&request, &all, &entities);
            prop_assert_eq!(response.diagnostics().errors().count(), 0);
            prop_assert_eq!(response.decision() == cedar_policy::Decision::Allow, decision.allowed, "{}", action);
        }
    }
}

/// Sums overflow in a rule that is well typed; Cedar itself would skip the rule and allow.
#[test]
fn a_forbid_that_cannot_be_worked_out_denies() {
    let rules = with(
        "@id(\"sums\") @en(\"too many\") @zh(\"过多\") forbid (principal, action == Action::\"approveJob\", resource)
         when { resource.level + 9223372036854775807 < 0 };",
    );
    let rules = rules.unwrap();
    let op = person("op", &[Role::Operator]);
    let approve = |level| {
        let job = job(&[dataset(level, &[])]);
        rules.decide(&op, Action::ApproveJob, &Resource::Job(job), &SIGNED)
    };
    assert!(approve(Level::Public).allowed);
    let failed = approve(Level::Internal);
    assert!(!failed.allowed);
    assert_eq!(failed.because[0].id, "sums");
    assert!(failed.faults[0].contains("overflow"), "{:?}", failed.faults);
    assert!(rules.decide(&op, Action::RejectJob, &Resource::Job(job(&[dataset(Level::Core, &[])])), &SIGNED).allowed);
}

#[test]
fn a_lab_learns_whether_its_own_people_could_set_the_policy() {
    let only_wang = with(
        "@id(\"only-wang\") @en(\"only Wang\") @zh(\"仅限王\") forbid (principal is Person, action == Action::\"setPolicy\", resource)
         when { [\"li\", \"ana\"].contains(principal.name) };",
    );
    let rules = only_wang.unwrap();
    let operators = |names: &[&str]| names.iter().map(|name| person(name, &[Role::Operator])).collect::<Vec<_>>();
    assert!(rules.somebody_sets_policy(&operators(&["li", "wang"])));
    assert!(!rules.somebody_sets_policy(&operators(&["li", "ana"])));
    assert!(!rules.somebody_sets_policy(&[person("wang", &[Role::Auditor]), Principal::Visitor]));
}
