use unseen_texts::{InLang, Lang, Say};

use crate::{Change, Effect, Rules, RulesError};

const OPERATORS: &str = "@id(\"ops\") @en(\"operators set the policy\") @zh(\"运行管理员设定实验室规则\")\n\
                         permit (principal in Role::\"operator\", action == Action::\"setPolicy\", resource);\n";

fn refused(rule: &str) -> RulesError {
    Rules::parse(&format!("{OPERATORS}{rule}")).unwrap_err()
}

#[test]
fn faults_are_placed_and_explained() {
    let said = "@id(\"two\") @en(\"two\") @zh(\"二\")\n";
    let cases = [
        ("permit (principal, action, resource", "line 3, column 36: unexpected end of input"),
        ("permit (principal, action, resource);", "line 3, column 1: a rule needs a name"),
        ("@id(\"Two\") permit (principal, action, resource);", "line 3, column 1: a rule needs a name"),
        (
            "// once more\n@id(\"ops\") @en(\"x\") @zh(\"x\") forbid (principal, action, resource);",
            "line 4, column 1: there is a rule `ops` already",
        ),
        (
            "@id(\"two\") @en(\"two\") permit (principal, action, resource);",
            "line 3, column 1: the rule `two` lacks `@zh(\"...\")`",
        ),
        (
            "@id(\"two\") @zh(\"二\") @en(\" \") permit (principal, action, resource);",
            "line 3, column 1: the rule `two` lacks `@en(\"...\")`",
        ),
        (
            &format!("{said}permit (principal == ?principal, action, resource);"),
            "line 3, column 1: a rule has no slots",
        ),
        (
            &format!("{said}permit (principal in Role::\"boss\", action, resource);"),
            "line 4, column 22: the rule `two` does not fit",
        ),
        (
            &format!("{said}permit (principal, action == Action::\"approve\", resource);"),
            "line 4, column 30: the rule `two` does not fit what rules can speak of: un",
        ),
        (
            &format!("{said}permit (principal, action, resource)\nwhen {{ resource.author == \"王\" }};"),
            "line 5, column 8: the rule `two` does not fit",
        ),
        (
            &format!("{said}permit (principal is Visitor, action == Action::\"setPolicy\", resource);"),
            "line 3, column 1: the rule `two` can never apply",
        ),
        (&format!("{said}forbid (principal, action, resource);"), "with these rules nobody could set the policy"),
    ];
    for (rule, text) in cases {
        let error = refused(rule);
        assert!(error.to_string().starts_with(text), "{rule}\n{error}");
        let zh = InLang(&error, Lang::Zh).to_string();
        assert!(zh.starts_with("第 ") || error == RulesError::LockedOut, "{zh}");
    }
    assert_eq!(Rules::parse("").unwrap_err(), RulesError::LockedOut);
    let long = " ".repeat(Rules::LONGEST + 1);
    assert!(matches!(Rules::parse(&long), Err(RulesError::TooLong { .. })));
}

fn rule(condition: &str) -> String {
    let head = "@id(\"two\") @en(\"two; {(\") @zh(\"二\") forbid (principal, action == Action::\"showJob\", resource)";
    format!("{OPERATORS}{head} when {{ {condition} }};")
}

fn with(condition: &str) -> Result<Rules, RulesError> {
    Rules::parse(&rule(condition))
}

/// A thousand deep, each of these overflows the stack when Cedar reads it.
#[test]
fn deep_texts_are_refused_before_they_are_read() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{a:", "}"), ("!(", ")"), ("if true then true else ", "")] {
        for depth in [100, 1_000] {
            let deep = format!("{}true{}", open.repeat(depth), close.repeat(depth));
            assert!(matches!(with(&deep), Err(RulesError::TooDeep { line: 3, .. })), "{open}");
            // Comments end at a carriage return, as for Cedar; what is in strings and comments is not deep.
            assert!(matches!(with(&format!("// \"\r{deep}")), Err(RulesError::TooDeep { .. })), "{open}");
            let quoted = format!("// \" {deep}\n resource.author == \"\\\" {deep}\"");
            assert_eq!(with(&quoted).map(|rules| rules.explain().len()), Ok(2));
        }
    }
    assert!(matches!(with("resource.author == \"\\\"); ("), Err(RulesError::Unended { line: 3, .. })));
}

