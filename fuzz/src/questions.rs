//! Questions in SQL, and the expressions in them.

use unseen_data::Description;
use unseen_policies::Manifest;
use unseen_questions::{Heading, Wish, ask};

use crate::text;

const MONTHLY: &str = r#"
name = "monthly"
kind = "private"
provider = "p"
classification = "internal"
update_cycle = "monthly"
sharing = "none"
unit = { column = "uscc", domain = "enterprise" }
column = [
    { name = "uscc", type = "text" },
    { name = "month", type = "date", min = "2024-01-01", max = "2025-12-01" },
    { name = "output", type = "float", min = 0, max = 500 },
    { name = "tax", type = "decimal", scale = 2, min = -20, max = 80 },
    { name = "jobs", type = "int", min = 0, max = 50 },
    { name = "town", type = "text", domain = ["a", "b"] },
]
"#;

/// A question that is answered becomes a manifest that is read.
pub fn question(bytes: &[u8]) -> bool {
    let Some(sql) = text(bytes) else { return false };
    let describe = |name: &str| (name == "monthly").then(|| Description::parse(MONTHLY).unwrap());
    let heading = Heading { title: "t".into(), purpose: "p".into(), release: "+2h".into(), rho: "0.1".into() };
    match ask(sql, &Wish::default(), &describe) {
        Ok(draft) => Manifest::parse(&draft.manifest(&heading)).is_ok(),
        Err(fault) => {
            assert!(fault.place >= 1 && fault.underlined(sql).ends_with("^\n"), "{fault}");
            false
        }
    }
}

pub fn questions() -> Vec<Vec<u8>> {
    [
        "SELECT town, COUNT(*), AVG(output / jobs) AS mean FROM monthly WHERE jobs BETWEEN 1 AND 9 AND month >= '2025-01' GROUP BY town",
        "SELECT month, bin(total(tax), [1, 2.5e1], ['a', 'b', 'c']), SUM(CASE WHEN tax IS NULL THEN 0 ELSE -tax END) FROM monthly GROUP BY 1, 2",
        "SELECT town, MEDIAN(output / 2) AS middle, PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY output / 2) FROM monthly GROUP BY town",
        "SELECT town, COUNT(*) AS n FROM monthly GROUP BY 1 ORDER BY n DESC LIMIT 1",
        "SELECT town, LOGISTIC_REGRESSION(tax > 9, output, jobs) FROM monthly GROUP BY town",
        "SELECT KMEANS(3, output, least(tax, 50)) FROM monthly WHERE month = '2025-11'",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
