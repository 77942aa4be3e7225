//! What a dataset's fields are, as a CSV file for office programs.

use unseen_usecases::datasets::DatasetShown;

use crate::released::csv::inert;

/// The file, with a byte order mark by which office programs see that it is UTF-8.
pub fn write(found: &DatasetShown) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::from("\u{feff}"));
    writer.write_record([
        "字段 field",
        "类型 type",
        "可为空 nullable",
        "最小 min",
        "最大 max",
        "取值 values",
        "规范化 normalize",
        "含义 zh",
        "meaning en",
    ])?;
    for column in &found.columns {
        let [min, max] = [&column.min, &column.max].map(|end| end.clone().unwrap_or_default());
        let nullable = if column.nullable { "yes" } else { "no" };
        let (values, meaning) = (column.domain.join(" "), &column.meaning);
        let form: Vec<&str> = column.normalize.iter().map(|step| step.word()).collect();
        let form = form.join(" ");
        let cells = [&column.name, &column.kind, nullable, &min, &max, &values, &form, &meaning.zh, &meaning.en];
        writer.write_record(cells.map(inert))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
