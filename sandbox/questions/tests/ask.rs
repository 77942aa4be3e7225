//! Questions in SQL: what they become, and what is refused with the nearest that works.
#![allow(clippy::unwrap_used, clippy::panic)]

use unseen_data::Description;
use unseen_policies::Manifest;
use unseen_policies::manifest::Keys;
use unseen_questions::{Draft, Fault, Heading, Wish, ask};
use unseen_texts::{Lang, Say};

const HEAD: &str = "kind = \"private\"\nprovider = \"p\"\nclassification = \"internal\"\nsharing = \"none\"\n";

const MONTHLY: &str = r#"
update_cycle = "monthly"
unit = { column = "uscc", domain = "enterprise" }
bounds = { units = 1000, rows = 24000 }
column = [
    { name = "uscc", type = "text", nullable = false },
    { name = "month", type = "date", nullable = false, format = "%Y-%m", min = "2024-01", max = "2025-12" },
    { name = "output", type = "float", min = 0, max = 500 },
    { name = "tax", type = "decimal", scale = 2, min = -20, max = 80 },
    { name = "jobs", type = "int" },
    { name = "note", type = "text" },
    { name = "industry", type = "int" },
]
"#;

const FIRMS: &str = r#"
update_cycle = "once"
unit = { column = "code", domain = "enterprise" }
column = [
    { name = "code", type = "text", nullable = false },
    { name = "town", type = "text", domain = ["湖塘镇", "牛塘镇"], sizes = [900, 4] },
    { name = "land", type = "float", min = 1, max = 100 },
]
"#;

const PEOPLE: &str = "update_cycle = \"once\"\nunit = { column = \"id\", domain = \"person\" }\ncolumn = [{ name = \"id\", type = \"text\" }]\n";

/// The tables of SmartNoise's examples, and of Tumult's tutorials.
const PUMS: &str = r#"
update_cycle = "once"
unit = { column = "pid", domain = "person" }
bounds = { units = 1000, rows = 1000 }
column = [
    { name = "pid", type = "int", nullable = false },
    { name = "age", type = "int", min = 0, max = 100, nullable = false },
    { name = "sex", type = "int", min = 0, max = 1 },
    { name = "educ", type = "int", min = 1, max = 16 },
    { name = "income", type = "float", min = 0, max = 500000 },
    { name = "married", type = "bool" },
]
"#;

const MEMBERS: &str = r#"
update_cycle = "once"
unit = { column = "id", domain = "member" }
bounds = { units = 1000, rows = 1000 }
column = [
    { name = "id", type = "int", nullable = false },
    { name = "name", type = "text" },
    { name = "age", type = "int", min = 0, max = 120 },
    { name = "gender", type = "text" },
    { name = "education_level", type = "text", domain = ["up-to-high-school", "high-school-diploma", "bachelors-associate", "masters-degree", "doctorate-professional"] },
    { name = "zip_code", type = "text" },
    { name = "books_borrowed", type = "int", min = 0, max = 200 },
]
"#;

const ELDERS: &str = "update_cycle = \"once\"\nunit = { column = \"code\", domain = \"person\" }\ncolumn = [{ name = \"code\", type = \"int\" }, { name = \"age\", type = \"int\" }]\n";

const INDUSTRIES: &str = r#"name = "industries"
kind = "reference"
provider = "p"
classification = "public"
sharing = "unconditional"
update_cycle = "once"
key = "number"
column = [{ name = "number", type = "int", nullable = false }, { name = "sector", type = "text" }]
"#;

fn describe(name: &str) -> Option<Description> {
    let body = match name {
        "monthly" => MONTHLY,
        "firms" => FIRMS,
        "people" => PEOPLE,
        "PUMS" => PUMS,
        "members" => MEMBERS,
        "elders" => ELDERS,
        // As many units as there may be mistyped ones too, so that fewer rows are each one's.
        "loose" => {
            return Some(
                Description::parse(&format!(
                    "name = \"loose\"\n{HEAD}{}",
                    MONTHLY.replace("units = 1000", "units = 2000")
                ))
                .unwrap(),
            );
        }
        "industries" => return Some(Description::parse(INDUSTRIES).unwrap()),
        _ => return None,
    };
    Some(Description::parse(&format!("name = \"{}\"\n{HEAD}{body}", name.to_lowercase())).unwrap())
}

