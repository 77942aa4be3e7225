//! The catalogue for other catalogues: DCAT-AP 3.0.1 as JSON-LD, and a dataset's fields as CSV.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::routing::get;
use serde_json::{Value, json};
use unseen_shown::dictionary;
use unseen_usecases::datasets::{Bilingual, DatasetShown, ListDatasets, ShowDataset};

use crate::asked::asked;
use crate::problem::RequestError;
use crate::service::Service;

/// Where the catalogue is.
pub(crate) const CATALOG: &str = "/v1/catalog.jsonld";
/// Where the fields of a dataset are.
pub(crate) const DICTIONARY: &str = "/v1/datasets/{dataset}/dictionary.csv";
/// The European Union's tables of codes, which DCAT-AP names.
const CODES: &str = "http://publications.europa.eu/resource/authority";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(CATALOG, get(catalog)).route(DICTIONARY, get(fields))
}

async fn catalog(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let base = base(request.headers());
    asked(service, request, move |guarded| {
        let listed = guarded.answer(&ListDatasets {})?.0.datasets;
        let one = |name: String| Ok(guarded.answer(&ShowDataset { dataset: name })?.0);
        let datasets = listed.into_iter().map(|dataset| one(dataset.name)).collect::<Result<Vec<_>, RequestError>>()?;
        let document = document(&base, guarded.view.ledger().origin(), &datasets);
        Ok(sent("application/ld+json", serde_json::to_vec_pretty(&document).unwrap_or_default()))
    })
    .await
}

async fn fields(State(service): State<Arc<Service>>, Path(dataset): Path<String>, request: Request) -> Response<Body> {
    asked(service, request, move |guarded| {
        let found = guarded.answer(&ShowDataset { dataset })?.0;
        let mut response =
            sent("text/csv; charset=utf-8", dictionary::write(&found).map_err(|_| RequestError::Inside)?);
        response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
        Ok(response)
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
        "dct:description": texts(&found.title),
        "dct:publisher": { "@type": "foaf:Agent", "foaf:name": found.provider },
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

fn sent(kind: &'static str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
