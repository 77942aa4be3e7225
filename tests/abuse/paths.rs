//! Addresses that want to be somewhere else.

use serde_json::Value;

use crate::house::House;
use crate::support::tree;

/// What stands where an id should. Both ways of HTTP send these bytes as they are.
const TRICKS: &[&str] = &[
    "..",
    "%2e%2e",
    ".%2e",
    "..%2f..%2flab.toml",
    "%2e%2e%2f%2e%2e%2fkeys%2fservice.pem",
    "..%252f..%252fkeys",
    "..%5c..%5ckeys",
    "..;/..;/keys",
    "../../../../../../etc/passwd",
    "%2fetc%2fpasswd",
    "file:%2f%2f%2fetc%2fpasswd",
    "%c0%ae%c0%ae%c0%af",
    "%00",
    "j1%00.json",
    "%0d%0aset-cookie:%20a=b",
    "%1b%5b31m",
    "%e2%80%ae",
    "%ff%fe",
    "%",
    "%zz",
    "~",
    "*",
    "$(id)",
    "'%20or%201=1--",
    "j0",
    "j-1",
    "j18446744073709551616",
    "j99999999999999999999999999999999",
    "000.p",
    "0x1",
    "1e3",
    "con",
    ".ready",
];

/// Everything that has an id in its address, by method.
fn places(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, ways)| {
        let methods =
            ways.as_object().unwrap().keys().filter(|way| ["get", "post", "put", "delete"].contains(&way.as_str()));
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    });
    let mut found: Vec<_> = all.filter(|(_, path)| path.contains('{')).collect();
    found.extend(
        ["/tile/{x}", "/tile/0/{x}", "/tile/entries/{x}", "/zh/{x}", "/{x}"].map(|at| ("GET".into(), at.into())),
    );
    found
}

fn filled(path: &str, trick: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { trick } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_leads_out_of_its_place() {
    let house = House::open();
    house.lab.submit("job");
    let operator = house.wire("operator");
    let (_, document) = operator.ask("GET", "/openapi.json", None, b"").await.unwrap();
    let places = places(&serde_json::from_str(&document).unwrap());
    assert!(places.len() > 15, "{places:?}");
    let files = || {
        let all = tree(&house.lab.path("lab")).into_iter();
        all.filter(|path| !path.starts_with("access/") && !path.starts_with("incoming/")).collect::<Vec<_>>()
    };
    let (before, entries) = (files(), house.lab.entries());
    let long = "%2e%2e%2f".repeat(600);
    let mut asked = 0;
    for (method, path) in &places {
        // One connection for each, by HTTP/2; what a library will not send, it refuses.
        let mut client = operator.h2().await.unwrap();
        for trick in TRICKS.iter().copied().chain([long.as_str()]) {
            let at = filled(path, trick);
            let body = if method == "GET" { b"".as_slice() } else { b"{}" };
            let mut said = operator.ask(method, &at, None, body).await.into_iter().collect::<Vec<_>>();
            if let Some((response, _)) = crate::house::h2_send(&mut client, method, &at, None, Some(body)).await {
                said.extend(crate::house::h2_answer(response).await);
            }
            for (status, said) in said {
                // A name of dots alone is one that no client makes shorter: it is nobody's dataset.
                assert!((400..500).contains(&status), "{method} {at}: {status} {said}");
                assert!(!said.contains("PRIVATE KEY") && !said.contains("root:"), "{method} {at}: {said}");
                asked += 1;
            }
        }
    }
    assert!(asked > places.len() * TRICKS.len(), "only {asked}");
    assert_eq!((files(), house.lab.entries()), (before, entries));
    let told = house.told();
    assert!(!told.iter().any(|line| line.contains("panicked")), "{told:?}");
}
