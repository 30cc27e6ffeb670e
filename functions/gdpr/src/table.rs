//! An export as one table that a spreadsheet opens: `category,record,field,value`, a row for each value.
//!
//! A spreadsheet takes a cell that begins like a formula for one, and runs it. People choose their own names, so each
//! such cell gets an apostrophe before it, which makes it text (OWASP, CSV Injection).

use csv::{QuoteStyle, Writer, WriterBuilder};
use serde_json::Value;

/// What makes a cell a formula, if it comes first; the last four for the spreadsheets of East Asia.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Where a value belongs.
struct Place<'a> {
    category: &'a str,
    /// Which record of the category, from 1; none where the category is one.
    record: Option<usize>,
}

/// The table of an export.
pub(crate) fn of(export: &Value) -> Result<Vec<u8>, csv::Error> {
    let mut table = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(Vec::new());
    table.write_record(["category", "record", "field", "value"])?;
    let metadata = [("metadata", &export["metadata"])];
    let data = export["personal_data"].as_object().into_iter().flatten();
    for (category, value) in metadata.into_iter().chain(data.map(|(name, value)| (name.as_str(), value))) {
        match value {
            Value::Array(records) => {
                for (record, value) in (1..).zip(records) {
                    write(&mut table, &Place { category, record: Some(record) }, "", value)?;
                }
            }
            value => write(&mut table, &Place { category, record: None }, "", value)?,
        }
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// Writes `value`, which `field` names: an object as its fields, anything else as one row. What is null is left out.
fn write(
    table: &mut Writer<Vec<u8>>,
    place: &Place<'_>,
    field: &str,
    value: &Value,
) -> Result<(), csv::Error> {
    let value = match value {
        Value::Null => return Ok(()),
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                write(table, place, &name, value)?;
            }
            return Ok(());
        }
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let record = place.record.map(|record| record.to_string()).unwrap_or_default();
    table.write_record([place.category, &record, &harmless(field), &harmless(&value)])
}

/// `cell` as text, whatever it begins with.
fn harmless(cell: &str) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(export: &Value) -> Vec<Vec<String>> {
        let table = of(export).unwrap();
        let rows = csv::Reader::from_reader(table.as_slice()).into_records();
        rows.map(|row| row.unwrap().iter().map(ToOwned::to_owned).collect()).collect()
    }

    #[test]
    fn every_value_has_a_row_that_says_where_it_belongs() {
        let export = json!({
            "metadata": { "format": "csv", "categories": ["a", "b"] },
            "personal_data": { "user_profile": { "a": { "b": 1 }, "none": null }, "logs": [{ "x": "1,\"2\"\n3" }] },
        });
        let expected = [
            ["metadata", "", "categories", r#"["a","b"]"#],
            ["metadata", "", "format", "csv"],
            ["logs", "1", "x", "1,\"2\"\n3"],
            ["user_profile", "", "a.b", "1"],
        ];
        assert_eq!(rows(&export), expected);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for start in FORMULA {
            let (name, value) = (format!("{start}name"), format!("{start}SUM(A1)"));
            let row = rows(&json!({ "metadata": {}, "personal_data": { "p": { name: value } } })).remove(0);
            assert!(row.iter().all(|cell| !cell.starts_with(FORMULA)), "{row:?}");
        }
    }
}
