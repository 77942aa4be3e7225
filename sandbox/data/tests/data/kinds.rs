//! Files as offices and programs really write them: each is read as it was meant, or refused by its name.

use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, NullArray, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;
use unseen_data::*;

use crate::support::*;

/// Imports, and gives all rows of all units in the order of their bytes.
fn imported(toml: &str, bytes: &[u8]) -> Result<Vec<Row>, String> {
    let dir = TempDir::new().unwrap();
    let at = import_bytes(dir.path(), toml, bytes, &options(1, 1 << 20)).map_err(|error| error.to_string())?;
    let snapshot = open(&at);
    let columns: Vec<String> = snapshot.manifest().columns.iter().map(|column| column.name.clone()).collect();
    let input = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }];
    let mut scan = CoGroup::open(&input, 0, GrainLimits::NONE).unwrap();
    let mut rows = Vec::new();
    while let Some(grain) = scan.next().unwrap() {
        rows.extend(rows_of(grain.table(0)));
    }
    Ok(rows)
}

fn two(kind: &str) -> String {
    private("d", "id", &[("id", "type = \"text\""), ("v", kind)])
}

/// The second column of what is imported.
fn values(toml: &str, bytes: &[u8]) -> Result<Vec<(Value, bool)>, String> {
    Ok(imported(toml, bytes)?.into_iter().map(|row| row[1].clone()).collect())
}

fn ints(numbers: &[i64]) -> Vec<(Value, bool)> {
    numbers.iter().map(|number| int(Some(*number))).collect()
}

#[test]
fn a_quote_that_never_closes_is_refused_with_its_line() {
    let csv = format!("id,v\n{}b,\"2\nc,3\nd,4\n", "a,1\n".repeat(500));
    let error = values(&two("type = \"int\""), csv.as_bytes()).unwrap_err();
    assert_eq!(error, "line 502: a quote is opened here and never closed");
}

#[test]
fn lines_are_those_that_an_editor_shows() {
    for (csv, at) in [
        ("id,v\r\na,1\r\nb,x\r\n", "row 2 (line 3)"),
        ("id,v\n\n\na,1\n\nb,x\n", "row 2 (line 6)"),
        ("id,v\na,\"1\"\n\"b\nb\",x\n", "row 2 (line 3)"),
        ("\u{feff}id,v\ra,1\rb,x\r", "row 2 (line 3)"),
    ] {
        let error = values(&two("type = \"int\""), csv.as_bytes()).unwrap_err();
        assert!(error.starts_with(at), "{csv:?}: {error}");
    }
}