/// Longer chains would not be validated: Cedar runs out of stack and takes them as good.
#[test]
fn what_is_read_is_validated_to_its_end() {
    for (before, wrong, after) in [
        ("", "context.nope == 1", " && context.signed"),
        ("context.signed || ", "context.nope == 1", ""),
        ("", "1 == context.nope", " + 1"),
        ("", "1 == context.nope", " - 1"),
        ("", "context.nope", ".a"),
        ("", "context.nope", "[\"a\"]"),
        ("", "[context.nope]", ".contains(1)"),
        ("", "context.nope == 1", " } when { context.signed"),
        ("context.signed } unless { ", "context.nope == 1", ""),
        ("if context.signed then true else ", "context.nope == 1", ""),
    ] {
        let chain = |links: usize| format!("{}{wrong}{}", before.repeat(links), after.repeat(links));
        let fits = |links: &usize| crate::limits::check(&rule(&chain(*links))).is_ok();
        let longest = (0..200).take_while(fits).count() - 1;
        assert!((8..60).contains(&longest), "{before}{after}: {longest}");
        for result in [with(&chain(1)), with(&chain(longest))] {
            assert!(matches!(result, Err(RulesError::Unfit { .. })), "{before}{after}: {result:?}");
        }
    }
}

#[test]
fn rules_explain_themselves() {
    let rules = Rules::default();
    let written: Vec<_> = Rules::DEFAULT.lines().filter_map(|line| line.strip_prefix("@id(\"")).collect();
    let explained: Vec<_> = rules.explain().iter().map(|rule| format!("{}\")", rule.id)).collect();
    assert_eq!(explained, written);
    for rule in rules.explain() {
        assert!(
            rule.source.starts_with(&format!("@id(\"{}\")", rule.id)) && rule.source.ends_with(';'),
            "{}",
            rule.source
        );
        let chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        assert!(rule.text.to(Lang::Zh).contains(chinese) && !rule.text.to(Lang::En).contains(chinese), "{}", rule.id);
    }
    let forbid = rules.explain().iter().find(|rule| rule.id == "no-own-approval").unwrap();
    assert_eq!((forbid.effect, forbid.effect.told(Lang::Zh)), (Effect::Forbid, "禁止".to_owned()));
}

#[test]
fn a_difference_is_what_rules_do_and_say() {
    let before = Rules::parse(OPERATORS).unwrap();
    let set_otherwise = OPERATORS.replace("permit (", "// as ever\npermit\n  (");
    assert_eq!(before.diff(&Rules::parse(&set_otherwise).unwrap()), []);
    let more = "@id(\"aud\") @en(\"auditors read the log\") @zh(\"审计员阅读日志\")\n\
                permit (principal in Role::\"auditor\", action == Action::\"readLog\", resource);";
    let after =
        Rules::parse(&format!("{}{more}", OPERATORS.replace("@en(\"operators", "@en(\"all operators"))).unwrap();
    let changes = before.diff(&after);
    let [Change::Changed { before: was, after: is }, Change::Added(added)] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!(
        (was.text.to(Lang::En), is.text.to(Lang::En)),
        ("operators set the policy", "all operators set the policy")
    );
    assert_eq!((added.id.as_str(), added.source.as_str()), ("aud", more));
    let back = after.diff(&before);
    assert_eq!(back.iter().map(Change::id).collect::<Vec<_>>(), ["ops", "aud"]);
    assert!(matches!(back[1], Change::Removed(_)));
}
