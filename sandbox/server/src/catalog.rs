//! The catalogue for other catalogues: DCAT-AP 3.0.1 as JSON-LD, and a dataset's fields as CSV.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::routing::get;
use serde_json::{Value, json};
use unseen_access::Action;
use unseen_api::address::of_query;
use unseen_shown::dictionary;
use unseen_usecases::datasets::{
    self, Bilingual, DatasetShown, ListDatasets, MOST_SENT, ShowDataset, Twin, TwinWritten,
};

use crate::answer::attachment;
use crate::asked::{asked, asked_slowly};
use crate::bundle::Exported;
use crate::problem::RequestError;
use crate::service::Service;

/// Where the catalogue is.
pub(crate) const CATALOG: &str = "/v1/catalog.jsonld";
/// Where the fields of a dataset are.
pub(crate) const DICTIONARY: &str = "/v1/datasets/{dataset}/dictionary.csv";
/// Where made-up rows of a dataset are, or the rows themselves where they are public; and the description for both.
pub(crate) const TWIN: &str = "/v1/datasets/{dataset}/twin/{part}";
/// The European Union's tables of codes, which DCAT-AP names.
const CODES: &str = "http://publications.europa.eu/resource/authority";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(CATALOG, get(catalog)).route(DICTIONARY, get(fields)).route(TWIN, get(twin))
}