fn asked(sql: &str) -> Result<Draft, Fault> {
    ask(sql, &Wish::default(), &describe)
}

fn manifest(draft: &Draft) -> (String, Manifest) {
    let heading = Heading { title: "t".into(), purpose: "p".into(), release: "+2h".into(), rho: "0.1".into() };
    let text = draft.manifest(&heading);
    let manifest = Manifest::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (text, manifest)
}

/// Its groups, values with bounds, and ratios, on one line.
fn said(sql: &str) -> String {
    let draft = asked(sql).unwrap_or_else(|fault| panic!("{sql}: {fault}"));
    let (_, manifest) = manifest(&draft);
    let output = &manifest.outputs[0];
    let groups = output.groups.iter().map(|group| match &group.keys {
        Keys::Listed(keys) => {
            format!("{}:{}", group.name, keys.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"))
        }
        Keys::Range { first, last } => format!("{}:{first}..{last}", group.name),
        Keys::Reference { reference, column } => format!("{}:{reference}.{column}", group.name),
    });
    let values = output
        .values
        .iter()
        .map(|value| format!("{}[{}..{}/{}]", value.name, value.lower, value.upper, value.granularity));
    let ratios = output.ratios.iter().map(|ratio| format!("{}={}/{}", ratio.name, ratio.numerator, ratio.denominator));
    let question = manifest.question.iter().flat_map(|question| {
        let filter = question.filter.iter().map(|filter| format!("where {}", filter.text));
        filter.chain(question.columns.iter().map(|(name, made)| format!("{name}: {}", made.text)))
    });
    let model = manifest.question.iter().flat_map(|question| &question.model).map(|model| {
        let (kind, rounds) = (&model.kind, manifest.limits.rounds);
        let features = kind.features();
        let features = features.iter().map(|feature| format!("{} {}..{}", feature.name, feature.lower, feature.upper));
        format!("{} of {} in {rounds}", kind.name(), features.collect::<Vec<_>>().join(", "))
    });
    let most = format!("in {}", output.max_groups_per_unit);
    groups.chain([most]).chain(values).chain(ratios).chain(question).chain(model).collect::<Vec<_>>().join("; ")
}

#[test]
fn questions_become_jobs() {
    for (sql, expected) in [
        ("SELECT COUNT(*) FROM monthly", "in 1; rows[0..24/1]"),
        ("select count(distinct uscc) from monthly", "in 1; units[0..1/1]"),
        (
            "SELECT month, SUM(output) FROM monthly WHERE month >= '2025-01' GROUP BY month",
            "month_month:2025-01|2025-02|2025-03|2025-04|2025-05|2025-06|2025-07|2025-08|2025-09|2025-10|2025-11|2025-12; in 12; \
             output[0..500/1/10]; where month >= '2025-01'; month_month: year_month(\"month\")",
        ),
        (
            "SELECT town, AVG(output / land) AS per_mu FROM monthly JOIN firms ON monthly.uscc = firms.code WHERE month >= '2025-01' GROUP BY town",
            "town:湖塘镇|牛塘镇; in 1; sum_1[0..6000/1]; count_2[0..12/1]; per_mu=sum_1/count_2; where month >= '2025-01'; \
             sum_1: output / land; count_2: CASE WHEN output / land IS NULL THEN 0 ELSE 1 END",
        ),
        (
            "SELECT bin(total(output), [100, 1000], ['small', 'middle', 'large']) AS size, COUNT(DISTINCT uscc) FROM monthly GROUP BY size",
            "size:small|middle|large; in 1; units[0..1/1]; size: bin(total(output), [100, 1000], ['small', 'middle', 'large'])",
        ),
        (
            "SELECT CASE WHEN output > 100 THEN 'large' ELSE 'small' END AS size, SUM(tax) / COUNT(*) AS mean FROM monthly GROUP BY 1",
            "size:large|small; in 1; tax[-480..1920/1]; rows[0..24/1]; mean=tax/rows; size: CASE WHEN output > 100 THEN 'large' ELSE 'small' END",
        ),
        (
            "SELECT sector, year(month), COUNT(*) n FROM monthly LEFT JOIN industries ON industry = number GROUP BY sector, year(month)",
            "sector:industries.sector; group_2:2024..2025; in 2; n[0..12/1]; group_2: year(month); n: 1",
        ),
        ("SELECT COUNT(*) FROM loose", "in 1; rows[0..24/1]"),
        (
            "SELECT COUNT(*) FROM loose WHERE month <= '2024-03' GROUP BY month",
            "month_month:2024-01|2024-02|2024-03; in 3; rows[0..1/1]; where month <= '2024-03'; \
             month_month: year_month(\"month\")",
        ),
        (
            "SELECT note, COUNT(*) FROM monthly WHERE note IN ('a', 'b') GROUP BY note",
            "note:a|b; in 1; rows[0..24/1]; where note IN ('a', 'b')",
        ),
        (
            "SELECT width_bucket(output, 0, 500, 5), COUNT(*) FROM monthly GROUP BY 1",
            "group_1:1..6; in 1; rows[0..24/1]; group_1: width_bucket(output, 0, 500, 5)",
        ),
        (
            "SELECT SUM(least(jobs, 50)) FROM monthly WHERE jobs >= 0",
            "in 1; sum_1[0..1200/1]; where jobs >= 0; sum_1: least(jobs, 50)",
        ),
        // SmartNoise SQL's own examples.
        ("SELECT COUNT(*) FROM PUMS.PUMS", "in 1; rows[0..1/1]"),
        (
            "SELECT sex, AVG(age) AS age FROM PUMS.PUMS GROUP BY sex",
            "sex:0..1; in 1; sum_age[0..100/1]; rows[0..1/1]; age=sum_age/rows; sum_age: age",
        ),
        (
            "SELECT married, AVG(income) AS income, COUNT(*) AS n FROM PUMS.PUMS GROUP BY married",
            "married:0..1; in 1; sum_income[0..500000/100]; count_2[0..1/1]; n[0..1/1]; income=sum_income/count_2; \
             sum_income: income; count_2: CASE WHEN income IS NULL THEN 0 ELSE 1 END; n: 1",
        ),
        (
            "SELECT age, SUM(income) AS my_income FROM PUMS.PUMS GROUP BY age",
            "age:0..100; in 1; my_income[0..500000/100]; my_income: income",
        ),
        ("SELECT COUNT(DISTINCT pid) FROM PUMS.PUMS WHERE educ >= 13", "in 1; units[0..1/1]; where educ >= 13"),
        // What Tumult Analytics' tutorials ask of their library's members, as SQL.
        (
            "SELECT COUNT(*) FROM members WHERE education_level IN ('masters-degree', 'doctorate-professional')",
            "in 1; rows[0..1/1]; where education_level IN ('masters-degree', 'doctorate-professional')",
        ),
        (
            "SELECT bin(age, [18, 30, 65]) AS generation, AVG(books_borrowed) FROM members GROUP BY generation",
            "generation:0..3; in 1; books_borrowed[0..200/1]; count_2[0..1/1]; mean_books_borrowed=books_borrowed/count_2; \
             generation: bin(age, [18, 30, 65]); count_2: CASE WHEN books_borrowed IS NULL THEN 0 ELSE 1 END",
        ),
        (
            "SELECT QUANTILE(age, 0.25), MEDIAN(age) AS middle FROM members",
            "in 1; rank(0.25)[-1/4..3/4/1/10000]; rank(0.5)[-1/2..1/2/1/10000]; quantile of age 0..120 in 12",
        ),
        (
            "SELECT educ, COUNT(*) AS n FROM PUMS.PUMS GROUP BY educ ORDER BY n DESC",
            "educ:1..16; in 1; n[0..1/1]; n: 1; top of  in 1",
        ),
        // Models.
        (
            "SELECT month, PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY output / jobs) FROM monthly WHERE jobs BETWEEN 1 AND 9 \
             AND month >= '2025-11' GROUP BY month",
            "month_month:2025-11|2025-12; in 2; rank(0.9)[-9/10..1/10/1/10000]; where jobs BETWEEN 1 AND 9 \
             AND month >= '2025-11'; month_month: year_month(\"month\"); output / jobs: output / jobs; quantile of output / jobs 0..500 in 12",
        ),
        (
            "SELECT LINEAR_REGRESSION(income, age) FROM PUMS.PUMS WHERE income < 200000",
            "in 1; rows[0..1/1]; [age][-1..1/1/1000]; [income][-1..1/1/1000]; [age]*[age][0..1/1/1000]; \
             [age]*[income][-1..1/1/1000]; where income < 200000; linear of age 0..100, income 0..200000 in 1",
        ),
        (
            "SELECT sex, LOGISTIC_REGRESSION(income > 50000, age) FROM PUMS.PUMS GROUP BY sex",
            "sex:0..1; in 1; gradient[-1..1/1/1000]; gradient[age][-1..1/1/1000]; hessian[0..1/4/1/10000]; \
             hessian[age][-1/4..1/4/1/10000]; hessian[age]*[age][0..1/4/1/10000]; income > 50000: income > 50000; logistic of age 0..100 in 6",
        ),
        (
            "SELECT KMEANS(3, output, tax) FROM monthly WHERE month = '2025-12'",
            "cluster:1..3; in 1; rows[0..1/1]; [output][-1..1/1/1000]; [tax][-1..1/1/1000]; where month = '2025-12'; \
             k-means of output 0..500, tax -20..80 in 8",
        ),
        (
            "SELECT town, COUNT(DISTINCT uscc) AS n FROM monthly JOIN firms ON uscc = code GROUP BY town ORDER BY 2 DESC LIMIT 1",
            "town:湖塘镇|牛塘镇; in 1; units[0..1/1]; top of  in 1",
        ),
    ] {
        assert_eq!(said(sql), expected, "{sql}");
    }
}

#[test]
fn what_does_not_work_is_underlined_with_the_nearest_that_does() {
    for (sql, piece, told) in [
        ("SELECT * FROM monthly", "*", "ask for COUNT(*), or for the SUM or AVG of a column"),
        ("SELECT COUNT(*) FROM monthly JOIN firms USING (town)", "USING (town)", "write ON monthly.uscc = firms.code"),
        ("SELECT COUNT(*) FROM monthly JOIN people ON uscc = id", "uscc = id", "another kind of unit (person)"),
        (
            "SELECT COUNT(*) FROM monthly JOIN industries ON industry = sector",
            "industry = sector",
            "write ON ... = industries.number",
        ),
        ("SELECT RANK() OVER (ORDER BY output) FROM monthly", "OVER", "ask for groups with GROUP BY instead"),
        ("SELECT SUM(note) FROM monthly", "note", "count them with COUNT(*)"),
        ("SELECT AVG(month) FROM monthly", "month", "`month` holds dates, and these cannot be summed"),
        (
            "SELECT output, COUNT(*) FROM monthly GROUP BY output",
            "output",
            "put them into bins, such as bin(output, [10, 50]",
        ),
        ("SELECT note, COUNT(*) FROM monthly GROUP BY note", "note", "write WHERE note IN (...)"),
        (
            "SELECT town, COUNT(*) FROM firms WHERE town = '镇' GROUP BY town",
            "town",
            "WHERE lets none of the values through",
        ),
        ("SELECT SUM(jobs) FROM monthly", "jobs", "add --bounds \"jobs=0..100\""),
        ("SELECT MAX(output) FROM monthly", "MAX(output)", "ask for a histogram"),
        ("SELECT QUANTILE(output, 1) FROM monthly", "1", "a share lies from 0.0001 to 0.9999"),
        ("SELECT QUANTILE(output, 50 / 100) FROM monthly", "50 / 100", "a share lies from 0.0001 to 0.9999"),
        ("SELECT MEDIAN(output), MEDIAN(tax) FROM monthly", "tax", "quantiles of one column"),
        ("SELECT MEDIAN(output), COUNT(*) FROM monthly", "COUNT(*)", "a model is asked for alone"),
        ("SELECT MEDIAN(note) FROM monthly", "note", "`note` holds texts, and a model computes with numbers"),
        ("SELECT MEDIAN(jobs) FROM monthly", "jobs", "add --bounds \"jobs=0..100\""),
        ("SELECT PERCENTILE_CONT(0.5) FROM monthly", "PERCENTILE_CONT(0.5)", "write QUANTILE(column, 0.9)"),
        ("SELECT SUM(output) WITHIN GROUP (ORDER BY tax) FROM monthly", "WITHIN", "only PERCENTILE_CONT(0.5)"),
        ("SELECT LINEAR_REGRESSION(output) FROM monthly", "LINEAR_REGRESSION(output)", "what is explained, by this"),
        ("SELECT LOGISTIC_REGRESSION(output, tax) FROM monthly", "output", "write a condition, such as output > 30"),
        ("SELECT LINEAR_REGRESSION(output, tax, output) FROM monthly", "output", "this column stands here twice"),
        ("SELECT KMEANS(2, tax, tax) FROM monthly", "tax", "this column stands here twice"),
        ("SELECT KMEANS(1, output) FROM monthly", "KMEANS(1, output)", "how many centres, from 2 to 64"),
        ("SELECT KMEANS(1000, output) FROM monthly", "KMEANS(1000, output)", "how many centres, from 2 to 64"),
        ("SELECT KMEANS(4, output) FROM monthly GROUP BY month", "month", "k-means forms groups of its own"),
        ("SELECT MEDIAN(output) FROM monthly LIMIT 3", "LIMIT 3", "leave LIMIT out"),
        ("SELECT month, COUNT(*) FROM monthly GROUP BY month LIMIT 3", "LIMIT 3", "write ORDER BY a count"),
        ("SELECT month, COUNT(*) n FROM monthly GROUP BY month ORDER BY n", "ORDER BY n", "mostly noise"),
        ("SELECT COUNT(*) n FROM monthly ORDER BY n DESC", "ORDER BY n DESC", "one group only"),
        (
            "SELECT month, AVG(output) AS mean FROM monthly GROUP BY month ORDER BY mean DESC LIMIT 3",
            "mean",
            "a mean of few rows is mostly noise",
        ),
        (
            "SELECT month, COUNT(*) FROM monthly GROUP BY month ORDER BY month DESC",
            "month",
            "ranked by a count or a sum that is asked for",
        ),
        ("SELECT note FROM monthly", "note", "neither counted nor summed"),
        ("SELECT COUNT(DISTINCT note) FROM monthly", "note", "write COUNT(DISTINCT uscc)"),
        ("SELECT SUM(output) + 1 FROM monthly", "SUM(output)", "only a quotient of two"),
        ("SELECT COUNT(*) FROM industries", "industries", "is a public table"),
        ("SELECT COUNT(*) FROM nothing", "nothing", "there is no dataset `nothing`"),
        ("SELECT COUNT(note + 1) FROM monthly", "note + 1", "`note` holds texts"),
        (
            "SELECT COUNT(*) FROM PUMS JOIN elders ON pid = code WHERE elders.age > 3",
            "elders.age",
            "`pums` and `elders` both have a column `age`",
        ),
        ("SELECT COUNT(*) FROM monthly WHERE outptu > 1", "outptu", "did you mean `output`?"),
        ("SELECT COUNT(*) FROM monthly WHERE month > 3", "month > 3", "dates are compared with whole numbers"),
        ("SELECT COUNT(*) FROM monthly GROUP BY 3", "3", "there is no column 3"),
        ("SELECT COUNT(*) FROM monthly GROUP BY SUM(output)", "SUM(output)", "or bin(total(column), ...)"),
        // SmartNoise and Tumult answer these otherwise.
        ("SELECT TOP 20 age, COUNT(*) FROM PUMS.PUMS GROUP BY age", "TOP", "ORDER BY n DESC LIMIT 20"),
    ] {
        let fault = asked(sql).map(|draft| manifest(&draft).0).unwrap_err();
        let found: String = sql.chars().skip(fault.place - 1).take(fault.length).collect();
        assert!(found == piece && fault.to_string().contains(told), "{sql}: `{found}`: {fault}");
        let chinese = fault.message.told(Lang::Zh);
        assert!(chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{sql}: {chinese}");
    }
}

#[test]
fn what_was_supposed_is_said_and_may_be_said_otherwise() {
    let sql = "SELECT month, SUM(output), SUM(jobs) FROM monthly GROUP BY month";
    let wish = Wish { bounds: vec![("jobs".into(), 0.0, 300.0)], groups_per_unit: Some(6), rows_per_unit: Some(2) };
    let draft = ask(sql, &wish, &describe).unwrap();
    let (_, manifest) = manifest(&draft);
    let output = &manifest.outputs[0];
    let uppers: Vec<_> = output.values.iter().map(|value| value.upper.to_string()).collect();
    assert_eq!((output.max_groups_per_unit, uppers), (6, vec!["1000".to_owned(), "300".to_owned()]));
    let notes = draft.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(
        notes.contains("`output`: one unit adds 0 to 1000 to a group, since a row has 0 to 500 by the description"),
        "{notes}"
    );
    assert!(notes.contains("`jobs`: one unit adds 0 to 300 to a group, as you say"), "{notes}");
    let draft = asked(sql.replace(", SUM(jobs)", "").as_str()).unwrap();
    let notes = draft.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(notes.contains("at most 1 rows in a group: by its bounds (24000 rows of 1000 units), its update cycle and its days, it has at most 24 in all"), "{notes}");
    assert!(notes.contains("at most 24 groups: one for each time"), "{notes}");
    // Every unit reports every month.
    assert_eq!((draft.units_per_group, draft.rows_per_unit), (1000.0, 1.0));
}

#[test]
fn groups_are_as_large_as_the_steward_says() {
    let sql = "SELECT town, month, COUNT(DISTINCT uscc) FROM monthly JOIN firms ON uscc = code GROUP BY town, month";
    let draft = asked(sql).unwrap();
    assert_eq!(draft.sizes, [("湖塘镇".to_owned(), 900.0), ("牛塘镇".to_owned(), 4.0)]);
    assert_eq!((draft.units_per_group, draft.noisy("units", &[10.0])), (452.0, vec!["牛塘镇".to_owned()]));
    let rho = |wish: &str| draft.budget(&wish.parse().unwrap(), &[9.0]).unwrap();
    assert_eq!((rho("5 % for 湖塘镇"), rho("9 for 牛塘镇")), ("0.0400".to_owned(), "1.00".to_owned()));
}

#[test]
fn an_error_is_wished_of_what_has_one() {
    let budget = |sql: &str, wish: &str| {
        let draft = asked(sql).unwrap();
        let half_widths = vec![1.96; draft.values.len()];
        draft.budget(&wish.parse().unwrap(), &half_widths).map_err(|why| why.to_string())
    };
    // What a count is called is known, though its value has a name of its own.
    assert_eq!(budget("SELECT COUNT(DISTINCT uscc) AS n FROM monthly", "19.6 of n").unwrap(), "0.0100");
    // Three deviations, as a share of 1,000 rows.
    let medians = "SELECT QUANTILE(age, 0.9) AS old, MEDIAN(age) FROM members";
    assert_eq!(budget(medians, "3 % of old").unwrap(), "0.0100");
    assert_eq!(budget(medians, "30 of rank(0.5)").unwrap(), "0.0100");
    for sql in ["SELECT KMEANS(3, output, tax) FROM monthly", "SELECT LINEAR_REGRESSION(output, tax) FROM monthly"] {
        let why = budget(sql, "5 %").unwrap_err();
        assert!(why.contains("depends on the rows") && why.contains("--rho 0.5"), "{why}");
        assert!(asked(sql).unwrap().expected(&[]).is_empty());
    }
    let notes = asked("SELECT KMEANS(3, output, tax) FROM monthly").unwrap().notes;
    assert!(notes.iter().any(|note| note.to_string().contains("they may be in 3 clusters")), "{notes:?}");
}

/// A hundred times a row's most is that most in steps of 0.01: as such the lab would refuse it.
#[test]
fn the_bounds_of_a_sum_do_not_read_as_those_of_a_row_in_steps() {
    for (rows, value) in [(100, "name = \"sum_1\", lower = -2000, upper = 8000"), (99, "name = \"tax\", lower = -1980")]
    {
        let wish = Wish { rows_per_unit: Some(rows), ..Wish::default() };
        let (text, _) = manifest(&ask("SELECT SUM(tax) FROM monthly", &wish, &describe).unwrap());
        assert!(text.contains(value), "{text}");
    }
}