#[test]
fn several_faults_are_told_at_once_or_their_rows_set_aside() {
    let csv = "id,v\na,1\nb,x\nc\nd,4\ne,secret\n";
    let error = values(&two("type = \"int\""), csv.as_bytes()).unwrap_err();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 4, "{error}");
    assert!(
        lines[1].contains("row 2 (line 3), column \"v\"") && lines[2].contains("row 3 (line 4): 1 fields"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
    let many = format!("id,v\n{}", "a,x\n".repeat(100));
    let error = values(&two("type = \"int\""), many.as_bytes()).unwrap_err();
    assert!(error.starts_with("rows that do not fit: 20, and the file was not read any further"), "{error}");
    // Two bad cells are one bad row.
    let both = private("d", "id", &[("id", "type = \"text\""), ("v", "type = \"int\""), ("w", "type = \"int\"")]);
    let error = values(&both, b"id,v,w\na,x,y\nb,1,2\nc,3,z\n").unwrap_err();
    assert!(error.starts_with("rows that do not fit: 2\n") && error.lines().count() == 4, "{error}");

    let toml = two("type = \"int\"").replace("[unit]", "bad_rows = \"set-aside\"\n[unit]");
    let dir = TempDir::new().unwrap();
    let at = import_bytes(dir.path(), &toml, csv.as_bytes(), &options(1, 1 << 20)).unwrap();
    let report = quality(&at);
    assert_eq!((report.rows, report.bad_rows, report.set_aside), (5, 3, 0));
    assert_eq!(values(&toml, csv.as_bytes()).unwrap(), ints(&[1, 4]));
    let error = values(&toml, many.as_bytes()).unwrap_err();
    assert_eq!(error, "all 100 rows have cells that are not of their declared type");
}

#[test]
fn what_means_nothing_is_said_for_each_column() {
    let toml = private(
        "d",
        "id",
        &[
            ("id", "type = \"text\""),
            ("country", "type = \"text\"\nnull = [\"\"]"),
            ("n", "type = \"int\"\nnull = [\"-9\", \"NA\"]"),
        ],
    );
    let rows = imported(&toml, b"id,country,n\na,NA,-9\nb,,NA\nc,FR,3\n").unwrap();
    assert_eq!(rows[0][1..], [text(Some("NA")), int(None)]);
    assert_eq!(rows[1][1..], [text(None), int(None)]);
    assert_eq!(rows[2][1..], [text(Some("FR")), int(Some(3))]);
}

#[test]
fn numbers_and_dates_as_offices_write_them() {
    let with = |kind: &str, csv: &str| two(kind).replace("[csv]", &format!("[csv]\n{csv}"));
    let thousands = with("type = \"decimal\"\nscale = 2", "thousands = \",\"");
    let csv = "id,v\na,\"1,234.50\"\nb,\"　987.00\"\nc,１２０\nd,\"-12,000\"\n";
    assert_eq!(values(&thousands, csv.as_bytes()).unwrap(), ints(&[123_450, 98_700, 12_000, -1_200_000]));
    // The full-width mark is the same mark.
    for (mark, csv) in [(",", "id,v\na,１，２３４.50\n"), ("，", "id,v\na,\"1,234.50\"\n")] {
        let toml = with("type = \"decimal\"\nscale = 2", &format!("thousands = \"{mark}\""));
        assert_eq!(values(&toml, csv.as_bytes()).unwrap(), ints(&[123_450]), "{mark}");
    }
    for wrong in ["\"1,23\"", "\"1,2345\"", "\",123\"", "\"1.234,5\""] {
        let csv = format!("id,v\na,{wrong}\n");
        assert!(values(&thousands, csv.as_bytes()).unwrap_err().contains("not a decimal"), "{wrong}");
    }
    assert!(values(&two("type = \"int\""), b"id,v\na,\"1,234\"\n").is_err(), "undeclared marks");

    let days = values(
        &two("type = \"date\"\nformat = \"excel-serial\""),
        "id,v\na,45352\nb,45352.75\nc,2024/3/1\nd,61\n".as_bytes(),
    );
    assert_eq!(days.unwrap(), ints(&[19_783, 19_783, 19_783, -25_508]));
    let moments = values(&two("type = \"timestamp\"\nformat = \"excel-serial\""), b"id,v\na,45352.75\n");
    assert_eq!(moments.unwrap(), ints(&[19_783 * 86_400_000_000 + 64_800_000_000]));
    for wrong in ["60", "-1", "2958466", "x"] {
        let csv = format!("id,v\na,{wrong}\n");
        assert!(values(&two("type = \"date\"\nformat = \"excel-serial\""), csv.as_bytes()).is_err(), "{wrong}");
    }
}

/// A program that met a blank in a column of whole numbers makes floats of them all.
#[test]
fn whole_numbers_that_became_floats() {
    let ids = |kind: &str| private("d", "id", &[("id", kind), ("v", "type = \"int\"\nnull = [\"-9\"]")]);
    let csv = b"id,v\n1001.0,5.0\n1001,-9.0\n ,3\n";
    let rows = imported(&ids("type = \"int\""), csv).unwrap();
    assert_eq!(rows, [[int(Some(1001)), int(Some(5))], [int(Some(1001)), int(None)]]);
    assert!(imported(&ids("type = \"int\""), b"id,v\n1001.5,5\n").unwrap_err().contains("not a whole number"));
    // As texts they are other units than elsewhere, which their steward is told.
    let dir = TempDir::new().unwrap();
    let at = import_bytes(dir.path(), &ids("type = \"text\""), csv, &options(1, 1 << 20)).unwrap();
    assert_eq!((quality(&at).units, quality(&at).as_floats), (2, 1));
}

#[test]
fn a_total_is_no_unit() {
    let dir = TempDir::new().unwrap();
    let ids = ["甲厂", "全市 合计", "Total:", "小计", "Totalenergies", "合计甲", "　平均"];
    let csv = format!("id,v\n{}", ids.map(|id| format!("{id},1\n")).concat());
    let at = import_bytes(dir.path(), &two("type = \"int\""), csv.as_bytes(), &options(1, 1 << 20)).unwrap();
    let mut found = quality(&at).totals;
    found.sort();
    assert_eq!(found, ["Total:", "全市 合计", "小计", "平均"]);
}

#[test]
fn encodings_that_are_not_read_are_called_by_their_names() {
    let toml = two("type = \"text\"");
    let gb = toml.replace("[csv]", "[csv]\nencoding = \"gb18030\"");
    let german = format!("id,v\n{}", "Müller,Köln\nJäger & Söhne,Düren\n".repeat(4));
    let french = format!("id,v\n{}", "Café de la Gare,Orléans\nSociété,Besançon\n".repeat(4));
    let traditional = "id,v\n臺北機床廠,淡水鎮\n高雄造船廠,鼓山區\n";
    let mainland = "id,v\n常州机床厂,湖塘镇\n";
    for (text, encoding, toml, says) in [
        (&*german, encoding_rs::WINDOWS_1252, &toml, "line 2: not valid utf-8; it seems to be windows-1252, "),
        (&french, encoding_rs::WINDOWS_1252, &gb, "line 2: not valid gb18030; it seems to be windows-1252, "),
        (traditional, encoding_rs::BIG5, &toml, "line 2: not valid utf-8; it seems to be Big5, "),
        (mainland, encoding_rs::GB18030, &toml, "it seems to be gb18030: say encoding = \"gb18030\""),
    ] {
        let error = imported(toml, &encoding.encode(text).0).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    // A draft would have made other characters of it.
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("taipei.csv");
    fs::write(&source, encoding_rs::BIG5.encode(traditional).0).unwrap();
    let error = unseen_data::import::infer(&source, "taipei").unwrap_err().to_string();
    assert!(error.contains("iconv -f Big5 -t UTF-8"), "{error}");
}

#[test]
fn titles_totals_and_headers_of_two_lines() {
    let toml = "name = \"d\"\nkind = \"private\"\nprovider = \"p\"\nclassification = \"internal\"\nupdate_cycle = \"monthly\"\nsharing = \"none\"\n\
        [unit]\ncolumn = \"id\"\ndomain = \"person\"\n[csv]\nskip = 2\nfooter = 1\nheader_lines = 2\n\
        [[column]]\nname = \"id\"\ntype = \"text\"\nsource = \"企业 代码\"\n\
        [[column]]\nname = \"v\"\ntype = \"int\"\nsource = \"产值 二月\"\n";
    let csv = "月报表,,,,\n\n企业,产值,,,\n代码,一月,二月,,\na,1,2,,\nb,3,4,,\n合计,4,6,,\n";
    assert_eq!(values(toml, csv.as_bytes()).unwrap(), ints(&[2, 4]));
    let error = values(toml, csv.replace("b,3,4", "b,3,x").as_bytes()).unwrap_err();
    assert!(error.starts_with("row 2 (line 6), column \"v\""), "{error}");

    // A twin of it is read in the same way.
    let dir = TempDir::new().unwrap();
    let description = Description::parse(toml).unwrap();
    let twin = unseen_data::twin::write(&description, toml, 50, 1, dir.path()).unwrap();
    assert_eq!(values(toml, &fs::read(twin.data).unwrap()).unwrap().len(), 50);
}

#[test]
fn columns_without_a_name_and_under_another() {
    let unnamed = "id,v,,,\na,1,,,\n";
    assert_eq!(values(&two("type = \"int\""), unnamed.as_bytes()).unwrap(), ints(&[1]));
    let question = "1、请问贵单位在过去十二个月内是否使用过由本市政务服务平台提供的线上办理服务，包括但不限于税务、社保和年报等事项？";
    let csv = format!("id,\"{question}\"\na,7\n");
    let toml = two(&format!("type = \"int\"\nsource = \"{question}\""));
    assert_eq!(values(&toml, csv.as_bytes()).unwrap(), ints(&[7]));
}

#[test]
fn compressed_files_and_workbooks() {
    use std::io::Write;
    let csv = b"id,v\na,1\nb,2\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(csv).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(csv.as_slice(), 1).unwrap();
    for packed in [&gzip, &zstd] {
        assert_eq!(values(&two("type = \"int\""), packed).unwrap(), ints(&[1, 2]));
        assert!(values(&two("type = \"int\""), &packed[..packed.len() - 9]).is_err(), "cut short");
    }

    let book = include_bytes!("files/months.xlsx");
    let toml = "name = \"d\"\nkind = \"private\"\nsheet = \"2025\"\nprovider = \"p\"\nclassification = \"internal\"\nupdate_cycle = \"monthly\"\nsharing = \"none\"\n\
        [unit]\ncolumn = \"企业\"\ndomain = \"enterprise\"\n[csv]\nskip = 2\n\
        [[column]]\nname = \"企业\"\ntype = \"text\"\n[[column]]\nname = \"产值\"\ntype = \"float\"\n\
        [[column]]\nname = \"月份\"\ntype = \"date\"\n[[column]]\nname = \"规上\"\ntype = \"bool\"\n";
    let error = imported(toml, book).unwrap_err();
    assert!(error.starts_with("row 3 (line 7), column \"产值\""), "{error}");
    let lenient = toml.replace("[unit]", "bad_rows = \"set-aside\"\n[unit]");
    let mut rows = imported(&lenient, book).unwrap();
    rows.sort_by_key(|row| format!("{:?}", row[1]));
    assert_eq!(rows[0][1..], [float(Some(1234.5)), int(Some(19_783)), bool(Some(true))]);
    assert_eq!(rows[1][1..], [float(Some(7.0)), int(Some(19_814)), bool(Some(false))]);
    let several = imported(&toml.replace("sheet = \"2025\"\n", ""), book).unwrap_err();
    assert!(several.contains("several sheets") && several.contains("2025, 说明"), "{several}");
    // An empty cell is the empty text, whatever else means that there is no value.
    let gaps = include_bytes!("files/gaps.xlsx");
    let toml_of_gaps =
        private("d", "id", &[("id", "type = \"text\""), ("v", "type = \"text\""), ("note", "type = \"text\"")]);
    let rows = imported(&toml_of_gaps.replace("null = [\"\", \"NA\"]", "null = [\"NA\"]"), gaps).unwrap();
    assert_eq!(rows[0][1..], [text(Some("x")), text(None)]);
    assert_eq!(rows[1][1..], [text(Some("")), text(Some("z"))]);
    let other = imported(&toml.replace("\"2025\"", "\"2024\""), book).unwrap_err();
    assert!(other.contains("no sheet \"2024\""), "{other}");
}

#[test]
fn what_is_not_taken_is_called_by_its_name() {
    for (bytes, name) in [
        (b"\xd0\xcf\x11\xe0\xa1\xb1".as_slice(), ".xls"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\0\0", "xz"),
        (b"ARROW1\0\0", "Feather"),
        (b"PK\x03\x04zip", "ZIP archive"),
        (b"{\"id\": 1}\n", "JSON"),
        (b"i\0d\0,\0v\0", "UTF-16"),
        (b"\xfe\xff\0i\0d", "UTF-16"),
        (b"%PDF-1.7", "PDF"),
    ] {
        let error = values(&two("type = \"int\""), bytes).unwrap_err();
        assert!(error.contains(name), "{name}: {error}");
    }
}

fn parquet(column: ArrayRef, compression: Compression) -> Vec<u8> {
    let ids: Vec<String> = (0..column.len()).map(|at| format!("p{at}")).collect();
    let ids: ArrayRef = Arc::new(StringArray::from(ids));
    let batch = RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("v", column, true)]).unwrap();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_as_other_programs_write_it() {
    let numbers = || Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
    for compression in [
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
        Compression::LZ4,
    ] {
        let found = values(&two("type = \"int\""), &parquet(numbers(), compression));
        assert_eq!(found, Ok(ints(&[1, 2])), "{compression:?}");
    }
    let plain = |column: ArrayRef| parquet(column, Compression::UNCOMPRESSED);
    // Whole numbers that became floats; nothing else of a float is an int.
    let floats = |numbers: &[f64]| plain(Arc::new(Float64Array::from(numbers.to_vec())));
    assert_eq!(values(&two("type = \"int\""), &floats(&[1001.0, -3.0])).unwrap(), ints(&[1001, -3]));
    for odd in [1.5, 1e300, f64::NAN, f64::INFINITY] {
        assert!(values(&two("type = \"int\""), &floats(&[odd])).is_err(), "{odd}");
    }
    let not_a_number = two("type = \"float\"\nnull = [\"NaN\"]");
    assert_eq!(values(&not_a_number, &floats(&[0.5, f64::NAN])).unwrap(), [float(Some(0.5)), float(None)]);
    assert!(values(&two("type = \"float\""), &floats(&[f64::NAN])).is_err());
    let empty = plain(Arc::new(NullArray::new(2)));
    assert_eq!(values(&two("type = \"int\""), &empty).unwrap(), [int(None), int(None)]);
    let none = plain(Arc::new(Int64Array::from(Vec::<i64>::new())));
    assert_eq!(values(&two("type = \"int\""), &none).unwrap_err(), "the file has a header but no rows");
    let codes = plain(Arc::new(StringArray::from(vec!["NA", "FR"])));
    assert_eq!(values(&two("type = \"text\"\nnull = []"), &codes).unwrap(), [text(Some("NA")), text(Some("FR"))]);
}

/// INT96, as Spark and Hive write times: far past what 64 bits of nanoseconds hold.
#[test]
fn no_time_moves() {
    let schema = Arc::new(parse_message_type("message m { required binary id (UTF8); required int96 v; }").unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let ids: Vec<ByteArray> = ["a", "b", "c"].map(ByteArray::from).into();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&ids, None, None).unwrap();
    column.close().unwrap();
    // Nanoseconds of the day, and the Julian day, of 9999-12-31, 0001-01-01 and 2024-03-01 12:00.
    let moment = |day: u32, nanos: u64| Int96::from(vec![nanos as u32, (nanos >> 32) as u32, day]);
    let moments = [moment(5_373_484, 0), moment(1_721_426, 0), moment(2_460_371, 43_200_000_000_000)];
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int96Type>().write_batch(&moments, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let days = [2_932_896, -719_162, 19_783].map(|days: i64| days * 86_400_000_000);
    let found = values(&two("type = \"timestamp\""), &bytes).unwrap();
    assert_eq!(found, ints(&[days[0], days[1], days[2] + 43_200_000_000]));
}

#[test]
fn a_sign_for_no_end_is_not_fresh() {
    let toml = two("type = \"date\"");
    let dir = TempDir::new().unwrap();
    let at = import_bytes(dir.path(), &toml, b"id,v\na,2010-02-01\nb,9999-12-31\n", &options(1, 1 << 20)).unwrap();
    let freshness = quality(&at).freshness.unwrap();
    assert_eq!((freshness.newest.to_string().as_str(), freshness.fresh), ("2010-02-01 00:00:00 UTC", false));
}