async fn catalog(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let base = base(request.headers());
    asked(service, request, move |guarded| {
        let listed = guarded.answer(&ListDatasets {})?.0.datasets;
        let one = |name: String| Ok(guarded.answer(&ShowDataset { dataset: name })?.0);
        let datasets = listed.into_iter().map(|dataset| one(dataset.name)).collect::<Result<Vec<_>, RequestError>>()?;
        let document = document(&base, guarded.view.ledger().origin(), &datasets);
        let mut response = Response::new(Body::from(serde_json::to_vec_pretty(&document).unwrap_or_default()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/ld+json"));
        Ok(response)
    })
    .await
}

async fn fields(State(service): State<Arc<Service>>, Path(dataset): Path<String>, request: Request) -> Response<Body> {
    asked(service, request, move |guarded| {
        let found = guarded.answer(&ShowDataset { dataset })?.0;
        let bytes = dictionary::write(&found).map_err(|_| RequestError::Inside)?;
        Ok(attachment("text/csv; charset=utf-8", &format!("{}.fields.csv", found.name), bytes))
    })
    .await
}

/// How many rows are to be made up, and from which seed.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MadeUp {
    #[serde(default = "MadeUp::rows")]
    rows: u64,
    #[serde(default)]
    seed: u64,
}

impl MadeUp {
    fn rows() -> u64 {
        1_000
    }
}

/// The part is `NAME.csv` or `NAME.dataset.toml`: what `unseen job try` finds in a folder of twins.
async fn twin(
    State(service): State<Arc<Service>>,
    Path((dataset, part)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    asked_slowly(service, request, move |guarded| {
        let MadeUp { rows, seed } = of_query(&[], &query).map_err(RequestError::Malformed)?;
        if !(1..=MOST_SENT).contains(&rows) {
            return Err(RequestError::Malformed(format!("`rows`: between 1 and {MOST_SENT} can be made here")));
        }
        let (found, resource) = guarded.answer(&ShowDataset { dataset })?;
        guarded.may(Action::MakeTwin, &resource, TWIN)?;
        let folder = Exported::new(guarded.service)?;
        let request = Twin { rows, seed, out: folder.path().to_owned() };
        let TwinWritten { data, description, .. } = datasets::twin(&guarded.service.desk, &found.name, &request)?;
        let (kind, file) = match part.strip_prefix(&found.name) {
            Some(".csv") => ("text/csv; charset=utf-8", data),
            Some(".dataset.toml") => ("application/toml; charset=utf-8", description),
            _ => return Err(RequestError::NoSuchPlace),
        };
        Ok(attachment(kind, &part, std::fs::read(file).map_err(|_| RequestError::Inside)?))
    })
    .await
}

/// Where the service is, as whoever asks knows it.
fn base(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("https://{host}")
}

/// A `dcat:Catalog` with what DCAT-AP 3.0.1 requires, and what it recommends as far as descriptions say it.
fn document(base: &str, origin: &str, datasets: &[DatasetShown]) -> Value {
    let title = Bilingual { zh: format!("{origin} 数据目录"), en: format!("Datasets of {origin}") };
    let about = Bilingual {
        zh: "可用不可见：数据只在实验室内计算，离开的只有加噪后的汇总结果。".to_owned(),
        en: "Data that can be used and never seen: it is computed on inside the lab, and only noised aggregates leave."
            .to_owned(),
    };
    let service = format!("{base}/v1");
    json!({
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/", "vcard": "http://www.w3.org/2006/vcard/ns#",
        },
        "@id": format!("{base}{CATALOG}"),
        "@type": "dcat:Catalog",
        "dct:title": texts(&title),
        "dct:description": texts(&about),
        "dct:publisher": { "@id": format!("{base}/#lab"), "@type": "foaf:Agent", "foaf:name": origin },
        "dcat:service": {
            "@id": service,
            "@type": "dcat:DataService",
            "dct:title": texts(&title),
            "dcat:endpointURL": { "@id": service },
            "dcat:endpointDescription": { "@id": format!("{base}/openapi.json") },
            "dcat:servesDataset": datasets.iter().map(|found| json!({ "@id": at(base, found) })).collect::<Vec<_>>(),
        },
        "dcat:dataset": datasets.iter().map(|found| dataset(base, found)).collect::<Vec<_>>(),
    })
}

fn at(base: &str, found: &DatasetShown) -> String {
    format!("{base}/en/datasets/{}", found.name)
}

fn dataset(base: &str, found: &DatasetShown) -> Value {
    let access = match found.classification.en() {
        "public" => "PUBLIC",
        "internal" => "RESTRICTED",
        _ => "NON_PUBLIC",
    };
    let cycle = match found.update_cycle.en() {
        "realtime" => "UPDATE_CONT",
        "daily" => "DAILY",
        "weekly" => "WEEKLY",
        "monthly" => "MONTHLY",
        "quarterly" => "QUARTERLY",
        "yearly" => "ANNUAL",
        "once" => "NEVER",
        _ => "IRREG",
    };
    let page = at(base, found);
    json!({
        "@id": page,
        "@type": "dcat:Dataset",
        "dct:identifier": found.name,
        "dct:title": texts(&found.title),
        "dct:description": texts(if found.about.zh.is_empty() && found.about.en.is_empty() { &found.title } else { &found.about }),
        "dct:publisher": { "@type": "foaf:Agent", "foaf:name": found.provider },
        "dcat:contactPoint": {
            "@type": "vcard:Kind",
            "vcard:fn": found.contact.as_deref().unwrap_or(&found.steward),
        },
        "dct:accessRights": { "@id": format!("{CODES}/access-right/{access}"), "@type": "dct:RightsStatement" },
        "dct:accrualPeriodicity": { "@id": format!("{CODES}/frequency/{cycle}"), "@type": "dct:Frequency" },
        "dcat:distribution": {
            "@id": format!("{page}#jobs"),
            "@type": "dcat:Distribution",
            "dct:title": [
                { "@language": "zh", "@value": "在实验室内计算，发布加噪后的汇总结果" },
                { "@language": "en", "@value": "Computed on inside the lab; noised aggregates are released" },
            ],
            "dcat:accessURL": { "@id": page },
        },
    })
}

fn texts(text: &Bilingual) -> Value {
    let both = [("zh", &text.zh), ("en", &text.en)].into_iter().filter(|(_, said)| !said.is_empty());
    both.map(|(language, said)| json!({ "@language": language, "@value": said })).collect()
}
